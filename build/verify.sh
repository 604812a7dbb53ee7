#!/bin/bash
# Checks everything that is neither a test nor the linter's: runs all checks, then fails if one did.
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
failed=0

# check NAME COMMAND...: one line if it is fine, the beginning of its output if not
check() {
  local name=$1 out
  shift
  if out=$("$@" 2>&1); then
    echo "ok    $name"
  else
    printf 'FAIL  %s\n' "$name"
    head -n 40 <<<"$out"
    failed=1
  fi
}

formatted() {
  local files
  files=$(gofmt -l .)
  [[ -z $files ]] || { echo "gofmt -w is due: $files"; return 1; }
}

scripts() {
  local all=(build/*.sh build/*/*.sh loadtest/*.sh .ci/run)
  for script in "${all[@]}"; do bash -n "$script" || return 1; done
  if command -v shellcheck >/dev/null; then shellcheck "${all[@]}"; fi
}

check 'gofmt' formatted
check 'go vet' go vet ./...
check 'go vet (loadtest/peers)' go -C loadtest/peers vet ./...
check 'go vet (build/compose)' go -C build/compose vet ./...
check 'compose.yaml' go -C build/compose run . "$PWD/compose.yaml"
check 'generated code' build/gen.sh --check
check 'go mod tidy' go mod tidy -diff
check 'go mod tidy (build/tools)' go -C build/tools mod tidy -diff
check 'go mod tidy (build/compose)' go -C build/compose mod tidy -diff
check 'go mod tidy (loadtest/peers)' go -C loadtest/peers mod tidy -diff
check 'scripts' scripts
exit $failed
