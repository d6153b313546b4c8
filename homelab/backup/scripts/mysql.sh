# shellcheck shell=bash disable=SC2154
# Databases of the MySQL or MariaDB of this host, which lets root in by its socket. They cannot be
# renamed, so a restore keeps a dump of the present one.

mysql_has() {
  [ -n "$(mysql --batch --skip-column-names --execute "SHOW DATABASES LIKE '${1//_/\\_}'")" ]
}

# mysql_dump DATABASE FILE: all of it, on the disk. A file that exists is whole, and stays.
mysql_dump() {
  [ ! -e "$2" ] || return 0
  mkdir -p "${2%/*}"
  mysqldump --single-transaction --routines --events --triggers --databases "$1" >"$2.new" || return 1
  sync "$2.new"
  mv "$2.new" "$2"
  sync -f "${2%/*}"
}

mysql_drop() {
  mysql --execute "DROP DATABASE IF EXISTS \`$1\`"
}

# mysql_replace DATABASE DUMP: the dump creates the database.
mysql_replace() {
  echo "restoring the database $1"
  if mysql_has "$1"; then
    mysql_dump "$1" "$record/kept/mysql-$1.sql" ||
      fail "the present database $1 cannot be dumped, so it would be lost; restore with --to, and load the dump by hand"
  fi
  echo "$1" >>"$record/mysql"
  sync -f "$record"
  mysql_drop "$1" && mysql <"$2"
}

# mysql_back DATABASE: as before the restore. What was restored is kept as a dump, if it is whole: a
# power cut in the middle of a drop or a load leaves tables that cannot be read.
mysql_back() {
  ! mysql_has "$1" || mysql_dump "$1" "$record/undone/mysql-$1.sql" ||
    echo "the restored database $1 is not whole and is not kept"
  mysql_drop "$1"
  [ ! -e "$record/kept/mysql-$1.sql" ] || mysql <"$record/kept/mysql-$1.sql"
}
