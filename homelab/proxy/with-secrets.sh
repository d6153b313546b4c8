# shellcheck shell=bash
# Runs a program with variables that contain secrets: NAME=CREDENTIAL … -- PROGRAM ARGUMENTS.
# Each credential is a file that systemd gives to this unit alone.
set -eu
while [ "$1" != -- ]; do
  value=$(<"$CREDENTIALS_DIRECTORY/${1#*=}")
  export "${1%%=*}=$value"
  shift
done
shift
exec "$@"
