#!/bin/bash
# A system's switch-to-configuration: what the one of NixOS does to units, to its lock and to its
# exit code, over a real systemd. Facts of the system say how it misbehaves.
set -u

top=$(dirname "$(dirname "$(readlink -f "$0")")")
action=${1:-}
result=0

fact() { cat "$top/facts/$1" 2>/dev/null || true; }

# Units that a system brings, one on a line.
units() { find "$1/etc/systemd/system" -maxdepth 1 -type f -printf '%f\n' | sort; }

has() { grep -qx "$2" "$1/etc/systemd/system/$3"; }

joined() { printf '%s' "$*" | sed 's/ /, /g'; }

# What happens to each unit of the old system that is not as the new one wants it.
compare() {
  local old unit
  stop=() start=() restart=()
  old=$(readlink -f /run/current-system)
  for unit in $(units "$old"); do
    case $(systemctl is-active "$unit") in
      active | activating | reloading) ;;
      *) continue ;;
    esac
    if [ ! -e "$top/etc/systemd/system/$unit" ]; then
      stop+=("$unit")
    elif ! cmp -s "$old/etc/systemd/system/$unit" "$top/etc/systemd/system/$unit"; then
      if has "$top" X-RestartIfChanged=false "$unit"; then
        continue
      elif has "$top" X-StopIfChanged=false "$unit"; then
        restart+=("$unit")
      else
        stop+=("$unit") start+=("$unit")
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
  "$top/activate" {lock}>&- || result=2
  systemctl daemon-reload || result=3
  if [ ${#restart[@]} != 0 ]; then
    echo "restarting the following units: $(joined "${restart[@]}")"
    systemctl restart -- "${restart[@]}" || result=4
  fi
  # Targets that are active are started again, which brings whatever they have come to want.
  [ ${#start[@]} = 0 ] || echo "starting the following units: $(joined "${start[@]}")"
  systemctl start -- "${start[@]}" multi-user.target timers.target || result=4
  # Also units that had failed long before count.
  failed=$(systemctl list-units --state=failed --plain --no-legend --no-pager | awk '{ print $1 }')
  if [ -n "$failed" ]; then
    # shellcheck disable=SC2086 # unit names are words
    echo "warning: the following units failed: $(joined $failed)" >&2
    result=4
  fi
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
if [ "$action" != boot ]; then
  if [ "$(fact exit)" = 100 ]; then
    echo "the old and the new system have different interface versions; not switching" >&2
    exit 100
  fi
  activate
  [ -z "$(fact exit)" ] || result=$(fact exit)
fi
exit "$result"
