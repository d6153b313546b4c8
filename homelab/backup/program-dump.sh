# shellcheck shell=sh
# Writes a dump of a service to standard output. Arguments: variables with the files of their secrets
# (TOKEN=/run/secrets/token), `--`, a directory or an empty word, tar, and the program with its
# words. A program with a directory writes there, and the dump is a tar archive of the directory.
set -eu

while [ "$1" != -- ]; do
  secret=$(cat "${1#*=}")
  export "${1%%=*}=$secret"
  shift
done
directory=$2
tar=$3
shift 3

if [ -z "$directory" ]; then
  exec "$@"
fi
rm -rf "$directory"
mkdir "$directory"
# What the program prints would end up in the archive.
"$@" >&2
"$tar" -C "$directory" -cf - .
rm -rf "$directory"
