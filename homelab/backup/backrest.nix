# Backrest: web pages of the restic repositories of this host. It shows, checks and restores what the
# jobs of `homelab.backup` save, and runs the restic of those jobs: no password is in its
# configuration. It changes no repository, and has no plans of its own.
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
  inherit (import ./quote.nix { inherit lib; }) forShell;
  cfg = config.homelab.backrest;

  string =
    default: description:
    mkOption {
      type = types.str;
      inherit default description;
    };

  repositories = lib.concatLists (
    lib.mapAttrsToList (
      job: settings:
      map (target: {
        inherit target;
        id = "${job}-${target}";
        uri = config.services.restic.backups."${job}-${target}".repository;
      }) settings.targets
    ) config.homelab.backup.jobs
  );

  program = pkgs.writeShellScriptBin "homelab-backrest" (
    ''
      export PATH=${
        lib.makeBinPath [
          pkgs.coreutils
          pkgs.curl
          pkgs.jq
          pkgs.mkpasswd
        ]
      }:/run/current-system/sw/bin
      export HOMELAB_REPOSITORIES=${pkgs.writeText "backrest-repositories.json" (builtins.toJSON repositories)}
      export BACKREST_INSTANCE=${forShell config.networking.hostName}
      export BACKREST_PASSWORD_FILE=${forShell cfg.passwordFile}
      export BACKREST_ADDRESS=${forShell cfg.address}
      export HOMELAB_RESTIC=${pkgs.restic}/bin/restic
    ''
    + builtins.readFile ./backrest.sh
  );
  restic = pkgs.writeShellScript "backrest-restic" ''
    exec ${program}/bin/homelab-backrest restic "$@"
  '';
in
{
  options.homelab.backrest = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to run Backrest.";
    };
    address = string "127.0.0.1:9898" "Address and port that it listens on.";
    passwordFile = mkOption {
      type = types.str;
      description = "File with the password of the user homelab.";
    };
    restoreDirectory = string "/var/restore" "Directory below which it may restore files.";
  };

  config = lib.mkIf cfg.enable (derive {
    systemd.tmpfiles.rules = [ "d ${cfg.restoreDirectory} 0700 root root - -" ];
    systemd.services.backrest = {
      description = "Web pages of the backups";
      wantedBy = [ "multi-user.target" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      environment = {
        BACKREST_PORT = cfg.address;
        BACKREST_CONFIG = "/var/lib/backrest/config.json";
        BACKREST_DATA = "/var/lib/backrest/data";
        BACKREST_RESTIC_COMMAND = "${restic}";
        XDG_CACHE_HOME = "/var/cache/backrest";
        HOME = cfg.restoreDirectory;
      };
      serviceConfig = {
        ExecStartPre = "${program}/bin/homelab-backrest configure";
        ExecStart = "${pkgs.backrest}/bin/backrest";
        ExecStartPost = "${program}/bin/homelab-backrest index";
        # A repository that does not answer holds it up for twenty seconds.
        TimeoutStartSec = "10min";
        Restart = "on-failure";
        RestartSec = "1min";
        StateDirectory = "backrest";
        StateDirectoryMode = "0700";
        CacheDirectory = "backrest";
        CacheDirectoryMode = "0700";
        # The caches of the jobs are made by their first run.
        ReadWritePaths = [
          "-${cfg.restoreDirectory}"
        ]
        ++ map (repository: "-/var/cache/restic-backups-${repository.id}") repositories;
        # To read what other users own, and to restore it with its owners.
        CapabilityBoundingSet = "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER";
        LockPersonality = true;
        NoNewPrivileges = true;
        PrivateDevices = true;
        PrivateTmp = true;
        ProtectClock = true;
        ProtectControlGroups = true;
        ProtectHome = true;
        ProtectHostname = true;
        ProtectKernelLogs = true;
        ProtectKernelModules = true;
        ProtectKernelTunables = true;
        ProtectProc = "invisible";
        # The repositories of this host are read-only, too.
        ProtectSystem = "strict";
        RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
        RestrictNamespaces = true;
        RestrictRealtime = true;
        RestrictSUIDSGID = true;
        SystemCallArchitectures = "native";
        UMask = "0077";
      };
    };
    systemd.services.homelab-backrest-refresh = {
      description = "Show the backups of the last day in Backrest";
      serviceConfig = {
        Type = "oneshot";
        ExecStart = "${program}/bin/homelab-backrest refresh";
      };
    };
    systemd.timers.homelab-backrest-refresh = {
      wantedBy = [ "timers.target" ];
      timerConfig.OnCalendar = "*-*-* 12:00:00";
    };
  });
}
