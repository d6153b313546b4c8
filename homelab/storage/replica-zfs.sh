# shellcheck shell=bash disable=SC2154
# homelab-replica on ZFS: what syncoid of the other host may do. Its account is not root: ZFS lets it
# create, mount and receive this one dataset, and destroy nothing.

# zfs of the booted system: it fits the kernel's module.
zfs=${HOMELAB_ZFS:-/run/booted-system/sw/bin/zfs}
zpool=${HOMELAB_ZPOOL:-/run/booted-system/sw/bin/zpool}
may=create,mount,receive

# has DATASET
has() { "$zfs" list -H -o name -- "$1" >/dev/null 2>&1; }

# prepare_zfs: the dataset above exists, and the account may receive below it.
prepare_zfs() {
  local parent=${path%/*} pool=${path%%/*}
  has "$pool" || fail "there is no pool $pool here: import it, or correct replicate.zfs"
  has "$parent" || "$zfs" create -p -o canmount=off "$parent"
  allow_zfs
  # Services that read it start with its mount. No boot and no switch waits for that.
  if [ "$(of mount)" != null ] && has "$path"; then systemctl --no-block start "$(of mount)"; fi
}

# allow_zfs: the account may receive the dataset, or create it below its parent if that is all there
# is yet. Nothing below either is part of it.
allow_zfs() {
  local parent=${path%/*} account
  account=$(of account)
  if has "$path"; then
    "$zfs" allow -l -u "$account" "$may" "$path"
    "$zfs" unallow -l -u "$account" "$may" "$parent" 2>/dev/null || true
    # What is mounted read-write changes, and the next snapshot would not fit.
    keep_as readonly on
    keep_as canmount noauto
    # A sender's programs gain no rights here.
    keep_as setuid off
    keep_as devices off
  else
    "$zfs" allow -l -u "$account" "$may" "$parent"
    # The same for whoever creates a dataset there, on what it creates.
    "$zfs" allow -c "$may" "$parent"
  fi
}

# keep_as PROPERTY VALUE
keep_as() {
  [ "$("$zfs" get -Hp -o value "$1" "$path")" = "$2" ] || "$zfs" set "$1=$2" "$path"
}

# receive_zfs COMMAND: run what syncoid asks for, and refuse everything else. Only words that are
# compared here reach a program.
receive_zfs() {
  local asked options=()
  # syncoid leaves several blanks where an option is missing.
  asked=$(tr --squeeze-repeats ' ' <<<"$1" | sed 's/^ //; s/ $//')
  [[ $1 != *$'\n'* ]] || refuse "$1"
  case $asked in
    exit | "echo -n" | "ps -Ao args=") ;;
    "zpool get -o value -H feature@extensible_dataset '${path%%/*}'")
      exec "$zpool" get -o value -H feature@extensible_dataset "${path%%/*}"
      ;;
    # Whether this zfs knows the option and the property.
    "zfs get -H -t snapshot" | "zfs get -H -t snapshot '' ''") exec "$zfs" get -H -t snapshot '' '' ;;
    "zfs get -H createtxg" | "zfs get -H createtxg ''") exec "$zfs" get -H createtxg '' ;;
    "zfs receive"*)
      # Always resumable, and never mounted. Without -F nothing is rolled back or destroyed.
      [[ $asked =~ ^zfs\ receive(\ -[su])*\ \'([^\']+)\'(\ 2\>\&1)?$ ]] || refuse "$1"
      [ "${BASH_REMATCH[2]}" = "$path" ] || refuse "$1"
      exec "$zfs" receive -s -u "$path" 2>&1
      ;;
    "zfs get"*)
      [[ $asked =~ ^zfs\ get((\ -H|\ -p|\ -Hp|\ -Hpd\ 1|\ -t\ [a-z,]+)*)\ ([a-z_,]+)\ \'([^\']+)\'$ ]] ||
        refuse "$1"
      [ "${BASH_REMATCH[4]}" = "$path" ] || refuse "$1"
      read -r -a options <<<"${BASH_REMATCH[1]}"
      exec "$zfs" get "${options[@]}" "${BASH_REMATCH[3]}" "$path"
      ;;
    *)
      # No program for compression or buffers: syncoid then does without.
      [[ $asked =~ ^command\ -v\ [a-z0-9-]+$ ]] || refuse "$1"
      return 1
      ;;
  esac
}

# settle_zfs: delete what has only carried a transfer, some days after it came, and give up a
# transfer that cannot continue. sanoid deletes the other snapshots.
settle_zfs() {
  local one created last prefix
  has "$path" || return 0
  allow_zfs
  # Services read it once the first transfer has made it. An encrypted one has no key here until
  # somebody loads it, and is received and pruned all the same.
  [ "$(of mount)" = null ] || systemctl start "$(of mount)" ||
    echo "homelab-replica: $path cannot be mounted, so what reads $name waits: see systemctl status $(of mount)" >&2
  give_up
  prefix=$(of prefix)
  last=$(of_snapshots name | tail -n 1)
  while IFS=$'\t' read -r one created; do
    case $one in
      "$path@$prefix"*)
        [ "$one" = "$last" ] || [ $(($(date +%s) - created)) -lt $((protected * 86400)) ] ||
          "$zfs" destroy "$one"
        ;;
    esac
  done < <(of_snapshots name,creation)
}

# of_snapshots COLUMNS: of each snapshot of the replica, in the order in which they came.
of_snapshots() {
  "$zfs" list -Hp -d 1 -t snapshot -o "$1" -s createtxg "$path" 2>/dev/null || true
}

# give_up: a transfer that broke and has not moved for a day. syncoid continues it until then; it
# cannot if the sender has deleted the snapshot.
give_up() {
  local token since
  mkdir --parents "$state"
  token=$("$zfs" get -H -o value receive_resume_token "$path")
  if [ "$token" = - ]; then
    rm -f "$state/$name.token"
  elif [ "$token" != "$(head -n 1 "$state/$name.token" 2>/dev/null)" ]; then
    printf '%s\n' "$token" >"$state/$name.token"
  else
    since=$(stat --format %Y "$state/$name.token")
    [ $(($(date +%s) - since)) -lt 86400 ] || "$zfs" receive -A "$path"
  fi
}

# newest_zfs: when the newest snapshot was made, by the sender's clock and never later than it was
# first seen here; empty without one.
newest_zfs() {
  local one guid created seen
  IFS=$'\t' read -r one guid created < <(of_snapshots name,guid,creation | tail -n 1) || true
  [ -n "${one:-}" ] || return 0
  mkdir --parents "$state"
  if [ "$(cat "$state/$name.newest" 2>/dev/null)" != "$guid" ]; then
    printf '%s\n' "$guid" >"$state/$name.newest"
  fi
  seen=$(stat --format %Y "$state/$name.newest")
  echo $((created < seen ? created : seen))
}
