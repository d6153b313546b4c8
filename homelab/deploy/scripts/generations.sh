# shellcheck shell=bash
# List the generations of the system, the newest first: «number date release version kernel marks».
# Reads only.

main() {
  local number link system marks version kernel release
  for number in $(find "${profile%/*}" -name "${profile##*/}-*-link" |
    sed 's/.*-\([0-9]*\)-link$/\1/' | sort -rn); do
    link=$profile-$number-link
    system=$(readlink -f "$link")
    marks=''
    [ "$system" != "$(readlink -f "$running")" ] || marks="$marks running"
    [ "$system" != "$(readlink -f "$root/run/booted-system")" ] || marks="$marks booted"
    [ "$number" != "$(generation)" ] || marks="$marks default"
    # The release is a directory of /etc only on systems of homelab.
    release=$(content "$system/etc/homelab/release")
    version=$(content "$system/nixos-version")
    kernel=$({ readlink "$system/kernel" || true; } | sed 's|.*-linux-\([^/]*\)/.*|\1|')
    say "$number $(date -u -r "$link" +%Y-%m-%dT%H:%M:%SZ 2>/dev/null || say -) ${release:--} ${version:--} ${kernel:--}$marks"
  done
}

main </dev/null
