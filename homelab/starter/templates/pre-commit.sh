#!/usr/bin/env bash
# Before each commit: no secret in plain text, and a stack without errors.
# Activate it in a clone: git config core.hooksPath .githooks
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

bad=0
while IFS= read -r -d '' file; do
  # The staged text, which may differ from the file.
  if git show ":$file" | grep -aqE -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY|AGE-SECRET-KEY-1[0-9A-Z]'; then
    echo "$file: contains a private key; put it into a sops file: homelab secret set" >&2
    bad=1
  fi
  case $file in
    secrets/*.yaml | secrets/*.json | secrets/*.env)
      if ! git show ":$file" | grep -aqE '(^|[^a-z])mac"?[:=] ?"?ENC\['; then
        echo "$file: is not encrypted; encrypt it: sops encrypt -i $file" >&2
        bad=1
      fi
      ;;
  esac
done < <(git diff --cached --name-only --diff-filter=ACMR -z)
[ "$bad" = 0 ] || exit 1

if command -v uv >/dev/null && [ -f pyproject.toml ]; then
  uv run --quiet homelab check
elif command -v homelab >/dev/null; then
  homelab check
else
  echo "homelab is not on PATH: install uv, or activate the environment with homelab" >&2
  exit 1
fi
