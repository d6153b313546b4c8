# shellcheck shell=bash
# Describe this host for `homelab adopt`, as lines of a name, a tab and a value in base64. $1 is the
# directory of its configuration. Needs no root, and changes nothing.

most_of_a_file=1048576 # bytes; a larger file is no configuration
most_of_all=16777216

# record NAME: its value is the standard input.
record() { printf '%s\t%s\n' "$1" "$(base64 | tr -d '\n')"; }

# text NAME FILE
text() { [ ! -r "$2" ] || [ -d "$2" ] || record "$1" <"$2"; }

# names NAME PATTERN…: the last parts of the paths, one on a line.
names() {
  local name=$1 path
  shift
  for path in "$@"; do printf '%s\n' "${path##*/}"; done | record "$name"
}

links() {
  local link
  for link in "$root"/dev/disk/by-id/* "$root"/dev/disk/by-uuid/*; do
    printf '%s %s\n' "${link#"$root"}" "$(readlink "$link")"
  done | record links
}

# Display controllers: the vendor of each.
graphics() {
  local class
  for class in "$root"/sys/bus/pci/devices/*/class; do
    case $(content "$class") in 0x03*) content "${class%/class}/vendor" ;; esac
  done | record graphics
}

loader() {
  local found=''
  if [ -e "$root/boot/loader/loader.conf" ] || [ -e "$root/boot/loader/entries.srel" ]; then found=systemd-boot; fi
  [ ! -e "$root/boot/grub/grub.cfg" ] || found=grub
  [ ! -e "$root/boot/extlinux/extlinux.conf" ] || found=extlinux
  printf '%s' "$found" | record loader
}

# The files of the configuration, each name ended by a zero byte: as Nix sees them, which is what Git
# tracks.
listed() {
  if [ -e .git ] && command -v git >/dev/null; then
    git -c safe.directory='*' ls-files -z --cached 2>/dev/null && return
  fi
  find . -name .git -prune -o \( -type f -o -type l \) -print0
}

skipped() { printf '%s: %s' "$1" "$2" | record skipped; }

configuration() {
  local name size all=0
  cd -P "$root$1" 2>/dev/null || return 0
  [ ! -e .git ] || printf 'yes' | record git
  while IFS= read -r -d '' name; do
    name=${name#./}
    case $name in *[[:cntrl:]]*) continue ;; esac
    if [ -L "$name" ]; then
      skipped "$name" 'a symbolic link'
    elif [ ! -r "$name" ] || [ -z "$(find "$name" -perm -004)" ]; then
      skipped "$name" 'not everybody on the host may read it, so it may be a secret'
    elif grep -Eq 'PRIVATE KEY-----|AGE-SECRET-KEY-1' "$name"; then
      skipped "$name" 'it has a private key'
    else
      size=$(($(wc -c <"$name")))
      all=$((all + size))
      if [ "$size" -gt "$most_of_a_file" ]; then
        skipped "$name" "it has $size bytes"
      elif [ "$all" -gt "$most_of_all" ]; then
        skipped "$name" 'the files before it have 16 MiB'
      else
        record "file:$name" <"$name"
        [ ! -x "$name" ] || printf '%s' "$name" | record executable
      fi
    fi
  done < <(listed)
}

main() {
  local name tailnet version
  shopt -s nullglob
  uname -m | record machine
  text host-name "$root/proc/sys/kernel/hostname"
  text os-release "$root/etc/os-release"
  text host-key "$root/etc/ssh/ssh_host_ed25519_key.pub"
  text machine-id "$root/etc/machine-id"
  text accounts "$root/etc/passwd"
  text mounts "$root/proc/self/mounts"
  text routes "$root/proc/net/route"
  text addresses "$root/proc/net/fib_trie"
  for name in tcp tcp6 udp udp6; do text "sockets-$name" "$root/proc/net/$name"; done
  text channel "$root/nix/var/nix/profiles/per-user/root/channels/nixos/.git-revision"
  names channels "$root"/nix/var/nix/profiles/per-user/root/channels/*
  names units "$root"/etc/systemd/system/*.service
  names state "$root"/var/lib/* "$root"/var/lib/private/*
  links
  graphics
  loader
  version=$running/sw/bin/nixos-version
  [ ! -x "$version" ] || "$version" --json 2>/dev/null | record version || true
  if command -v tailscale >/dev/null; then
    tailnet=$(tailscale status --json --peers=false 2>/dev/null) || tailnet=''
    [ -z "$tailnet" ] || printf '%s' "$tailnet" | record tailnet
  fi
  configuration "$1"
  printf 'whole' | record end
}

main "$@" </dev/null
