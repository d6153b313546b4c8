# shellcheck shell=bash
# Remove what is ours from a host that is no longer in the stack. The system that runs goes on, and
# so does every other that the boot menu has.

# parts: what is ours in the state directory, the lock left out; the rest is somebody else's.
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
    say "there is nothing of ours in $state"
    return
  fi
  # To look is no change, and a look must leave no trace.
  [ -z "$YES" ] || take_lock "forgetting this host"
  settled "on the host: bash $state/deployments/$(open_attempt)/rollback.sh"
  for path in "$running" "$profile"; do
    if places_secrets "$path"; then needed=$(readlink -f "$path"); fi
  done
  while read -r path; do
    if [ "$path" != "$state/secrets" ] || [ -z "$needed" ]; then drop "$path"; fi
  done < <(parts)
  if [ -n "$needed" ]; then
    say "stays: $state/secrets, for $needed takes its secrets from there at each boot; run again once the host runs and boots a system without homelab-secrets"
  else
    drop "$root/run/homelab/secrets"
  fi
  if [ -n "$YES" ]; then
    # Last of all: until here it keeps others out.
    rm -f "$state/lock"
    rmdir "$state" 2>/dev/null || true
  fi
  if [ -z "$found" ]; then say "there is nothing of ours to remove"; fi
  for path in "$state"/*; do
    case ${path##*/} in
      releases | deployments | secrets) ;;
      *) if [ -d "$path" ]; then say "stays: $path, which is not ours"; fi ;;
    esac
  done
}

main </dev/null
