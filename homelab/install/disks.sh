# shellcheck shell=bash
# ERASE the disks of the layout, and mount the new file systems. Only `homelab install` runs this,
# after a person has typed the host's name.

# typed: the passphrase of new encrypted volumes, as a person types it to disko.
typed() {
  local time
  for ((time = 0; time < TIMES; time++)); do printf '%s\n' "$PASSPHRASE"; done
}

main() {
  local script=${SCRIPT:-$work/disks}
  alone
  if is_done disks "$MARK"; then
    mountpoint -q "$mounted" || fail "$mounted is no longer mounted; restart the machine from the installer, and run homelab install again"
    echo "the disks are partitioned already"
    return
  fi
  [ -x "$script/bin/disko-destroy-format-mount" ] || fail "$script has no disko-destroy-format-mount; the nixpkgs of this host is too old"
  rm -f "$work"/done/*
  logged erase "$script/bin/disko-destroy-format-mount" --yes-wipe-all-disks < <(typed)
  mountpoint -q "$mounted" || fail "disko mounted nothing at $mounted; see $work/erase.log"
  finished disks "$MARK"
  echo "partitioned, and mounted at $mounted"
}

main
