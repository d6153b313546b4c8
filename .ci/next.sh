#!/usr/bin/env bash
# Print the commands to run after `make lab`, as they work in this shell. Usage: next.sh STACK
set -euo pipefail

stack=$1
here=$PWD
# make puts its own uv first on PATH; the user's shell does not.
user_path=${PATH#"$here/.tools/bin:"}
printf '\nNext, in this shell:\n'
uv=
PATH=$user_path command -v uv >/dev/null || uv=":$here/.tools/bin"
if [ -n "$uv" ] || ! [ "$(PATH=$user_path command -v homelab)" -ef "$here/.venv/bin/homelab" ]; then
  # shellcheck disable=SC2016 # the user's shell expands it
  printf '    export PATH="%s%s:$PATH"   # homelab%s\n' "$here/.venv/bin" "$uv" \
    "${uv:+, and the uv that make fetched}"
fi
printf '    %s\n' \
  "homelab show -s $stack          # print the plan" \
  "homelab reach -s $stack         # who can reach what, over which path" \
  "homelab lab preview -s $stack   # after an edit of Pulumi.$stack.yaml: the lines that change" \
  "homelab lab destroy -s $stack   # remove the rehearsal"
