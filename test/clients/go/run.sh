#!/bin/sh
# $1: a folder to build in
set -e
command -v go >/dev/null || exit 77
cp "$(dirname "$0")/client.go" "$1"
cd "$1"
[ -f go.mod ] || { go mod init client && go get github.com/jackc/pgx/v5@v5; } >/dev/null 2>&1
go run .
