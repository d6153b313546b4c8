# shellcheck shell=bash disable=SC2154
# Databases of containers that belong to a service. A restore moves the files of the database aside with
# the container stopped, lets the image make an empty database, and loads the dump. So an undo, also
# after a power cut, moves files and needs no container.

patience=${HOMELAB_CONTAINER_SECONDS:-300}

# contained_in: the databases of the containers of the job, each as JSON on one line. A service that
# arrives brings their files.
contained_in() {
  [ -z "${given:-}" ] || return 0
  jq -c --arg job "$job" '.[$job].inside[]?' "$description"
}

# fields_of JSON: the fields of one of them.
fields_of() {
  local fields
  mapfile -t fields < <(jq -r '.kind, .database, .user, .container, .directory, .dump' <<<"$1")
  kind=${fields[0]} database=${fields[1]} user=${fields[2]}
  container=${fields[3]} directory=${fields[4]} dump=${fields[5]}
}

# directories: those with the files of the databases, each once.
directories() {
  contained_in | jq -r .directory | sort -u
}

# client WORD…: psql, or the client of MySQL, in the container.
client() {
  if [ "$kind" = postgresql ]; then
    podman exec -i "$container" psql -X -q -A -t --no-password --username "$user" "$@"
  else
    podman exec -i "$container" sh -c "$in_mysql" sh "$user" query --batch --skip-column-names "$@"
  fi
}

# ask_in DATABASE: run the SQL of the input; it ends at the first error.
ask_in() {
  if [ "$kind" = postgresql ]; then
    client -v ON_ERROR_STOP=1 --dbname "${1:-postgres}"
  else
    client ${1:+"$1"}
  fi
}

# answers: whether the database takes connections over TCP. While an image makes it, it does not.
answers() {
  if [ "$kind" = postgresql ]; then
    podman exec "$container" pg_isready -q -h 127.0.0.1 -U "$user"
  else
    podman exec "$container" sh -c "$in_mysql" sh "$user" ping --silent --protocol=tcp --host=127.0.0.1
  fi >/dev/null 2>&1
}

# answered: wait until it does.
answered() {
  local start=$SECONDS
  until answers; do
    [ $((SECONDS - start)) -lt "$patience" ] || return 1
    sleep 1
  done
}

# tables_in DATABASE: how many it has.
tables_in() {
  if [ "$kind" = postgresql ]; then
    ask_in "$1" <<<"SELECT count(*) FROM information_schema.tables
      WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
  else
    ask_in '' <<<"SELECT count(*) FROM information_schema.tables WHERE table_schema = '$1'"
  fi
}

# names: the databases of the container, without those of the server itself.
names() {
  if [ "$kind" = postgresql ]; then
    ask_in postgres <<<"SELECT datname FROM pg_database WHERE NOT datistemplate AND datname <> 'postgres'"
  else
    ask_in '' <<<"SHOW DATABASES" | grep -vxE 'information_schema|performance_schema|mysql|sys' || true
  fi
}

# users_in: the users of a MySQL with their passwords and rights, as SQL. The image makes root, and those
# of the server itself.
users_in() {
  local one
  while IFS= read -r one; do
    # MySQL 8 has passwords of bytes; MariaDB does not know the variable.
    ask_in '' <<<"/*!80017 SET print_identified_with_as_hex = ON */; SHOW CREATE USER $one; SHOW GRANTS FOR $one" |
      sed 's/$/;/'
  done < <(ask_in '' <<<"SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user
    WHERE user NOT IN ('', 'root', 'healthcheck', 'mariadb.sys', 'mysql') AND user NOT LIKE 'mysql.%' AND host <> ''")
}

# noted DIRECTORY: what the dump of the container lacks: users, and the owner of the database.
noted() {
  if [ "$kind" = mysql ]; then
    # A user of one database sees no other users.
    [ "$user" != root ] || users_in >"$1/$container.users"
    return
  fi
  podman exec "$container" pg_dumpall --no-password --roles-only --username "$user" >"$1/$container.roles"
  ask_in postgres <<<"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '$database'" \
    >"$1/$container.$database.owner"
}

# contained_ready: before anything stops. Nothing else may be in the files that are moved aside.
contained_ready() {
  local one other known count
  while IFS= read -r one; do
    fields_of "$one"
    answers </dev/null || continue
    known=$(contained_in | jq -r --arg container "$container" 'select(.container == $container) | .database')
    while IFS= read -r other; do
      ! grep -qxF -- "$other" <<<"$known" || continue
      count=$(tables_in "$other")
      [ "$count" = 0 ] ||
        fail "$container has the database $other, too, which no dump of $job has; restore with --to, and load the dump by hand"
    done < <(names </dev/null)
    noted "$record" </dev/null
  done < <(contained_in)
}

# emptied DIRECTORY: an empty one to put in its place.
emptied() {
  local new
  # The image would not make a database beside what is kept there.
  ! mountpoint -q "$1" ||
    fail "$1 is a mount point, so its files cannot be kept beside it; restore with --to, and load the dump by hand"
  new=$(beside "$1" restoring)
  echo "$1" >>"$record/paths"
  sync -f "$record"
  mkdir -p "$new$1"
  like "$1" "$new$1"
}

# like OLD NEW: owner and mode, if there is an old one.
like() {
  [ -e "$1" ] || return 0
  chown --reference "$1" "$2"
  chmod --reference "$1" "$2"
}

# renewed DIRECTORY: one below a path of the job has moved aside with it.
renewed() {
  local path
  mkdir -p "$1"
  while IFS= read -r path; do
    [[ $1 != "$path"/* ]] || like "$(beside "$path" before)${1#"$path"}" "$1"
  done < <(roots)
}

# load_in DUMP NOTES: into an empty server.
load_in() {
  local owner
  if [ "$kind" = postgresql ]; then
    # Those that the image made exist.
    [ ! -e "$2/$container_of.roles" ] || client --dbname postgres <"$2/$container_of.roles" >/dev/null 2>&1 || true
    owner=$(cat "$2/$container_of.$database.owner" 2>/dev/null || true)
    ask_in postgres <<<"DROP DATABASE IF EXISTS \"$database\"" || return 1
    ask_in postgres <<<"CREATE DATABASE \"$database\" OWNER \"${owner:-$user}\" TEMPLATE template0" || return 1
    ask_in "$database" <"$1" >/dev/null
  else
    ask_in '' <<<"DROP DATABASE IF EXISTS \`$database\`" || return 1
    ask_in '' <"$1" >/dev/null || return 1
    # Those that the image made exist. Rights may be of one table, which came with the dump.
    [ ! -e "$2/$container_of.users" ] || client --force <"$2/$container_of.users" >/dev/null 2>&1 || true
  fi
}

# contained_load: start the containers, and load the dumps.
contained_load() {
  local one container_of
  while IFS= read -r one; do
    fields_of "$one"
    container_of=$container
    echo "restoring the database $database in $container"
    systemctl start "podman-$container.service" </dev/null ||
      fail "$container does not start, see journalctl; go back: homelab restore $job --undo"
    answered </dev/null ||
      fail "the database in $container does not answer; go back: homelab restore $job --undo"
    # A server with its files elsewhere would have the present database.
    [ -n "$(ls -A "$directory")" ] ||
      fail "$container keeps no files in $directory; go back: homelab restore $job --undo"
    load_in "$record/dumps$dump" "$record" ||
      fail "the dump of $database could not be loaded; go back: homelab restore $job --undo"
  done < <(contained_in)
}

# trial WORD…: a container of the same image, without network and with an empty database.
trial() {
  podman run --detach --rm --pull never --network none --name "$tried" \
    --env POSTGRES_USER="$user" --env POSTGRES_HOST_AUTH_METHOD=trust \
    --env MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 --env MYSQL_ALLOW_EMPTY_PASSWORD=1 \
    --env ALLOW_EMPTY_PASSWORD=yes \
    "$image" "$@" >/dev/null 8>&-
}

# contained_tried DIRECTORY: each dump loads into a throwaway container, which is removed.
contained_tried() {
  local one image words container_of live count
  while IFS= read -r one; do
    fields_of "$one"
    container_of=$container
    image=$(podman inspect --format '{{.Image}}' "$container" 2>/dev/null) ||
      fail "$container does not run, so the dump of $database cannot be tried"
    mapfile -t words < <(podman inspect "$container" | jq -r '.[0].Config.Cmd[]?')
    live=''
    if answers </dev/null; then
      noted "$place" </dev/null
      live=$(tables_in "$database")
    fi
    tried=homelab-drill-$$
    leftover_container=$tried
    [ "$kind" = postgresql ] || user=root
    container=$tried
    if ! { trial "${words[@]}" && answered; } </dev/null; then
      # Its words may name files that only the container has.
      podman rm --force --time 0 "$tried" >/dev/null 2>&1 || true
      { trial && answered; } </dev/null || fail "an empty container of $container_of does not start"
    fi
    load_in "$1$dump" "$place" ||
      fail "the dump of $database in the snapshot of $taken cannot be loaded"
    count=$(tables_in "$database")
    [ "$count" -gt 0 ] || [ "$live" = 0 ] ||
      fail "the dump of $database in the snapshot of $taken has no table"
    opened="$opened; $database has $count tables"
    podman rm --force --time 0 "$tried" >/dev/null
    leftover_container=''
  done < <(contained_in)
}
