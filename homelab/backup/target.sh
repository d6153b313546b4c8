# shellcheck shell=bash
# Directories for the backups of other hosts, each with a root of its own.
# Sourced by the unit of a target; needs coreutils alone.

# root DIRECTORY: sshd takes no root that anybody but root can write.
root() {
  install --directory --mode 0755 --owner root --group root "$1"
}

# repository LOGIN DIRECTORY: what an account of before has written becomes its client's. A client
# cannot change the directory itself, only what is in it, and has not been let in by then.
repository() {
  install --directory --mode 0700 "$2"
  if [ "$(stat --format %U "$2")" != "$1" ]; then
    chown --recursive --no-dereference "$1:$1" "$2"
  fi
}
