# shellcheck shell=bash
# A switch that restarted this host wrote down how it goes on. Run at boot by the system, the new one
# as well as the old one that came back.

export PATH=/run/current-system/sw/bin:$PATH
for phase in "${HOMELAB_ROOT:-}"/var/lib/homelab/deployments/*/phase; do
  deployment=${phase%/phase}
  case $(cat "$phase" 2>/dev/null) in
    rebooting | awaiting | committing | rolling_back)
      if [ -f "$deployment/resume.sh" ]; then bash "$deployment/resume.sh"; fi
      ;;
  esac
done
