#!/usr/bin/env bash
# What to type after `make lab`, as it works in this shell. Usage: next.sh STACK
set -euo pipefail

stack=$1
here=$PWD
# Make puts its own uv first on PATH; whoever types the next line does not have that.
theirs=${PATH#"$here/.tools/bin:"}
printf '\nNext:\n'
if ! PATH=$theirs command -v uv >/dev/null; then
  # shellcheck disable=SC2016 # whoever types it expands it
  printf '    export PATH="%s/.tools/bin:$PATH"   # uv, which make fetched\n' "$here"
fi
printf '    %s\n' \
  "uv run homelab show -s $stack          # what follows from the stack" \
  "uv run homelab reach -s $stack         # who reaches what, over which path" \
  "uv run homelab lab preview -s $stack   # after an edit of Pulumi.$stack.yaml: the lines that change" \
  "uv run homelab lab destroy -s $stack   # take the rehearsal down"
