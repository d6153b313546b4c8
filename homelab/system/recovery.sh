# shellcheck shell=bash
# Let the owner log in by password for a while, from home only. Sourced with `open`, the number of
# seconds, the owner's login and the file with the password hash, or with `close` and the login;
# `close` also runs when the unit ends early.

top=${HOMELAB_ROOT:-}
into=$top/run/homelab-recovery/sshd.conf
before=$top/var/lib/homelab-recovery/before
case $1 in
  open)
    if ! grep -q '^\$[0-9a-z]*\$' "$4" 2>/dev/null; then
      echo "homelab: the secret is no hash of a password, as mkpasswd makes it" >&2
      exit 1
    fi
    # NixOS does not change the password of an existing account, so this sets one temporarily. The
    # previous hash is saved in a file that survives a power cut.
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
    # A switch starts this unit too; only a boot opens the window.
    if [ "$(cut -d . -f 1 "$top/proc/uptime")" -lt 300 ]; then
      systemctl start --no-block ssh-recovery.service
    fi
    ;;
esac
