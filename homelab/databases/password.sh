# shellcheck shell=bash
# Set the password of a service in a database server of this host, and its rights in its database.
# Runs as the administrator of the server, which lets it in by its socket.
# Arguments: postgresql or mysql, and the name of the database and of its owner.
#
# The password is never an argument, because other users can read arguments, and never in a log of
# the server.
# shellcheck disable=SC2016 # $ and ` are for the programs of the databases.

set -euo pipefail
kind=$1 name=$2
file=${CREDENTIALS_DIRECTORY:?}/password
[ -s "$file" ] || {
  echo "homelab: the password of $name is empty" >&2
  exit 1
}

case $kind in
  postgresql)
    # psql quotes a name and a text itself: :"name" and :'text'.
    psql -X -q -d postgres -v ON_ERROR_STOP=1 -v name="$name" -v file="$file" <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET log_min_duration_statement = -1;
\set password `cat "$CREDENTIALS_DIRECTORY/password"`
SET password_encryption = 'scram-sha-256';
ALTER ROLE :"name" LOGIN PASSWORD :'password';
SQL
    ;;
  mysql)
    # A text of hexadecimal digits needs no quotes; QUOTE and ` ` make a text and a name of it.
    hex() { od -An -v -tx1 | tr -d ' \n'; }
    {
      printf 'SET @name = CONVERT(0x%s USING utf8mb4);\n' "$(printf %s "$name" | hex)"
      # A file may end with a line break, which is not part of the password.
      printf 'SET @password = CONVERT(0x%s USING utf8mb4);\n' "$(printf %s "$(cat "$file")" | hex)"
      cat <<'SQL'
SET SESSION sql_log_bin = 0;
SET @tables = CONCAT('`', REPLACE(REPLACE(REPLACE(@name, '`', '``'), '_', '\\_'), '%', '\\%'), '`.*');
SQL
      # A server that resolves 127.0.0.1 calls it localhost, where another account would come first.
      for from in % localhost; do
        printf "SET @account = CONCAT(QUOTE(@name), '@', QUOTE('%s'));\n" "$from"
        cat <<'SQL'
EXECUTE IMMEDIATE CONCAT('CREATE USER IF NOT EXISTS ', @account, ' IDENTIFIED BY ', QUOTE(@password));
EXECUTE IMMEDIATE CONCAT('ALTER USER ', @account, ' IDENTIFIED BY ', QUOTE(@password));
EXECUTE IMMEDIATE CONCAT('GRANT ALL PRIVILEGES ON ', @tables, ' TO ', @account);
SQL
      done
    } | mysql --batch
    ;;
esac
