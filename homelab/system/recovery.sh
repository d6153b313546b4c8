# shellcheck shell=bash
# Let the owner in by password for a while: at home, and by nobody else's name. Sourced with `open`
# and the seconds that it lasts, or with `close`, which also runs when it ends in any other way.

into=${HOMELAB_ROOT:-}/run/homelab-recovery/sshd.conf
case $1 in
  open)
    printf 'PasswordAuthentication yes\n' >"$into.new"
    mv -f "$into.new" "$into"
    systemctl reload sshd.service
    printf 'homelab: the owner may log in by password from home for %s seconds\n' "$2"
    sleep "$2"
    ;;
  close)
    rm -f "$into"
    systemctl reload sshd.service
    printf 'homelab: keys only again\n'
    ;;
  at-boot)
    # A new release starts its units too, and is no boot.
    if [ "$(cut -d . -f 1 "${HOMELAB_ROOT:-}/proc/uptime")" -lt 300 ]; then
      systemctl start --no-block ssh-recovery.service
    fi
    ;;
esac
