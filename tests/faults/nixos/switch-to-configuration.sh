#!/bin/bash
# A system's switch-to-configuration: what the one of NixOS does to units, to its lock and to its
# exit code, over a real systemd. Facts of the system say how it misbehaves.
set -u

top=$(dirname "$(dirname "$(readlink -f "$0")")")
action=${1:-}
result=0

fact() { cat "$top/facts/$1" 2>/dev/null || true; }

# Units that a system brings, one on a line.
units() { find "$1/systemd/system/" -maxdepth 1 -type f -printf '%f\n' | sort; }

has() { grep -qx "$2" "$1/etc/systemd/system/$3"; }

joined() { printf '%s' "$*" | sed 's/ /, /g'; }

# What happens to each unit that runs and is not as this system wants it. The units in /etc count,
# whichever system put them there. What is to start is written down, for whoever is interrupted.
compare() {
  local now=/etc/static unit
  stop=() restart=()
  mapfile -t start < <(cat /run/nixos/start-list 2>/dev/null)
  for unit in $(units "$now"); do
    case $(systemctl is-active "$unit") in
      active | activating | reloading) ;;
      *) continue ;;
    esac
    if [ ! -e "$top/etc/systemd/system/$unit" ]; then
      stop+=("$unit")
    elif ! cmp -s "$now/systemd/system/$unit" "$top/etc/systemd/system/$unit"; then
      if has "$top" X-RestartIfChanged=false "$unit"; then
        continue
      elif has "$top" X-StopIfChanged=false "$unit"; then
        restart+=("$unit")
      else
        stop+=("$unit") start+=("$unit")
        [ "$action" = dry-activate ] || echo "$unit" >>/run/nixos/start-list
      fi
    fi
  done
}

dry_activate() {
  compare
  [ ${#stop[@]} = 0 ] || echo "would stop the following units: $(joined "${stop[@]}")"
  echo "would activate the configuration..."
  [ ${#restart[@]} = 0 ] || echo "would restart the following units: $(joined "${restart[@]}")"
  [ ${#start[@]} = 0 ] || echo "would start the following units: $(joined "${start[@]}")"
}

activate() {
  local failed
  compare
  if [ ${#stop[@]} != 0 ]; then
    echo "stopping the following units: $(joined "${stop[@]}")"
    systemctl stop -- "${stop[@]}" {lock}>&-
  fi
  echo "activating the configuration..."
  "$top/activate" {lock}>&- || {
    echo "Failed to run activate script" >&2
    result=2
  }
  systemctl reset-failed
  systemctl daemon-reload
  if [ ${#restart[@]} != 0 ]; then
    echo "restarting the following units: $(joined "${restart[@]}")"
    run restart "${restart[@]}"
  fi
  # Targets that are active are started again, which brings whatever they have come to want.
  [ ${#start[@]} = 0 ] || echo "starting the following units: $(joined "${start[@]}")"
  run start "${start[@]}" multi-user.target timers.target
  rm -f /run/nixos/start-list
  # Time for what fails at once to fail.
  sleep 0.25
  failed=$(systemctl list-units --state=failed --state=auto-restart --plain --no-legend --no-pager |
    awk '{ print $1 }')
  if [ -n "$failed" ]; then
    # shellcheck disable=SC2086 # unit names are words
    echo "warning: the following units failed: $(joined $failed)" >&2
    result=4
  fi
}

# run VERB UNIT…: each as a job, and the word of NixOS for one that ends badly.
run() {
  local verb=$1 unit
  shift
  for unit in "$@"; do
    systemctl "$verb" -- "$unit" 2>/dev/null || {
      echo "Failed to $verb $unit" >&2
      result=4
    }
  done
}

case $action in
  check)
    [ -z "$(fact refuses)" ] || { fact refuses >&2 && exit 1; }
    exit 0
    ;;
  dry-activate) dry_activate && exit 0 ;;
  boot | test | switch) ;;
  *)
    echo "Usage: switch-to-configuration [check|switch|boot|test|dry-activate]" >&2
    exit 1
    ;;
esac

mkdir -p /run/nixos
exec {lock}>/run/nixos/switch-to-configuration.lock
if ! flock -n "$lock"; then
  echo "Could not acquire lock" >&2
  exit 1
fi
if [ "$action" != test ]; then
  "$top/bin/install-bootloader" "$top" {lock}>&- || {
    echo "Failed to install bootloader" >&2
    exit 1
  }
fi
sync --file-system /nix/store
if [ "$action" != boot ]; then
  if [ "$(fact exit)" = 100 ]; then
    echo "the old and the new system have different interface versions; not switching" >&2
    exit 100
  fi
  activate
  [ -z "$(fact exit)" ] || result=$(fact exit)
fi
exit "$result"
