# shellcheck shell=bash
# A switch that restarts this host leaves a script that resumes it. This runs at boot, on the new
# system and on the old system if that one comes back.

export PATH=/run/current-system/sw/bin:$PATH
for phase in "${HOMELAB_ROOT:-}"/var/lib/homelab/deployments/*/phase; do
  deployment=${phase%/phase}
  case $(cat "$phase" 2>/dev/null) in
    rebooting | awaiting | committing | rolling_back)
      if [ -f "$deployment/resume.sh" ]; then bash "$deployment/resume.sh"; fi
      ;;
  esac
done
