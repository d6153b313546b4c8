#!/bin/bash
# nix-env on the system profile: numbered generations, as links beside the profile.
set -eu

refuse() {
  echo "error: $*" >&2
  exit 1
}

profile=/nix/var/nix/profiles/system
[ "${1:-} ${2:-}" = "-p $profile" ] || refuse "only -p $profile is known here, not $*"
mkdir -p "${profile%/*}"
last=$(find "${profile%/*}" -name 'system-*-link' | sed 's/.*system-\([0-9]*\)-link$/\1/' | sort -n | tail -n 1)

point() { ln -sfn "system-$1-link" "$profile.tmp" && mv -T "$profile.tmp" "$profile"; }

case ${3:-} in
  --set)
    [ -d "$4" ] || refuse "path '$4' is not valid"
    if [ -z "$last" ] || [ "$(readlink "$profile-$last-link")" != "$4" ]; then
      last=$((${last:-0} + 1))
      ln -s "$4" "$profile-$last-link"
    fi
    point "$last"
    ;;
  --switch-generation)
    [ -L "$profile-$4-link" ] || refuse "profile version $4 does not exist"
    point "$4"
    ;;
  --delete-generations)
    shift 3
    for number in "$@"; do
      [ "$(readlink "$profile")" != "system-$number-link" ] || refuse "cannot delete current generation $number"
      rm -f "$profile-$number-link"
    done
    ;;
  *) refuse "not known here: $*" ;;
esac
