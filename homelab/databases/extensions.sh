# shellcheck shell=bash
# Create the extensions of a database, or update them to the version that the server has.
# Runs as the administrator of PostgreSQL, which lets it in by its socket.
# Arguments: the database, and its extensions. With + before it, the indexes of an extension are
# rebuilt after an update, because an older version wrote them.
# shellcheck disable=SC2016 # $ and ` are for psql.

set -euo pipefail
database=$1
shift
for word in "$@"; do
  name=${word#+} rebuilt=false
  [ "$name" = "$word" ] || rebuilt=true
  # psql quotes a name and a text itself: :"name" and :'name'.
  psql -X -q -d "$database" -v ON_ERROR_STOP=1 -v name="$name" -v rebuilt="$rebuilt" <<'SQL'
SET client_min_messages = 'warning';
SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = :'name'), '') AS before \gset
CREATE EXTENSION IF NOT EXISTS :"name" CASCADE;
ALTER EXTENSION :"name" UPDATE;
SELECT format('REINDEX INDEX %I.%I', s.nspname, c.relname)
  FROM pg_class c
  JOIN pg_namespace s ON s.oid = c.relnamespace
  JOIN pg_depend d ON d.classid = 'pg_am'::regclass AND d.objid = c.relam
    AND d.refclassid = 'pg_extension'::regclass
  JOIN pg_extension e ON e.oid = d.refobjid
 WHERE c.relkind = 'i' AND e.extname = :'name' AND :'rebuilt'::boolean
   AND :'before' NOT IN ('', e.extversion)
\gexec
SQL
done
