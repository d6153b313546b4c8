# shellcheck shell=bash
# Compare the numbers of users and groups with those of the stack.
# Sourced by a unit that the services require: if it fails, they do not start.

# fixed SERVICE USER UID GID: the user and the group of this name have these numbers. NixOS leaves
# the numbers of existing ones as they are.
fixed() {
  local uid gid
  uid=$(number "$2" passwd) gid=$(number "$2" group)
  if [ "$uid" != "$3" ] || [ "$gid" != "$4" ]; then
    echo "homelab: $2 is user ${uid:-unknown} and group ${gid:-unknown} here, and the stack has" \
      "$3 and $4; write services.$1.ids: {uid: ${uid:-...}, gid: ${gid:-...}}" >&2
    exit 1
  fi
}
