# shellcheck shell=bash
# Copy a directory from the temporary root to the persistent disk. Sourced by the system's
# activation before the directory is mounted over: at the first switch that keeps it. At boot the
# root is new, and there is nothing to copy.

restarts=${HOMELAB_ROOT:-}/run/nixos/activation-restart-list

# carry ROOT DIRECTORY UNIT...: stops the units during the copy; they then write to the new place.
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
    echo "homelab: $name cannot be copied to ${into%"$name"}; free some space there, then switch again" >&2
    return 1
  fi
  if [ -d "$into" ]; then rmdir "$into"; fi
  mv "$into.carried" "$into"
  mount --bind "$into" "$from"
  for unit in ${stopped[@]+"${stopped[@]}"}; do echo "$unit" >>"$restarts"; done
  echo "homelab: $name is now kept on ${into%"$name"}"
}

# empty DIRECTORY: whether it is empty or missing.
empty() {
  [ -z "$(ls -A "$1" 2>/dev/null)" ]
}
