# shellcheck shell=bash disable=SC2154
# Copies of repositories on another target.

# from KEY: what the description says of the repository that is copied to the target.
from() {
  jq -r --arg job "$job" --arg target "$target" --arg key "$1" \
    '.[$job].copies[$target][$key] // empty' "$description"
}

# copy TARGET: copy the snapshots that the target lacks. The first copy makes a repository that cuts
# files at the same places, so that equal data is stored once.
copy() {
  aim "$1"
  local source repository options environment
  source=$(from target)
  [ -n "$source" ] || fail "$job is backed up to $target and not copied there"
  repository=$(from repository)
  options=(--from-repo "$repository" --from-password-file "$(from passwordFile)")
  environment=$(from environmentFile)
  if [ -n "$environment" ]; then
    set -a
    # shellcheck source=/dev/null
    . "$environment"
    set +a
  fi
  if [ -n "$(from rcloneConfigFile)" ]; then
    RCLONE_CONFIG=$(from rcloneConfigFile)
    export RCLONE_CONFIG
  fi
  [ -z "$(from uploadKiB)" ] || options+=(--limit-upload "$(from uploadKiB)")
  restic_of "$target" cat config --no-lock >/dev/null 2>&1 ||
    restic_of "$target" init --copy-chunker-params "${options[@]}" ||
    fail "$target has no repository of $job, and none can be made from that of $source"
  restic_of "$target" copy "${options[@]}" || fail "$job could not be copied from $source to $target"
}
