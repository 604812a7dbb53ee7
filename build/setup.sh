#!/bin/bash
# Brings the servers that Rohrpost stands on. Says nothing and takes no time when they are there. As root on Debian it
# installs what is missing; otherwise it says in one sentence what to install.
#
# usage: setup.sh run       for `rohrpost dev`: PostgreSQL, Redis, ClamAV; those that DATABASE_URL, REDIS_URL or
#                           CLAMD_ADDRESS point to elsewhere are not needed here
#        setup.sh observe   the same, and Prometheus
#        setup.sh test      for the tests, which start and stop their own servers, whatever those variables say
#        setup.sh ollama    only what building Ollama for the tests needs
set -euo pipefail

mode=${1:-}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

missing=()
# need PACKAGE COMMAND...: the package is missing unless one of the commands is there
need() {
  local package=$1 command
  shift
  for command in "$@"; do
    if command -v "$command" >/dev/null; then return; fi
    for dir in /usr/sbin /usr/local/sbin /sbin; do
      if [[ -x $dir/$command ]]; then return; fi
    done
  done
  missing+=("$package")
}

need_postgres() {
  if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; then return; fi
  need postgresql initdb
}

need_header() { [[ -e /usr/include/$2 ]] || missing+=("$1"); }

need_ollama_build() {
  local version_file="${XDG_CACHE_HOME:-$HOME/.cache}/rohrpost"
  if [[ $mode == test ]] && compgen -G "$version_file/ollama-*/ollama" >/dev/null; then return; fi
  need gcc gcc
  need g++ g++
  need_header nlohmann-json3-dev nlohmann/json.hpp
  need_header libstb-dev stb/stb_image.h
}

case $mode in
run | observe)
  [[ -n ${DATABASE_URL:-} ]] || need_postgres
  [[ -n ${REDIS_URL:-} ]] || need redis-server redis-server
  [[ -n ${CLAMD_ADDRESS:-} ]] || need clamav-daemon clamd
  [[ $mode == run ]] || need prometheus prometheus
  ;;
test)
  need_postgres
  need redis-server redis-server
  need clamav-daemon clamd
  need curl curl # pastes the tour
  need prometheus prometheus # with promtool, which checks the alerts
  need_ollama_build
  ;;
ollama)
  need_ollama_build
  ;;
*)
  echo "usage: setup.sh run|observe|test|ollama" >&2
  exit 2
  ;;
esac

if [[ ${#missing[@]} -eq 0 ]]; then exit 0; fi

if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
  sentence="Please install ${missing[*]}"
  if command -v apt-get >/dev/null; then sentence="Please run: sudo apt-get install ${missing[*]}"; fi
  if [[ $mode == run || $mode == observe ]]; then
    sentence+="; or point DATABASE_URL, REDIS_URL, CLAMD_ADDRESS and OLLAMA_HOST to servers that run elsewhere"
    # `rohrpost dev` has a stand-in for Redis, and for nothing else.
    if [[ ${missing[*]} == redis-server ]]; then
      echo "$sentence. Until then dev uses an embedded stand-in that forgets at exit." >&2
      exit 0
    fi
  fi
  echo "$sentence." >&2
  exit 1
fi

echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Another apt may be at work. A package that tries to start its service, or is forbidden to, is fine: we start our own.
apt() { apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1; }
if ! apt update || ! apt install -y --no-install-recommends "${missing[@]}"; then
  tail -n 20 "$log" >&2
  echo "Installing ${missing[*]} did not work; what apt said is above." >&2
  exit 1
fi
