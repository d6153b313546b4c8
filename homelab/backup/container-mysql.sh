# shellcheck shell=sh
# Runs in a container of MariaDB or MySQL: $1 is the user, $2 the program (dump, ping or query), and the
# rest its words. The images have passwords in variables, or in files that variables name.
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

user=$1 what=$2
shift 2
case $what in
  dump) set -- "mariadb-dump mysqldump" "$@" ;;
  ping) set -- "mariadb-admin mysqladmin" "$@" ;;
  *) set -- "mariadb mysql" "$@" ;;
esac
for program in $1; do
  if command -v "$program" >/dev/null; then
    break
  fi
done
shift
if [ "$what" = ping ]; then
  set -- "$@" ping
fi
exec "$program" "--user=$user" "$@"
