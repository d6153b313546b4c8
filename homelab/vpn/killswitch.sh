# shellcheck shell=bash
# Routing rules that bind users to their VPN, and a check that the packet filter has its rules.
# Sourced by a unit that every member requires: if it fails, no member starts.

# Before the host's own routes, after those of the tailnet (5210 to 5270).
near=5300 inside=5301 nowhere=5302

# filtered TABLE: the packet filter holds this table.
filtered() {
  nft list table inet "$1" >/dev/null || {
    echo "homelab: the packet filter has no table $1" >&2
    exit 1
  }
}

# member NAME UID GID: the user and the group of this name have these numbers. NixOS leaves the
# numbers of existing ones as they are, and rules for others would guard nobody.
member() {
  local uid gid
  uid=$(number "$1" passwd) gid=$(number "$1" group)
  if [ "$uid" != "$2" ] || [ "$gid" != "$3" ]; then
    echo "homelab: $1 is user ${uid:-unknown} and group ${gid:-unknown} here, and the kill-switch" \
      "knows it as $2 and $3; write both into the service's vpn: {uid: ..., gid: ...}" >&2
    exit 1
  fi
}

# confine TABLE UID...: what these users send goes to networks that the host is on (where the
# packet filter decides), else by the tunnel, else nowhere.
confine() {
  local table=$1 family uid
  shift
  for family in -4 -6; do
    for uid in "$@"; do
      ip "$family" rule add priority "$near" uidrange "$uid-$uid" lookup main suppress_prefixlength 0
      ip "$family" rule add priority "$inside" uidrange "$uid-$uid" lookup "$table"
      ip "$family" rule add priority "$nowhere" uidrange "$uid-$uid" unreachable
    done
  done
}

# release: no user is bound to a way any more.
release() {
  local family priority
  for family in -4 -6; do
    for priority in "$near" "$inside" "$nowhere"; do
      while ip "$family" rule del priority "$priority" 2>/dev/null; do :; done
    done
  done
}
