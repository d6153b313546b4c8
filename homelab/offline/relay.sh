# shellcheck shell=bash
# The commands that an offline host may send to its relay. sshd runs this as the forced command of
# the host's key; the argument is the host's name. Nothing of the client's input is executed.

place=${HOMELAB_ROOT:-}/var/lib/homelab-bundles/$1
read -r verb port _ <<<"${SSH_ORIGINAL_COMMAND:-}"
case $verb in
  # The signature, then the signed bundle; nothing if there is none.
  fetch)
    [ ! -f "$place/bundle" ] || cat "$place/bundle"
    ;;
  # The host key with which SSH answers at the client's address.
  look)
    case $port in
      '' | *[!0-9]*) exit 64 ;;
    esac
    ssh-keyscan -T 5 -t ed25519 -p "$port" "${SSH_CLIENT%% *}" 2>/dev/null
    ;;
  # The outcome; the last report counts.
  tell)
    head -c 65536 >"$place/report/word.new" && mv -f "$place/report/word.new" "$place/report/word"
    ;;
  *) exit 64 ;;
esac
