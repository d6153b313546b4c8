#!/usr/bin/env bash
# What to type after `make lab`, as it works in this shell. Usage: next.sh STACK
set -euo pipefail

stack=$1
here=$PWD
# Make puts its own uv first on PATH; whoever types the next line does not have that.
theirs=${PATH#"$here/.tools/bin:"}
printf '\nNext, in this shell:\n'
uv=
PATH=$theirs command -v uv >/dev/null || uv=":$here/.tools/bin"
if [ -n "$uv" ] || ! [ "$(PATH=$theirs command -v homelab)" -ef "$here/.venv/bin/homelab" ]; then
  # shellcheck disable=SC2016 # whoever types it expands it
  printf '    export PATH="%s%s:$PATH"   # homelab%s\n' "$here/.venv/bin" "$uv" \
    "${uv:+, and the uv that make fetched}"
fi
printf '    %s\n' \
  "homelab show -s $stack          # what follows from the stack" \
  "homelab reach -s $stack         # who reaches what, over which path" \
  "homelab lab preview -s $stack   # after an edit of Pulumi.$stack.yaml: the lines that change" \
  "homelab lab destroy -s $stack   # take the rehearsal down"
