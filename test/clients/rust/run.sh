#!/bin/sh
# $1: a folder to build in
set -e
command -v cargo >/dev/null || exit 77
cp -r "$(dirname "$0")/src" "$(dirname "$0")/Cargo.toml" "$1"
cd "$1"
cargo run -q
