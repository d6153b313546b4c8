# shellcheck shell=bash
# Copy a directory or a file from the temporary root to the persistent disk. Sourced by the system's
# activation before it is mounted over: at the first switch that keeps it. At boot the root is new,
# and there is nothing to copy.

persistent=${HOMELAB_ROOT:-}${disk:?}
restarts=${HOMELAB_ROOT:-}/run/nixos/activation-restart-list

# carry ROOT DIRECTORY UNIT...: stops the units during the copy; they then write to the new place.
carry() {
  local from=${HOMELAB_ROOT:-}$2 into=${HOMELAB_ROOT:-}$1$2 name=$2 unit stopped=()
  shift 2
  if mountpoint -q "$from" || empty "$from" || ! empty "$into"; then return 0; fi
  is_mounted "$name" || return 1
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

# carry_file ROOT FILE: impermanence refuses to mount over a file with content. One that is on the disk
# already is in force.
carry_file() {
  local from=${HOMELAB_ROOT:-}$2 into=${HOMELAB_ROOT:-}$1$2
  if [ -L "$from" ] || [ ! -s "$from" ] || mountpoint -q "$from"; then return 0; fi
  is_mounted "$2" || return 1
  if [ ! -s "$into" ]; then
    mkdir -p "${into%/*}"
    if ! cp -a "$from" "$into.carried" || ! mv "$into.carried" "$into"; then
      rm -f "$into.carried"
      echo "homelab: $2 cannot be copied to $1; free some space there, then switch again" >&2
      return 1
    fi
    echo "homelab: $2 is now kept on $1"
  fi
  mount --bind "$into" "$from"
}

# is_mounted PATH: whether the persistent disk is there. A switch mounts it only after the activation,
# and would hide what was copied before.
is_mounted() {
  if mountpoint -q "$persistent"; then return 0; fi
  echo "homelab: $1 cannot be kept, because ${disk:?} is not mounted; mount it on the host, then switch again" >&2
  return 1
}

# empty DIRECTORY: whether it is empty or missing.
empty() {
  [ -z "$(ls -A "$1" 2>/dev/null)" ]
}
