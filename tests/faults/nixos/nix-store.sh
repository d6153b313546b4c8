#!/bin/bash
# nix-store --realise PATH --add-root LINK --indirect: keeps a path from the garbage collector.
set -eu

if [ $# != 5 ] || [ "$1 $3 $5" != "--realise --add-root --indirect" ]; then
  echo "error: not known here: $*" >&2
  exit 1
fi
[ -e "$2" ] || {
  echo "error: path '$2' is not valid" >&2
  exit 1
}
ln -sfn "$2" "$4"
echo "$4"
