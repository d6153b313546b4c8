#!/bin/bash
# A system's activation script: /etc first, then its snippets, and last what says that it runs. A
# snippet that fails does not stop the others, as on NixOS.
set -u

top=$(dirname "$(readlink -f "$0")")
status=0

ln -sfn "$top/etc" /etc/.static && mv -T /etc/.static /etc/static
for snippet in "$top"/activate.d/*; do
  [ -e "$snippet" ] || continue
  bash "$snippet" || {
    echo "Activation script snippet '${snippet##*/}' failed ($?)" >&2
    status=1
  }
done
ln -sfn "$top" /run/.current-system && mv -T /run/.current-system /run/current-system
exit "$status"
