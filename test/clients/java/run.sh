#!/bin/sh
# $1: a folder to build in
set -e
command -v mvn >/dev/null && command -v javac >/dev/null || exit 77
driver="$1/postgresql.jar"
[ -f "$driver" ] || mvn -q dependency:copy -Dartifact=org.postgresql:postgresql:42.7.4 -Dmdep.stripVersion=true -DoutputDirectory="$1"
javac -d "$1" -cp "$driver" "$(dirname "$0")/Client.java"
java -cp "$driver:$1" Client
