# shellcheck shell=bash
# What could go wrong with a built system on this host, found before anything is activated. It
# reads and never writes, and says everything it finds: blocking findings fail the build, so that
# no host of the fleet changes; the others are said and let pass.

findings='' blocked=''

block() {
  findings="$findings  stops: $1"$'\n'
  blocked=yes
}

warn() { findings="$findings  note: $1"$'\n'; }

mebibytes() { say "$(($1 / 1048576)) MiB"; }

# room DIRECTORY COLUMN: bytes of its file system; column 2 is all, 4 is free.
room() { df -Pk "$1" | awk -v n="$2" 'NR == 2 { printf "%.0f\n", $n * 1024 }'; }

# Whether the boot loader's files fit. Counted for this very system: files that are there already
# cost nothing, and no fixed reserve blocks a host that needs none.
check_boot() {
  local dir name size need=0 back free margin files
  dir=$(boot_directory)
  [ -d "$dir" ] && ! starts_from_store "$dir" || return 0
  files=$(boot_files "$1")
  while read -r name size; do
    [ -n "$name" ] || continue
    if [ ! -e "$dir/EFI/nixos/$name" ] && [ ! -e "$dir/nixos/$name" ] && [ ! -e "$dir/kernels/$name" ]; then
      need=$((need + size))
    fi
  done <<<"$files"
  [ "$need" -gt 0 ] || return 0
  back=$(freed "$dir" "$1") free=$(room "$dir" 4) margin=$(($(room "$dir" 2) / 20))
  # Where it is no partition of its own, a share of the whole disk would be too much to ask.
  [ "$margin" -ge 16777216 ] || margin=16777216
  [ "$margin" -le 67108864 ] || margin=67108864
  if [ $((need - back + margin)) -gt "$free" ]; then
    block "$dir: the new system's kernel and initrd need $(mebibytes "$need") there and $(mebibytes "$margin") to spare; $(mebibytes "$free") are free, and old entries give back $(mebibytes "$back"). Lower boot.limit ($BOOT_LIMIT now), remove old generations (nix-env -p $profile --delete-generations old, then switch), or enlarge it"
  fi
}

check_room() {
  local free
  free=$(room "$root/nix/store" 4)
  if [ "$free" -lt 268435456 ]; then
    block "$root/nix/store: $(mebibytes "$free") are free; make room (nix-collect-garbage --delete-older-than 14d)"
  elif [ "$free" -lt 1073741824 ]; then
    warn "$root/nix/store: $(mebibytes "$free") are free; the next build may fail"
  fi
  # Some file systems do not count them.
  free=$(df -Pi "$root/nix/store" 2>/dev/null | awk 'NR == 2 && $2 > 0 && $4 < 20000 { print $4 }')
  [ -z "$free" ] || block "$root/nix/store: only $free more files fit; make room (nix-collect-garbage --delete-older-than 14d)"
  for dir in "$root/" "$root/var"; do
    if [ "$(room "$dir" 4)" -lt 524288000 ] || [ $(($(room "$dir" 4) * 20)) -lt "$(room "$dir" 2)" ]; then
      warn "$dir: less than 500 MiB or 5 % are free"
      return
    fi
  done
}

# The system is whole, for this machine, and says itself that it may be switched to.
check_system() {
  local said machine
  [ -x "$1/bin/switch-to-configuration" ] || block "$1: there is no switch-to-configuration in it"
  machine=$(uname -m)
  if [ -e "$1/system" ] && [ "$(cat "$1/system")" != "$machine-linux" ]; then
    block "$1 is for $(cat "$1/system"), and this machine is $machine-linux; mend hosts.<name>.platform"
  fi
  said=$("$1/bin/switch-to-configuration" check 2>&1) || {
    # Releases before 25.05 know no such word, and say how they are used. What only a boot brings in
    # has a finding of its own.
    say "$said" | grep -qi 'usage\|unknown\|invalid' || only_boots "$1" >/dev/null ||
      block "its own checks refuse it: $(say "$said" | tail -n 3 | tr '\n' ' ')"
  }
}

# asked_again: whether the stack has a word that it did not have at the last commit. Its owner has looked
# at what is here, and means to go on.
asked_again() { [ -n "$AGAIN" ] && [ "$AGAIN" != "$(cat "$state/again" 2>/dev/null || true)" ]; }

# Somebody else's change would be undone by ours without a word.
check_drift() {
  local ours now
  ours=$(readlink -f "$state/releases/$(current)/result" 2>/dev/null || true)
  [ -n "$(current)" ] && [ -n "$ours" ] || return 0
  now=$(readlink -f "$profile")
  [ "$now" = "$ours" ] || [ "$now" = "$(readlink -f "$1")" ] ||
    warn "its next boot would start $now, which we did not commit; this switch replaces it"
  now=$(readlink -f "$running")
  [ "$now" != "$ours" ] || return 0
  [ "$now" != "$(readlink -f "$1")" ] || return 0
  ! asked_again || return 0
  block "it runs $now, which we did not commit (that was $ours): somebody switched it by hand. Keep their change in the stack, then say deploy.again: {$HOST: \"…a word of yours\"} to go on"
}

# A disk that was cloned, or moved to another machine, brings its host key along.
check_identity() {
  local was now
  was=$(cat "$state/machine-id" 2>/dev/null) && now=$(cat "$root/etc/machine-id" 2>/dev/null) || return 0
  [ "$was" != "$now" ] || return 0
  ! asked_again || return 0
  block "/etc/machine-id is $now, and releases were committed here as $was: this is another machine, or was installed anew. If it is $HOST, say deploy.again: {$HOST: \"…a word of yours\"}"
}

# database SYSTEM: the major version of its PostgreSQL; empty when it has none.
database() {
  sed -n 's|.*/nix/store/[^ /]*-postgresql\(-and-plugins\)\{0,1\}-\([0-9]*\)[.].*|\2|p' \
    "$1/etc/systemd/system/postgresql.service" 2>/dev/null | head -n 1
}

# A new major version starts with an empty directory beside the old one's, and every app that uses it
# starts with nothing. Whoever wants that has a dump to load.
check_database() {
  local old new dumps=$root/var/backup/postgresql
  old=$(database "$running") new=$(database "$1")
  if [ -z "$old" ] || [ -z "$new" ] || [ "$old" = "$new" ]; then return 0; fi
  if [ -n "$(find "$dumps" -type f -mtime -1 2>/dev/null | head -n 1)" ]; then
    warn "PostgreSQL goes from $old to $new and starts empty; load the dumps of $dumps into it"
  else
    block "PostgreSQL would go from $old to $new and start empty, and $dumps has no dump of the last day; make one (systemctl start 'postgresqlBackup*'), or pin services.postgresql.package"
  fi
}

check_company() {
  local unit
  for unit in $(systemctl list-units --state=active --plain --no-legend --no-pager \
    nixos-upgrade.timer comin.service 2>/dev/null | awk '{ print $1 }'); do
    warn "$unit is active and changes this host too; switch one of the two off"
  done
  [ "$(timedatectl show --property=NTPSynchronized --value 2>/dev/null || say yes)" != no ] ||
    warn "the clock is not synchronised; certificates and sign-ins depend on it"
}

# What the switch will stop and start, and whether it is enough.
check_impact() {
  local unit said
  boot_mode "$1" && return
  said=$("$1/bin/switch-to-configuration" dry-activate 2>&1 || true)
  for unit in sshd tailscaled systemd-networkd NetworkManager dhcpcd firewall nftables; do
    ! say "$said" | grep -Eq "would (stop|restart|reload).*\\b$unit\\.service" ||
      warn "$unit.service will be restarted; the connection may break for a moment"
  done
}

# preflight TOPLEVEL: everything at once. Fails when something stops the switch.
preflight() {
  check_system "$1"
  check_identity
  check_room
  check_boot "$1"
  check_reboot "$1"
  check_drift "$1"
  check_database "$1"
  check_company
  [ -n "$blocked" ] || check_impact "$1"
  [ -z "$findings" ] || printf '%s' "$findings" >&2
  [ -z "$blocked" ]
}
