# Shell scripts that dump the databases of a job before it runs, and clean up after it.
{
  lib,
  pkgs,
  program,
}:

let
  inherit (import ./quote.nix { inherit lib; }) forShell;
  sqlite = "/var/backup/sqlite";
  commands = "/var/backup/dumps";

  # The name of a database's file; with a digest of its path if another one has the same name.
  sqliteFile =
    job: database:
    let
      name = baseNameOf database;
      same = lib.filter (other: baseNameOf other == name) (lib.unique job.sqlite);
    in
    if lib.length same > 1 then
      "${name}-${builtins.substring 0 8 (builtins.hashString "sha256" database)}"
    else
      name;

  # Dumps by directory: what the file is called, and what writes it to $new.
  groups =
    name: job:
    lib.filter (group: group.dumps != [ ]) [
      {
        directory = "${sqlite}/${name}";
        dumps = map (database: {
          file = sqliteFile job database;
          write = "${pkgs.sqlite}/bin/sqlite3 -readonly -cmd \".timeout 30000\" ${forShell database} \"VACUUM INTO '$new'\"";
        }) job.sqlite;
      }
      {
        directory = "${commands}/${name}";
        dumps = lib.mapAttrsToList (file: command: {
          inherit file;
          # A program that writes nothing has dumped nothing, whatever its exit code says.
          write = ''
            ${command} >"$new"
            [ -s "$new" ] || { echo "$dump is empty: its command has written nothing" >&2; exit 1; }'';
        }) job.commands;
      }
    ];

  # Whether commands run around the job.
  holds = job: job.before ++ job.after ++ job.holds != [ ];
  call = command: name: target: ''
    ${program}/bin/homelab-backup ${command} ${forShell name} ${forShell target}
  '';

  enter = directory: ''
    mkdir -p ${forShell directory}
    cd ${forShell directory}
  '';
  # Where several targets make the same dump at the same time, one at a time may.
  lock = name: ''
    exec 9>${forShell "/run/backup-${name}.lock"}
    ${pkgs.util-linux}/bin/flock 9
  '';
  # A job that a power cut ended leaves its lock in the repository, which has no other writer. restic
  # removes only locks whose process is gone. What is wrong otherwise, the backup itself says.
  unlock = name: target: ''
    PATH=/run/current-system/sw/bin:$PATH ${forShell "restic-${name}-${target}"} unlock >/dev/null 2>&1 || true
  '';
  # The rename leaves a reader of the old file undisturbed.
  make =
    target: dump:
    ''
      dump=${forShell dump.file}
      new=${forShell "${dump.file}.${target}"}
      rm -f "$new"
    ''
    + "${dump.write}\n"
    + ''
      mv -f "$new" "$dump"
    '';
in
{
  # Files that a job backs up instead of its live databases: first those of SQLite, in their order.
  files =
    name: job:
    map (database: "${sqlite}/${name}/${sqliteFile job database}") job.sqlite
    ++ map (database: "/var/backup/postgresql/${database}.sql.gz") job.postgresql
    ++ map (file: "${commands}/${name}/${file}") (lib.attrNames job.commands);

  # Files of databases that are dumped: a copy of one in use may be torn.
  live =
    job:
    lib.concatMap (
      database:
      map (end: database + end) [
        ""
        "-wal"
        "-shm"
        "-journal"
      ]
    ) job.sqlite;

  # The dump that a command writes to this file.
  command = name: file: "${commands}/${name}/${file}";

  any = name: job: holds job || groups name job != [ ];
  inherit holds;

  # A unit without a backup copies the snapshots of another target.
  copy =
    name: target: source:
    ''
      #!${pkgs.runtimeShell}
      set -euo pipefail
    ''
    + unlock name target
    # restic locks what it copies, too.
    + unlock name source
    + call "copy" name target;

  prepare =
    name: job: target:
    let
      group = { directory, dumps }: enter directory + lib.concatMapStrings (make target) dumps;
      all = groups name job;
      locked = all != [ ] && lib.length job.targets > 1;
    in
    ''
      #!${pkgs.runtimeShell}
      set -euo pipefail
      umask 077
    ''
    # First, so that jobs that start at the same time hold an app together.
    + lib.optionalString (holds job) (call "hold" name target)
    + unlock name target
    + lib.optionalString locked (lock name)
    + lib.concatMapStrings group all;

  # Removes what a failed dump left behind. Whole dumps stay: another target may read them.
  cleanup =
    name: job: target:
    let
      unfinished = { directory, dumps }: map (dump: forShell "${directory}/${dump.file}.${target}") dumps;
      files = lib.concatMap unfinished (groups name job);
    in
    ''
      #!${pkgs.runtimeShell}
    ''
    + lib.optionalString (files != [ ]) "rm -f ${lib.concatStringsSep " " files}\n"
    + lib.optionalString (holds job) (call "release" name target);
}
