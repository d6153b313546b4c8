# shellcheck shell=bash
# Ask for the rollback of an attempt that nobody supervises any more; it runs detached.

main() {
  attempt=$state/attempts/$NONCE
  # Under the lock, so that an attempt which is just being started is not taken for a dead one.
  take_lock "abandoning attempt $NONCE"
  if supervised || [ "$(open_attempt)" != "$NONCE" ]; then return; fi
  [ -e "$attempt/reason" ] || note reason "abandoned: its client or this host stopped half-way"
  # After a reboot the unit is gone, but the script is not.
  systemctl start --no-block homelab-rollback.service 2>/dev/null ||
    detach homelab-rollback "$attempt/rollback.sh" --service-type=exec
}

main </dev/null
