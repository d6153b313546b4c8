# shellcheck shell=bash
# Write the exports of a host with the numbers that owners and groups have there.
# Sourced by a unit that the NFS server requires: if it fails, nothing is exported.

exports=${HOMELAB_ROOT:-}/run/homelab-nfs/exports

# exported LINE OWNER GROUP: LINE is one of exports(5), with @uid@ and @gid@.
exported() {
  local uid gid line=$1
  uid=$(number "$2" passwd) gid=$(number "$3" group)
  if [ -z "$uid" ] || [ -z "$gid" ]; then
    echo "homelab: the user $2 or the group $3 does not exist, so nothing is exported;" \
      "write the owner and the group of the dataset as they are on this host" >&2
    exit 1
  fi
  line=${line//@uid@/$uid}
  printf '%s\n' "${line//@gid@/$gid}" >>"$exports.new"
}

# begun, ended: the file appears whole or not at all.
begun() {
  rm -f "$exports.new"
  : >"$exports.new"
}

ended() {
  mv "$exports.new" "$exports"
}
