# shellcheck shell=bash
# What an offline host may ask of the one that keeps its release: run by sshd for the offline host's
# key, whose name is the argument. Nothing of what it says is run.

place=${HOMELAB_ROOT:-}/var/lib/homelab-bundles/$1
read -r verb port _ <<<"${SSH_ORIGINAL_COMMAND:-}"
case $verb in
  # The signature, and then what it is of; nothing when nothing waits.
  fetch)
    [ ! -f "$place/bundle" ] || cat "$place/bundle"
    ;;
  # How the offline host's SSH answers from outside, where the question came from: its host key.
  look)
    case $port in
      '' | *[!0-9]*) exit 64 ;;
    esac
    ssh-keyscan -T 5 -t ed25519 -p "$port" "${SSH_CLIENT%% *}" 2>/dev/null
    ;;
  # How it went; the last word counts.
  tell)
    head -c 65536 >"$place/report/word.new" && mv -f "$place/report/word.new" "$place/report/word"
    ;;
  *) exit 64 ;;
esac
