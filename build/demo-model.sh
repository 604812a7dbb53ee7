#!/bin/bash
# Decides whether `make run` answers AI questions with the tiny model, and builds the Ollama that runs it. Succeeds if so.
#
# usage: demo-model.sh [WISH]      1: yes; 0: no; else: unless there is another Ollama to ask
set -uo pipefail

wish=${1:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# An Ollama on this machine listens here by itself.
answers() { (exec 3<>/dev/tcp/127.0.0.1/11434) 2>/dev/null; }

if [[ $wish == 0 ]]; then exit 1; fi
if [[ $wish != 1 ]] && { [[ -n ${OLLAMA_HOST:-} ]] || answers; }; then exit 1; fi
if "$here/ollama/build.sh"; then exit 0; fi
echo "Going on without a model: AI questions are refused until OLLAMA_HOST names an Ollama." >&2
exit 1
