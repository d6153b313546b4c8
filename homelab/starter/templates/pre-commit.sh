#!/usr/bin/env bash
# Before each commit: no secret in plain text, and a stack without errors. Past it, once:
# git commit --no-verify
# Activate it in a clone: git config core.hooksPath .githooks
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

bad=0
relevant=''
while IFS= read -r -d '' file; do
  # The staged text, which may differ from the file.
  if git show ":$file" | grep -aqE -e '-----BEGIN ([A-Z]+ )*PRIVATE KEY|AGE-SECRET-KEY-1[0-9A-Z]'; then
    echo "$file: contains a private key; put it into a sops file: homelab secret set" >&2
    bad=1
  fi
  case $file in
    # Prose and the settings of Git and CI are in no stack.
    *.md | LICENSE* | .gitignore | .gitattributes | .editorconfig | .github/* | .forgejo/* | .githooks/*) ;;
    *) relevant=yes ;;
  esac
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

# A removed file may be missing in the stack, too.
[ -z "$(git diff --cached --name-only --diff-filter=D)" ] || relevant=yes
[ -n "$relevant" ] || exit 0

if command -v uv >/dev/null && [ -f pyproject.toml ]; then
  uv run --quiet homelab check
elif command -v homelab >/dev/null; then
  homelab check
else
  # CI checks the stack as well. What must not be in Git at all was looked for above.
  echo "warning: the stack is not checked, because homelab is not on PATH; install uv" >&2
fi
