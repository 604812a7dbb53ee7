#!/bin/bash
# Builds Mailpit from its Go module: the mail server that the tests send to. About a minute the first time, then nothing
# to do. The module has no web page in it, only the API, which is what the tests read.
#
# usage: mailpit.sh [FOLDER]      default: ${XDG_CACHE_HOME:-~/.cache}/rohrpost/mailpit-VERSION, where the tests look
set -euo pipefail

version=1.27.11 # internal/devstack/mailpit.go names the same one
dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/rohrpost/mailpit-$version}

if [[ -x $dest/mailpit ]]; then exit 0; fi
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)

# The lock is the kernel's: a killed build leaves none behind.
exec 9>"$dest/build.lock"
flock 9
if [[ -x $dest/mailpit ]]; then exit 0; fi # by the one we waited for

echo "building Mailpit $version into $dest (about a minute, once)"
partial=$dest/partial
rm -rf "$partial"
mkdir "$partial"
# Away from any go.mod or go.work, whose settings are not meant for this build.
cd "$partial"
CGO_ENABLED=0 GOBIN="$partial" GOFLAGS='' \
  go install -trimpath -ldflags "-s -w" "github.com/axllent/mailpit@v$version"
# Into place at once: whoever finds the name finds all of the program.
mv "$partial/mailpit" "$dest/mailpit"
cd "$dest"
rm -rf "$partial"
