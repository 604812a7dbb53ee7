#!/bin/bash
# Builds a Go program of a version from its module into the cache, some minutes the first time; then there is nothing to do.
#
# usage: tool.sh NAME PACKAGE VERSION      becomes ${XDG_CACHE_HOME:-~/.cache}/rohrpost/NAME-VERSION/NAME
set -euo pipefail

name=$1 package=$2 version=$3
dest=${XDG_CACHE_HOME:-$HOME/.cache}/rohrpost/$name-$version

if [[ -x $dest/$name ]]; then exit 0; fi
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)

# The lock is the kernel's: a killed build leaves none behind.
exec 9>"$dest/build.lock"
flock 9
if [[ -x $dest/$name ]]; then exit 0; fi # by the one we waited for

echo "building $name $version into $dest (some minutes, once)"
partial=$dest/partial
rm -rf "$partial"
mkdir "$partial"
# Away from any go.mod or go.work, whose settings are not meant for this build.
cd "$partial"
CGO_ENABLED=0 GOBIN="$partial" GOFLAGS='' go install -trimpath -ldflags "-s -w" "$package@v${version#v}"
# Into place at once: whoever finds the name finds all of the program.
mv "$partial/$name" "$dest/$name"
cd "$dest"
rm -rf "$partial"
