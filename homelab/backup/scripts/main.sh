# shellcheck shell=bash disable=SC2154
usage='usage: homelab-backup COMMAND

  snapshots JOB                         list the snapshots, the newest first
  files JOB TARGET SNAPSHOT DIRECTORY [PATH...]
                                        restore into an empty directory
  in-place JOB TARGET SNAPSHOT [PATH...]
                                        restore, and keep the present state beside it
  undo JOB                              undo the last restore in place
  arrive JOB                            put the state in place that came from another host
  resume                                undo restores that a power cut interrupted; at boot
  check JOB TARGET                      check the repository
  drill JOB TARGET                      try a restore in an empty directory, and remove it
  saved JOB TARGET                      record a backup; check and drill if it is time
  copy JOB TARGET                       copy the snapshots of another target
  hold JOB TARGET                       run the commands before a backup
  release JOB TARGET                    run the commands after a backup
  release-all                           run those that a power cut prevented
  limit                                 run those of an app that is held for too long
  prune JOB TARGET                      remove the snapshots that are not kept; after release
  late                                  start the backups that were due on battery
  fresh                                 fail if a backup is too old
  status                                print which backups are too old

SNAPSHOT is an id, latest, or a time: the newest snapshot that is not younger. With PATH, only these
files and directories are restored.'

# words COUNT ARGUMENT…: as many as the command takes.
words() {
  [ $# -eq $(($1 + 1)) ] || fail "$usage"
}

main() {
  local command=${1:-} patient=${HOMELAB_BACKUP_WAIT:-0}
  # The units of a service wait for it.
  [ "$command" != arrive ] || patient=3600
  case $command in
    files) [ $# -ge 5 ] || words 5 "$@" ;;
    in-place) [ $# -ge 4 ] || words 4 "$@" ;;
    check | copy | drill | saved | hold | prune | release) words 3 "$@" ;;
    arrive | snapshots | undo | take-back) words 2 "$@" ;;
    fresh | late | limit | resume | status | release-all) words 1 "$@" ;;
    *) fail "$usage" ;;
  esac
  errors=$(mktemp)
  leftover=("$errors")
  trap at_end EXIT
  case $command in
    fresh | late | limit | resume | status | release-all)
      [ ! -r "$description" ] || "${command//-/_}"
      return
      ;;
  esac
  begin "$2"
  case $command in
    copy | snapshots | saved | hold | prune | release) ;;
    *)
      mkdir -p "$records"
      exec 8>"$records/.lock"
      flock -w "$patient" 8 || fail "another restore or drill runs on this host; wait until it ends"
      ;;
  esac
  case $command in
    in-place) command=in_place ;;
    take-back) command=taken_back ;;
  esac
  "$command" "${@:3}"
}

main "$@"
