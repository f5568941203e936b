#!/bin/sh
# $1: a folder to build in
set -e
command -v python3 >/dev/null || exit 77
[ -x "$1/bin/python" ] || python3 -m venv "$1"
"$1/bin/python" -c 'import psycopg, psycopg2, asyncpg' 2>/dev/null || "$1/bin/pip" -q install 'psycopg[binary]' psycopg2-binary asyncpg
"$1/bin/python" "$(dirname "$0")/client.py"
