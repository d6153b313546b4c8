# shellcheck shell=bash
# Make a role the owner of databases, so that it may create tables in them.
# Runs as the administrator of PostgreSQL, which lets it in by its socket.
# Arguments: the role, and the databases.

set -euo pipefail
role=$1
shift
for database in "$@"; do
  # psql quotes a name itself: :"name".
  psql -X -q -d postgres -v ON_ERROR_STOP=1 -v role="$role" -v database="$database" <<'SQL'
ALTER DATABASE :"database" OWNER TO :"role";
SQL
done
