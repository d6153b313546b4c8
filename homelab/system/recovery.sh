# shellcheck shell=bash
# Let the owner in by password for a while: at home, and by nobody else's name. Sourced with `open`,
# the seconds that it lasts, the owner's login and the file with the hash of their password, or with
# `close` and the login, which also runs when it ends in any other way.

top=${HOMELAB_ROOT:-}
into=$top/run/homelab-recovery/sshd.conf
before=$top/var/lib/homelab-recovery/before
case $1 in
  open)
    if ! grep -q '^\$[0-9a-z]*\$' "$4" 2>/dev/null; then
      echo "homelab: the secret is no hash of a password, as mkpasswd makes it" >&2
      exit 1
    fi
    # An account that exists keeps its password whatever NixOS is told, so it is lent one. What
    # it had before outlives a loss of power in between.
    if ! [ -s "$before" ]; then
      (
        umask 077
        grep "^$3:" "$top/etc/shadow" | cut -d : -f 2 | sed 's/^$/!/' >"$before.new"
        mv -f "$before.new" "$before"
      )
    fi
    printf '%s:%s\n' "$3" "$(head -n 1 "$4")" | chpasswd -e ${top:+-R "$top"}
    printf 'PasswordAuthentication yes\n' >"$into.new"
    mv -f "$into.new" "$into"
    systemctl reload sshd.service
    printf 'homelab: the owner may log in by password from home for %s seconds\n' "$2"
    sleep "$2"
    ;;
  close)
    rm -f "$into"
    systemctl reload sshd.service
    if [ -s "$before" ]; then
      printf '%s:%s\n' "$2" "$(cat "$before")" | chpasswd -e ${top:+-R "$top"}
      rm -f "$before"
    fi
    printf 'homelab: keys only again\n'
    ;;
  at-boot)
    # A new release starts its units too, and is no boot.
    if [ "$(cut -d . -f 1 "$top/proc/uptime")" -lt 300 ]; then
      systemctl start --no-block ssh-recovery.service
    fi
    ;;
esac
