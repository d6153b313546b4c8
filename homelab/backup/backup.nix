# Backups with restic. A job has a unit and a repository for each of its targets, so a target that
# is down fails its own units and no others. Databases are dumped before they are backed up.
#
# Everything here yields to a plain definition in a module of your own, for instance
# `homelab.backup.jobs.photos.keep.daily = 30;` or `services.restic.backups.photos-b2.user = "me";`.
{
  config,
  lib,
  options,
  pkgs,
  ...
}:

let
  inherit (lib) mkOption types;
  derive = import ./derive.nix { inherit lib options; };
  dumps = import ./backup-dumps.nix { inherit lib pkgs program; };
  inherit (import ./quote.nix { inherit lib; }) forShell forSystemd;
  cfg = config.homelab.backup;

  periods = [
    "daily"
    "weekly"
    "monthly"
    "yearly"
  ];
  tiers = {
    service = {
      daily = 7;
      weekly = 4;
      monthly = 12;
    };
    user = {
      daily = 14;
      weekly = 4;
      monthly = 12;
    };
    irreplaceable = {
      daily = 14;
      weekly = 8;
      monthly = 12;
      yearly = 5;
    };
  };

  named =
    options: description:
    mkOption {
      type = types.attrsOf (types.submodule options);
      default = { };
      inherit description;
    };
  string =
    description:
    mkOption {
      type = types.str;
      inherit description;
    };
  strings =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      inherit description;
    };
  commands =
    description:
    mkOption {
      type = types.listOf (types.listOf types.str);
      default = [ ];
      inherit description;
    };
  file =
    description:
    mkOption {
      type = types.nullOr types.str;
      default = null;
      inherit description;
    };
  count =
    default: description:
    mkOption {
      type = types.ints.unsigned;
      inherit default description;
    };
  # With the value of another option as default.
  like =
    name: default: option:
    option
    // {
      inherit default;
      defaultText = name;
    };
  counts = lib.genAttrs periods (
    period:
    mkOption {
      type = types.ints.unsigned;
      default = 0;
      description = "How many ${period} snapshots to keep.";
    }
  );

  # A time of its own for each job, in the minutes after `at`: a new job moves no other. Nix reads no
  # hexadecimal numbers, so the decimal digits of a digest have to do.
  startOf =
    job:
    let
      time = builtins.match "0?([0-9]+):0?([0-9]+)" cfg.at;
      minutes =
        builtins.fromJSON (lib.head time) * 60 + builtins.fromJSON (lib.head (lib.tail time)) + offset;
      digits = lib.replaceStrings [ "a" "b" "c" "d" "e" "f" ] [ "" "" "" "" "" "" ] (
        builtins.hashString "sha256" job
      );
      offset = remainder (builtins.fromJSON "1${builtins.substring 0 6 digits}") cfg.spreadMinutes;
      padded = number: if number < 10 then "0${toString number}" else toString number;
    in
    if time == null || cfg.spreadMinutes == 0 then
      cfg.at
    else
      "${padded (remainder minutes 1440 / 60)}:${padded (remainder minutes 60)}";
  remainder = number: divisor: number - number / divisor * divisor;

  inside.options = {
    kind = mkOption {
      type = types.enum [
        "postgresql"
        "mysql"
      ];
      description = "Kind of the database.";
    };
    database = string "Name of the database.";
    user = string "Superuser of the database.";
    container = string "Container that has it.";
    directory = string "Directory of the host with all of its files.";
  };

  job =
    { config, name, ... }:
    let
      tier = cfg.tiers.${config.tier} or (throw "homelab.backup.tiers has no ${config.tier}");
    in
    {
      options = {
        paths = strings "Files and directories to back up, besides the dumps.";
        exclude = strings "Patterns to leave out, besides the live files of dumped databases.";
        sqlite = strings "SQLite databases to dump, by their files.";
        postgresql = strings "PostgreSQL databases of this host to dump at `dumpAt`, by name.";
        mysql = strings "MySQL databases of this host whose dump a command writes to `mysql-<name>.sql`.";
        commands = mkOption {
          type = types.attrsOf types.str;
          default = { };
          description = "Shell commands that write a dump to standard output, by the dump's file name.";
        };
        inside = named inside "Databases of containers, by the file name of their dump in `commands`.";
        targets = like "every target" (lib.attrNames cfg.targets) (strings "Targets to back up to.");
        tier = like "service" "service" (string "Tier that sets how many snapshots are kept.");
        keep = lib.mapAttrs (period: like "as the tier" tier.${period}) counts;
        at = like "a time of its own after homelab.backup.at" (startOf name) (
          string "Local time at which the job starts."
        );
        mounts = strings "Directories that must be mounted before the job starts.";
        before = commands "Commands to run before the dumps, each a list of words.";
        after = commands "Commands to run when a backup has ended in any way, each a list of words.";
        holds = strings "Other jobs whose `before` and `after` enclose this one, too.";
        holdMinutes = count 240 "Minutes after which `after` runs though a backup has not ended; 0 for never.";
        byHand = strings "Dumps that only the app itself can load. A restore in place is refused.";
        units = strings "Units that use the data; a restore stops and starts them.";
        probe = file "URL that must answer after a restore in place, as after a deployment.";
        arrivesFrom = file "Host that had the service. Its units wait until the data has come from there.";
      };
    };

  target.options = {
    repository = string "Where the repositories are: a job writes to `<repository>/<job>`.";
    passwordFile = string "File with the password of the repositories.";
    environmentFile = file "File with the credentials of the store, as environment variables.";
    rcloneConfigFile = file "File with the remote of the repositories, for rclone.";
    repositories = mkOption {
      type = types.attrsOf types.str;
      default = { };
      description = "Repositories of single jobs in another place, by job.";
    };
    adopted = strings "Jobs whose repository may have snapshots of other paths, which count by themselves.";
    sshKey = file "Private key for repositories over SFTP.";
    mounts = strings "Directories that must be mounted before a job writes to this target.";
    copyOf = file "Target whose repositories are copied to this one. Jobs do not back up to it themselves.";
    copyAt = file "Local time at which the copies of a day start. Without it, only by hand.";
    maxAgeDays = mkOption {
      type = types.nullOr types.ints.unsigned;
      default = null;
      description = "Days after which the last backup or copy is too old, if not as everywhere.";
    };
    keepsAll = mkOption {
      type = types.bool;
      default = false;
      description = "Whether jobs cannot delete snapshots of this target, whose holder removes old ones.";
    };
    uploadKiB = mkOption {
      type = types.nullOr types.ints.unsigned;
      default = null;
      description = "Most KiB that a job sends in one second.";
    };
    checkWeeks = mkOption {
      type = types.ints.unsigned;
      default = 13;
      description = "Weeks in which the weekly checks read all data once; 0 for no data.";
    };
  };

  ofJobs = key: lib.unique (lib.concatMap (job: job.${key}) (lib.attrValues cfg.jobs));
  databases = ofJobs "postgresql";
  mysqlDatabases = ofJobs "mysql";

  units = lib.concatLists (
    lib.mapAttrsToList (
      job: settings: map (target: unit job target settings cfg.targets.${target}) settings.targets
    ) cfg.jobs
  );
  unit =
    job: target: settings: store:
    let
      limit = lib.optional (store.uploadKiB != null) "--limit-upload=${toString store.uploadKiB}";
      copies = store.copyOf != null;
      from = cfg.targets.${store.copyOf};
      # A copy reads the one repository and writes the other.
      stores = [ store ] ++ lib.optional copies from;
      mounts = lib.optionals (!copies) settings.mounts ++ lib.concatMap (each: each.mounts) stores;
      sshKeys = lib.filter (key: key != null) (map (each: each.sshKey) stores);
      at = if copies then store.copyAt else settings.at;
      holds = dumps.holds settings && !copies;
    in
    {
      name = "${job}-${target}";
      service = {
        after =
          if copies then
            [ "restic-backups-${job}-${store.copyOf}.service" ]
          else
            map (database: "postgresqlBackup-${database}.service") settings.postgresql;
        inherit (cfg) onFailure;
        # As root also where the job has another user. What `before` stopped goes on before the proof;
        # the end of the unit releases it again where that failed.
        serviceConfig = {
          ExecStartPost =
            lib.optional holds "-+${command "release" job target}"
            ++ lib.optional (holds && !store.keepsAll) (command "prune" job target)
            ++ [ "+${command "saved" job target}" ];
        }
        # `after` runs while the unit stops.
        // lib.optionalAttrs holds { TimeoutStopSec = "1h"; };
        unitConfig =
          lib.optionalAttrs (mounts != [ ]) {
            RequiresMountsFor = map forSystemd mounts;
          }
          // lib.optionalAttrs mainsOnly { ConditionACPower = true; };
      };
      backup = {
        repository = repositoryOf job target;
        inherit (store) passwordFile;
        # The first copy makes its repository itself.
        initialize = !copies;
        paths = lib.optionals (!copies) (settings.paths ++ dumps.files job settings);
        timerConfig =
          if at == null then
            null
          else
            {
              OnCalendar = at;
              # A host that was off at that time makes up for it.
              Persistent = true;
            };
        # After commands around the backup, which must not wait for it, the last step of the unit prunes.
        pruneOpts = lib.optionals (!store.keepsAll && !holds) (
          map (lib.concatStringsSep " ") (retention settings ++ [ (grouping job store) ]) ++ limit
        );
        exclude = lib.optionals (!copies) (
          lib.unique (settings.exclude ++ dumps.live settings ++ leftovers)
        );
        backupPrepareCommand =
          if copies then dumps.copy job target store.copyOf else dumps.prepare job settings target;
      }
      # nixpkgs' unit would have nothing to run.
      // lib.optionalAttrs (copies && store.keepsAll) { checkOpts = [ "--quiet" ]; }
      // lib.optionalAttrs (limit != [ ]) { extraBackupArgs = limit; }
      // lib.optionalAttrs (store.environmentFile != null) { inherit (store) environmentFile; }
      // lib.optionalAttrs (store.rcloneConfigFile != null) { inherit (store) rcloneConfigFile; }
      // lib.optionalAttrs (sshKeys != [ ]) {
        extraOptions = [
          "sftp.args='${
            lib.concatMapStrings (key: "-i ${key} ") sshKeys
          }-o IdentitiesOnly=yes -o BatchMode=yes'"
        ];
      }
      // lib.optionalAttrs cfg.inhibitsSleep { inhibitsSleep = true; }
      // lib.optionalAttrs (dumps.any job settings && !copies) {
        backupCleanupCommand = dumps.cleanup job settings target;
      };
    };
  repositoryOf =
    job: target:
    let
      store = cfg.targets.${target};
    in
    store.repositories.${job} or "${store.repository}/${job}";
  # Where a restore keeps what was there before.
  leftovers = [
    ".homelab-before-*"
    ".homelab-undone-*"
  ]
  ++ map (what: "*.${what}-${lib.concatMapStrings (_: "[0-9]") (lib.range 1 14)}") [
    "before"
    "undone"
  ];
  mainsOnly = cfg.inhibitsSleep && !cfg.onBattery;
  # What `homelab-backup` knows of each job.
  described =
    job: settings:
    {
      inherit (settings)
        after
        before
        holds
        mounts
        mysql
        paths
        postgresql
        probe
        sqlite
        targets
        units
        ;
      byHand =
        settings.byHand
        ++ lib.subtractLists (
          map (name: "mysql-${name}.sql") settings.mysql ++ lib.attrNames settings.inside
        ) (lib.attrNames settings.commands);
      checkWeeks = lib.genAttrs settings.targets (target: cfg.targets.${target}.checkWeeks);
      copies =
        lib.mapAttrs
          (target: store: {
            inherit (cfg.targets.${store.copyOf}) passwordFile environmentFile rcloneConfigFile;
            inherit (store) uploadKiB;
            target = store.copyOf;
            repository = repositoryOf job store.copyOf;
          })
          (
            lib.filterAttrs (
              target: store: store.copyOf != null && lib.elem target settings.targets
            ) cfg.targets
          );
      maxAgeDays = lib.genAttrs settings.targets (
        target:
        if cfg.targets.${target}.maxAgeDays == null then
          cfg.maxAgeDays
        else
          cfg.targets.${target}.maxAgeDays
      );
      dumps = dumps.files job settings;
      inside = lib.mapAttrsToList (
        file: database: database // { dump = dumps.command job file; }
      ) settings.inside;
    }
    // lib.optionalAttrs (dumps.holds settings) {
      retention = lib.genAttrs settings.targets (
        target: lib.concatLists (retention settings ++ [ (grouping job cfg.targets.${target}) ])
      );
      inherit (settings) holdMinutes;
    };
  program = pkgs.writeShellScriptBin "homelab-backup" (
    ''
      export PATH=${
        lib.makeBinPath (
          [
            pkgs.bash
            pkgs.curl
            pkgs.jq
            pkgs.sqlite
            pkgs.util-linux
          ]
          ++ lib.optional (databases != [ ]) (postgresql.finalPackage or postgresql.package)
          ++ lib.optional (mysqlDatabases != [ ]) config.services.mysql.package
        )
      }:/run/current-system/sw/bin:$PATH
      export HOMELAB_BACKUP_MAX_AGE_DAYS=${toString cfg.maxAgeDays}
      export HOMELAB_BACKUP_DRILL_DAYS=${toString cfg.drill.days}
      export HOMELAB_BACKUP_DRILL_MEGABYTES=${toString cfg.drill.megabytes}
      export HOMELAB_PROBE_SECONDS=${toString cfg.probeSeconds}
      export HOMELAB_BACKUP_METRICS=${lib.optionalString (cfg.metrics != null) (forShell cfg.metrics)}
    ''
    + builtins.readFile ./backup.sh
  );
  arriving = lib.filterAttrs (_: job: job.arrivesFrom != null) cfg.jobs;
  # The servers of a job's databases.
  servers =
    job:
    lib.optional (job.postgresql != [ ]) "postgresql.service"
    ++ lib.optional (job.mysql != [ ]) "mysql.service";
  command =
    name: job: target:
    "${program}/bin/homelab-backup ${name} ${forSystemd job} ${forSystemd target}";
  inherit (config.services) postgresql;
  kept =
    keep: period:
    lib.optional (keep.${period} > 0) [
      "--keep-${period}"
      (toString keep.${period})
    ];
  # All of the last two days: a backup by hand before a change outlives that of the night.
  retention =
    settings:
    lib.concatMap (kept settings.keep) periods
    ++ [
      [
        "--keep-within"
        "2d"
      ]
    ];
  # The repository holds this one job: a changed list of paths is no reason to count anew. One from
  # before may have snapshots of something else, which those of the job must not supersede.
  grouping = job: store: [
    "--group-by"
    (if lib.elem job store.adopted then "host,paths,tags" else "host")
  ];
in
{
  options.homelab.backup = {
    jobs = named job "What is backed up of this host, by name.";
    targets = named target "restic repositories that the jobs write to, by name.";
    tiers = named { options = counts; } "How many snapshots to keep, by tier.";
    at = like "04:30" "04:30" (string "Local time after which jobs start.");
    spreadMinutes = count 90 "Minutes after `at` in which the jobs start, each at its own time.";
    onBattery = mkOption {
      type = types.bool;
      default = false;
      description = "Whether jobs of a host that sleeps start on battery too.";
    };
    dumpAt = like "03:30" "03:30" (string "Local time at which PostgreSQL is dumped; before `at`.");
    onFailure = strings "Units to start when a job or a dump fails.";
    maxAgeDays = count 3 "Days after which the last good backup of a job is too old.";
    drill = {
      days = count 30 "Days between two drills of a job: trial restores of its newest snapshot. 0 for none.";
      megabytes = count 1024 "Size above which a drill restores a random part of a snapshot.";
    };
    probeSeconds = count 240 "Seconds after which the probe of a restored service must answer.";
    metrics = file "Directory for the times of backups, as metrics that the node exporter reads.";
    inhibitsSleep = mkOption {
      type = types.bool;
      default = false;
      description = "Whether the host stays awake while a job runs.";
    };
  };

  config = lib.mkMerge [
    { homelab.backup.tiers = lib.mapAttrs (_: lib.mapAttrs (_: lib.mkDefault)) tiers; }
    (lib.mkIf (cfg.jobs != { }) {
      environment.etc."homelab/backup.json".text = builtins.toJSON (lib.mapAttrs described cfg.jobs);
      environment.systemPackages = [ program ];
    })
    (lib.mkIf (cfg.jobs != { }) (derive {
      # The jobs alert when they fail; this alerts when they do not run.
      systemd.services.homelab-backup-fresh = {
        description = "Find backups that are too old";
        inherit (cfg) onFailure;
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "${program}/bin/homelab-backup fresh";
          CapabilityBoundingSet = "";
          NoNewPrivileges = true;
          PrivateNetwork = true;
          PrivateTmp = true;
          ProtectHome = true;
          ProtectSystem = true;
        };
      };
      systemd.services.homelab-restore-resume = {
        description = "Undo restores that a power cut interrupted, and hold services that move away";
        wantedBy = [ "multi-user.target" ];
        # The units of the jobs start with the data from before.
        before = ofJobs "units" ++ map (unit: "restic-backups-${unit.name}.service") units;
        after = lib.subtractLists (ofJobs "units") (
          lib.optional (databases != [ ]) "postgresql.service"
          ++ lib.optional (mysqlDatabases != [ ]) "mysql.service"
        );
        inherit (cfg) onFailure;
        # One of the two.
        unitConfig.ConditionPathExistsGlob = [
          "|/var/lib/homelab/restores/*/phase"
          "|/var/lib/homelab/departures/*/held"
        ];
        unitConfig.RequiresMountsFor = [ "/var/lib/homelab" ];
        restartIfChanged = false;
        serviceConfig = {
          Type = "oneshot";
          RemainAfterExit = true;
          ExecStart = "${program}/bin/homelab-backup resume";
        };
      };
      systemd.timers.homelab-backup-fresh = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnCalendar = "*-*-* 12:00:00";
          # A host that was off makes up for its backups first.
          OnBootSec = "1h";
        };
      };
    }))
    # A service that has moved here does not start without its data. The unit is inactive when it has
    # ended, so that removing it later stops nothing.
    (lib.mkIf (arriving != { }) (derive {
      systemd.services = lib.mapAttrs' (
        name: job:
        lib.nameValuePair "homelab-arrive-${name}" {
          description = "Put the data in place that came from ${job.arrivesFrom}";
          requiredBy = job.units;
          before = job.units;
          requires = servers job;
          # The last one makes the users of PostgreSQL, where it exists.
          after = [ "homelab-restore-resume.service" ] ++ servers job ++ [ "postgresql-setup.service" ];
          inherit (cfg) onFailure;
          unitConfig.RequiresMountsFor = map forSystemd ([ "/var/lib/homelab" ] ++ job.mounts);
          restartIfChanged = false;
          serviceConfig = {
            Type = "oneshot";
            ExecStart = "${program}/bin/homelab-backup arrive ${forSystemd name}";
          };
        }
      ) arriving;
    }))
    (lib.mkIf (cfg.jobs != { } && mainsOnly) (derive {
      # A job that was due on battery starts when the host is on mains power again.
      systemd.services.homelab-backup-late = {
        description = "Start backups that were due on battery";
        unitConfig.ConditionACPower = true;
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "${program}/bin/homelab-backup late";
        };
      };
      systemd.timers.homelab-backup-late = {
        wantedBy = [ "timers.target" ];
        timerConfig.OnCalendar = "*:0/15";
      };
    }))
    (lib.mkIf (lib.any dumps.holds (lib.attrValues cfg.jobs)) (derive {
      systemd.services.homelab-backup-release = {
        description = "Run the commands after a backup that a power cut prevented";
        # Those commands ask the apps themselves.
        after = lib.unique (
          lib.concatMap (job: job.units) (lib.filter dumps.holds (lib.attrValues cfg.jobs))
        );
        # Only a unit that gives up fails, and sends an alert. The timer tries again.
        inherit (cfg) onFailure;
        startLimitBurst = 3;
        startLimitIntervalSec = 3000;
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "${program}/bin/homelab-backup release-all";
          Restart = "on-failure";
          RestartSec = "5min";
        };
      };
      # A switch does not start it, so its attempts are not counted as restarts.
      systemd.timers.homelab-backup-release = {
        wantedBy = [ "timers.target" ];
        timerConfig = {
          OnBootSec = "30s";
          OnCalendar = "hourly";
        };
      };
      # An upload that is slow or stuck must not keep an app closed through the day.
      systemd.services.homelab-backup-limit = {
        description = "Let services go on whose backup takes too long";
        inherit (cfg) onFailure;
        unitConfig.ConditionPathExistsGlob = "/var/lib/homelab/backup-held/*/*";
        serviceConfig = {
          Type = "oneshot";
          ExecStart = "${program}/bin/homelab-backup limit";
        };
      };
      systemd.timers.homelab-backup-limit = {
        wantedBy = [ "timers.target" ];
        timerConfig.OnCalendar = "*:0/15";
      };
    }))
    (lib.mkIf (cfg.jobs != { } && cfg.metrics != null) (derive {
      services.prometheus.exporters.node.extraFlags = [
        "--collector.textfile.directory=${cfg.metrics}"
      ];
    }))
    (derive {
      services.restic.backups = lib.listToAttrs (
        map ({ name, backup, ... }: lib.nameValuePair name backup) units
      );
      systemd.services = lib.listToAttrs (
        map ({ name, service, ... }: lib.nameValuePair "restic-backups-${name}" service) units
      );
    })
    (lib.mkIf (databases != [ ]) (derive {
      services.postgresqlBackup = {
        enable = true;
        inherit databases;
        startAt = "*-*-* ${cfg.dumpAt}:00";
      };
      systemd.services = lib.listToAttrs (
        map (name: lib.nameValuePair "postgresqlBackup-${name}" { inherit (cfg) onFailure; }) databases
      );
      systemd.timers = lib.listToAttrs (
        map (
          name: lib.nameValuePair "postgresqlBackup-${name}" { timerConfig.Persistent = true; }
        ) databases
      );
    }))
  ];
}
