#!/bin/bash
# Builds the real Ollama server, CPU only, from its Go module: the tests run against it. Some 5 minutes the first time,
# then nothing to do. Needs Go, gcc and g++; fetches two header packages through apt when root.
#
# usage: build.sh [FOLDER]      default: ${XDG_CACHE_HOME:-~/.cache}/rohrpost/ollama-VERSION, where the tests look
set -euo pipefail

version=0.17.4 # internal/devstack/ollama.go names the same one
dest=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/rohrpost/ollama-$version}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

built() { [[ -x $dest/ollama && $(cat "$dest/ollama.version" 2>/dev/null) == "v$version" ]]; }

if built; then exit 0; fi
mkdir -p "$dest"
dest=$(cd "$dest" && pwd)

# The lock is the kernel's: a killed build leaves none behind.
exec 9>"$dest/build.lock"
flock 9
if built; then exit 0; fi # by the one we waited for

"$here/../setup.sh" ollama

# Module zips leave out folders named vendor/, where Ollama keeps three C++ headers: two are Debian's, the third
# (miniaudio, for audio input only) is the stand-in beside this script.
echo "building Ollama $version into $dest (some 5 minutes, once)"
partial=$dest/partial
rm -rf "$partial"
mkdir "$partial"
# Away from any go.mod or go.work, whose settings are not meant for this build.
cd "$partial"
CGO_ENABLED=1 CPLUS_INCLUDE_PATH="$here/include" GOBIN="$partial" GOFLAGS='' \
  go install -ldflags "-s -w -X github.com/ollama/ollama/version.Version=$version" "github.com/ollama/ollama@v$version"
mv "$partial/ollama" "$dest/ollama"
echo "v$version" >"$dest/ollama.version"
cd "$dest"
rm -rf "$partial"
