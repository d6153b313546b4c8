# shellcheck shell=sh
# Runs in a container of MariaDB or MySQL: $1 is the user, $2 the database. The images have
# passwords in variables, or in files that variables name.
set -eu

named=
if [ "$1" = root ]; then
  named=ROOT_
fi
for name in "MARIADB_${named}PASSWORD" "MYSQL_${named}PASSWORD"; do
  eval "value=\${$name-} file=\${${name}_FILE-}"
  if [ -n "$file" ]; then
    value=$(cat "$file")
  fi
  if [ -n "$value" ]; then
    MYSQL_PWD=$value
    export MYSQL_PWD
    break
  fi
done

program=mysqldump
if command -v mariadb-dump >/dev/null; then
  program=mariadb-dump
fi
exec "$program" "--user=$1" --single-transaction --routines --databases "$2"
