#!/bin/bash
# Runs the load tests against a private stack that ends with them. Needs bin/rohrpost, k6 (make load builds it) and Ollama
# (build/ollama/build.sh). The figures stay in .dev/load-PROFILE.json, the stack's log in .dev/load-PROFILE.log. Fails
# when a budget of loadtest/budgets.json was missed.
#
# usage: loadtest/run.sh smoke|full
set -euo pipefail

profile=${1:?usage: run.sh smoke|full}
cd "$(dirname "${BASH_SOURCE[0]}")/.."
k6=${K6:?the path of k6}
mkdir -p .dev
log=.dev/load-$profile.log
data=$(mktemp -d "${TMPDIR:-/tmp}/rohrpost-load.XXXXXX")
chmod 711 "$data" # the servers' users pass through

# Only what is given here: DATABASE_URL and its like would put the load on somebody's servers.
env -i PATH="$PATH" HOME="$HOME" ${XDG_CACHE_HOME:+XDG_CACHE_HOME="$XDG_CACHE_HOME"} \
  DATA_DIR="$data/stack" API_ADDR=127.0.0.1:0 API_LOGIN_BURST=1000000 \
  bin/rohrpost dev --tiny-model >/dev/null 2>"$log" &
stack=$!
finish() {
  kill "$stack" 2>/dev/null || true
  wait "$stack" 2>/dev/null || true
  rm -rf "$data"
}
trap finish EXIT

url=
for _ in $(seq 240); do
  url=$(sed -n 's/.*"msg":"api".*"url":"\([^"]*\)".*/\1/p' "$log" | head -n 1)
  if [[ -n $url ]] && grep -q '"msg":"ready"' "$log"; then break; fi
  url=
  kill -0 "$stack" 2>/dev/null || break
  sleep 0.25
done
if [[ -z $url ]]; then
  tail -n 20 "$log" >&2
  echo 'The stack did not start; the end of its log is above.' >&2
  exit 1
fi

"$k6" run --quiet --no-usage-report -e ROHRPOST_URL="$url" -e PROFILE="$profile" \
  -e SUMMARY=".dev/load-$profile.json" loadtest/main.js
echo "the figures are in .dev/load-$profile.json"
