#!/bin/bash
# Writes the generated code anew, by the tools that build/tools/go.mod pins. It is made in a copy, so that a mistake in a
# query leaves the tree as it was.
#
# usage: gen.sh           puts the new files into this tree and removes those that nothing makes any more
#        gen.sh --check   names each file that is stale instead; exit 1 if there is one
set -euo pipefail

case ${1:-} in '' | --check) ;; *)
  echo "usage: gen.sh [--check]" >&2
  exit 2
  ;;
esac

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
sqlc=$(go -C "$root/build/tools" tool -n sqlc)
oapi=$(go -C "$root/build/tools" tool -n oapi-codegen)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT

# The generated files below the current folder: by the line that Go's tools know them by, and the dashboards, whose format
# has no place for one.
generated() {
  grep -rlE --include='*.go' '^// Code generated .* DO NOT EDIT\.$' db api || true
  compgen -G 'dashboards/grafana/*.json' || true
}

cd "$root"
cp -r --parents sqlc.yaml db queries api "$copy"
cd "$copy"
generated | xargs -r rm
"$sqlc" generate
(cd api && "$oapi" -config oapi-codegen.yaml openapi.yaml)
mkdir -p dashboards/grafana
go -C "$root" run ./dashboards/boards "$copy/dashboards/grafana"
files=$( (generated && cd "$root" && generated) | sort -u)

cd "$root"
stale=0
for file in $files; do
  if cmp -s "$file" "$copy/$file"; then continue; fi
  stale=1
  if [[ ${1:-} == --check ]]; then
    echo "stale: $file (make gen writes it anew)" >&2
  elif [[ -e $copy/$file ]]; then
    cp "$copy/$file" "$file"
    echo "written: $file"
  else
    rm "$file"
    echo "removed: $file"
  fi
done
[[ ${1:-} != --check || $stale == 0 ]]
