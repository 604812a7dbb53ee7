#!/bin/bash
# Builds k6 from its Go module: what drives the load tests. Some minutes the first time, then nothing to do.
#
# usage: k6.sh [FOLDER]      default: ${XDG_CACHE_HOME:-~/.cache}/rohrpost/k6-VERSION, where `make load` looks
set -euo pipefail

version=1.8.1 # the Makefile names the same one
dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/rohrpost/k6-$version}

if [[ -x $dest/k6 ]]; then exit 0; fi
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)

# The lock is the kernel's: a killed build leaves none behind.
exec 9>"$dest/build.lock"
flock 9
if [[ -x $dest/k6 ]]; then exit 0; fi # by the one we waited for

echo "building k6 $version into $dest (some minutes, once)"
partial=$dest/partial
rm -rf "$partial"
mkdir "$partial"
# Away from any go.mod or go.work, whose settings are not meant for this build.
cd "$partial"
CGO_ENABLED=0 GOBIN="$partial" GOFLAGS='' go install -trimpath -ldflags "-s -w" "go.k6.io/k6@v$version"
# Into place at once: whoever finds the name finds all of the program.
mv "$partial/k6" "$dest/k6"
cd "$dest"
rm -rf "$partial"
