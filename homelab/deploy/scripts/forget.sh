# shellcheck shell=bash
# Remove the files of homelab from a host that is no longer in the stack. The running system and the
# others in the boot menu stay as they are.

# parts: the files of homelab in the state directory, without the lock.
parts() {
  local path
  for path in "$state"/* "$state"/.??*; do
    case ${path##*/} in
      lock) ;;
      releases | deployments | secrets | .leaving) say "$path" ;;
      *) if [ -f "$path" ]; then say "$path"; fi ;;
    esac
  done
}

main() {
  local path needed=''
  if [ ! -d "$state" ]; then
    say "nothing of homelab is in $state"
    return
  fi
  # A dry run must not leave a lock file.
  [ -z "$YES" ] || take_lock "forgetting this host"
  settled "on the host: bash $state/deployments/$(open_deployment)/rollback.sh"
  for path in "$running" "$profile"; do
    if places_secrets "$path"; then needed=$(readlink -f "$path"); fi
  done
  while read -r path; do
    if [ "$path" != "$state/secrets" ] || [ -z "$needed" ]; then drop "$path"; fi
  done < <(parts)
  if [ -n "$needed" ]; then
    say "stays: $state/secrets, because $needed reads its secrets there at each boot; run again once the host runs and boots a system without homelab-secrets"
  else
    drop "$root/run/homelab/secrets"
  fi
  if [ -n "$YES" ]; then
    # Last, because the lock keeps others out until here.
    rm -f "$state/lock"
    rmdir "$state" 2>/dev/null || true
  fi
  if [ -z "$found" ]; then say "nothing of homelab is left to remove"; fi
  for path in "$state"/*; do
    case ${path##*/} in
      releases | deployments | secrets) ;;
      *) if [ -d "$path" ]; then say "stays: $path, which homelab did not make"; fi ;;
    esac
  done
}

main </dev/null
