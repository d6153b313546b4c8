# shellcheck shell=bash
# Mount what was not mounted, because its server was away. A mount starts the services that want it.

# mounted UNIT...: try each mount that is not there. One that fails again is tried the next time.
mounted() {
  local unit
  for unit; do
    systemctl is-active --quiet "$unit" || systemctl start "$unit" || true
  done
}
