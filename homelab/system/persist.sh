# shellcheck shell=bash
# Take what lies on a root that forgets along to the disk that does not. Sourced by the system's
# activation, before anything is mounted over it: at the switch that first keeps a directory. At a
# boot the root is new, and there is nothing to take.

restarts=${HOMELAB_ROOT:-}/run/nixos/activation-restart-list

# carry ROOT DIRECTORY UNIT...: the units stop for as long as it takes, and then write to the new place.
carry() {
  local from=${HOMELAB_ROOT:-}$2 into=${HOMELAB_ROOT:-}$1$2 name=$2 unit stopped=()
  shift 2
  if mountpoint -q "$from" || empty "$from" || ! empty "$into"; then return 0; fi
  for unit in "$@"; do
    if systemctl --quiet is-active "$unit"; then
      systemctl stop "$unit"
      stopped+=("$unit")
    fi
  done
  mkdir -p "${into%/*}"
  rm -rf "$into.carried"
  if ! cp -a "$from" "$into.carried"; then
    rm -rf "$into.carried"
    for unit in ${stopped[@]+"${stopped[@]}"}; do systemctl start "$unit"; done
    echo "homelab: $name cannot be taken to ${into%"$name"}; make room there, then switch again" >&2
    return 1
  fi
  if [ -d "$into" ]; then rmdir "$into"; fi
  mv "$into.carried" "$into"
  mount --bind "$into" "$from"
  for unit in ${stopped[@]+"${stopped[@]}"}; do echo "$unit" >>"$restarts"; done
  echo "homelab: $name was not kept until now; it lies on ${into%"$name"} from here on"
}

# empty DIRECTORY: nothing is in it, or there is none.
empty() {
  [ -z "$(ls -A "$1" 2>/dev/null)" ]
}
