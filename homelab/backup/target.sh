# shellcheck shell=bash
# Directories for the backups of other hosts, each with a root of its own.
# Sourced by the unit of a target; needs only coreutils.

# root DIRECTORY: sshd requires that only root can write it.
root() {
  install --directory --mode 0755 --owner root --group root "$1"
}

# repository LOGIN DIRECTORY: files of an earlier account get the current one as owner. A client can
# change only the content of the directory, and cannot sign in before this has run.
repository() {
  install --directory --mode 0700 "$2"
  if [ "$(stat --format %U "$2")" != "$1" ]; then
    chown --recursive --no-dereference "$1:$1" "$2"
  fi
}
