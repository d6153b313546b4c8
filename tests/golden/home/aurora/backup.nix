# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Backups: what is kept of this host, where and for how long, and who may write here
{
  lib,
  options,
  pkgs,
  ...
}:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    # Each client has a root of its own, and SFTP alone.
    services.openssh.extraConfig = lib.mkAfter ''
      Match User restic-pi
        ChrootDirectory /mnt/onetouch/restic/pi
        ForceCommand internal-sftp -d /
        AuthorizedKeysFile /run/homelab/secrets/restic-onetouch-pi-key
        AllowTcpForwarding no
        X11Forwarding no
        PermitTunnel no
        PermitTTY no
        AllowAgentForwarding no
      Match User restic-workstation
        ChrootDirectory /mnt/onetouch/restic/workstation
        ForceCommand internal-sftp -d /
        AuthorizedKeysFile /run/homelab/secrets/restic-onetouch-workstation-key
        AllowTcpForwarding no
        X11Forwarding no
        PermitTunnel no
        PermitTTY no
        AllowAgentForwarding no
      Match all
    '';

    services.postgresqlBackup = {
      enable = true;
      databases = [ "miniflux" ];
      # Before the backups that carry the dumps away.
      startAt = "*-*-* 03:30:00";
    };

    services.restic.backups = {
      dataset-library-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/mnt/family/library" ];
        pruneOpts = [
          "--keep-daily 14"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/dataset-library";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      dataset-library-onetouch = {
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/mnt/family/library" ];
        pruneOpts = [
          "--keep-daily 14"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/dataset-library";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      dataset-photos-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/mnt/family/photos/_immich-managed/encoded-video"
          "/mnt/family/photos/_immich-managed/thumbs"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/mnt/family/photos" ];
        pruneOpts = [
          "--keep-daily 14"
          "--keep-weekly 8"
          "--keep-monthly 12"
          "--keep-yearly 5"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/dataset-photos";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      dataset-photos-onetouch = {
        exclude = [
          "/mnt/family/photos/_immich-managed/encoded-video"
          "/mnt/family/photos/_immich-managed/thumbs"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/mnt/family/photos" ];
        pruneOpts = [
          "--keep-daily 14"
          "--keep-weekly 8"
          "--keep-monthly 12"
          "--keep-yearly 5"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/dataset-photos";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      immich-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/mnt/family/photos/_immich-managed/encoded-video"
          "/mnt/family/photos/_immich-managed/thumbs"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/mnt/family/photos/_immich-managed/backups" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/immich";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      immich-onetouch = {
        exclude = [
          "/mnt/family/photos/_immich-managed/encoded-video"
          "/mnt/family/photos/_immich-managed/thumbs"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/mnt/family/photos/_immich-managed/backups" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/immich";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      miniflux-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/var/backup/postgresql/miniflux.sql.gz" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/miniflux";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      miniflux-onetouch = {
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/var/backup/postgresql/miniflux.sql.gz" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/miniflux";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      navidrome-b2 = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/navidrome/navidrome.db.b2
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/navidrome
          cd /var/backup/sqlite/navidrome
          exec 9>/run/backup-navidrome.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=navidrome.db
          new=navidrome.db.b2
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/navidrome/navidrome.db "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/var/lib/navidrome/cache"
          "/var/lib/navidrome/navidrome.db"
          "/var/lib/navidrome/navidrome.db-wal"
          "/var/lib/navidrome/navidrome.db-shm"
          "/var/lib/navidrome/navidrome.db-journal"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [
          "/var/lib/navidrome"
          "/var/backup/sqlite/navidrome/navidrome.db"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/navidrome";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      navidrome-onetouch = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/navidrome/navidrome.db.onetouch
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/navidrome
          cd /var/backup/sqlite/navidrome
          exec 9>/run/backup-navidrome.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=navidrome.db
          new=navidrome.db.onetouch
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/navidrome/navidrome.db "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        exclude = [
          "/var/lib/navidrome/cache"
          "/var/lib/navidrome/navidrome.db"
          "/var/lib/navidrome/navidrome.db-wal"
          "/var/lib/navidrome/navidrome.db-shm"
          "/var/lib/navidrome/navidrome.db-journal"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [
          "/var/lib/navidrome"
          "/var/backup/sqlite/navidrome/navidrome.db"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/navidrome";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      tailscale-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [ "/var/lib/tailscale/files" ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/var/lib/tailscale" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/tailscale";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      tailscale-onetouch = {
        exclude = [ "/var/lib/tailscale/files" ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/var/lib/tailscale" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/tailscale";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      vaultwarden-b2 = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/vaultwarden/db.sqlite3.b2
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/vaultwarden
          cd /var/backup/sqlite/vaultwarden
          exec 9>/run/backup-vaultwarden.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=db.sqlite3
          new=db.sqlite3.b2
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/vaultwarden/db.sqlite3 "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/var/lib/vaultwarden/icon_cache"
          "/var/lib/vaultwarden/tmp"
          "/var/lib/vaultwarden/db.sqlite3"
          "/var/lib/vaultwarden/db.sqlite3-wal"
          "/var/lib/vaultwarden/db.sqlite3-shm"
          "/var/lib/vaultwarden/db.sqlite3-journal"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [
          "/var/lib/vaultwarden"
          "/var/backup/sqlite/vaultwarden/db.sqlite3"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/aurora/vaultwarden";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      vaultwarden-onetouch = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/vaultwarden/db.sqlite3.onetouch
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/vaultwarden
          cd /var/backup/sqlite/vaultwarden
          exec 9>/run/backup-vaultwarden.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=db.sqlite3
          new=db.sqlite3.onetouch
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/vaultwarden/db.sqlite3 "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        exclude = [
          "/var/lib/vaultwarden/icon_cache"
          "/var/lib/vaultwarden/tmp"
          "/var/lib/vaultwarden/db.sqlite3"
          "/var/lib/vaultwarden/db.sqlite3-wal"
          "/var/lib/vaultwarden/db.sqlite3-shm"
          "/var/lib/vaultwarden/db.sqlite3-journal"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [
          "/var/lib/vaultwarden"
          "/var/backup/sqlite/vaultwarden/db.sqlite3"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "/mnt/onetouch/restic/aurora/vaultwarden";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
    };

    systemd.services.backup-target-onetouch = {
      description = "Directories for the backups of other hosts";
      script = ''
        . ${./lib/backup-target.sh}
        root /mnt/onetouch/restic
        root /mnt/onetouch/restic/pi
        repository restic-pi /mnt/onetouch/restic/pi/authelia
        repository restic-pi /mnt/onetouch/restic/pi/eurovote
        repository restic-pi /mnt/onetouch/restic/pi/tailscale
        root /mnt/onetouch/restic/workstation
        repository restic-workstation /mnt/onetouch/restic/workstation/jellyfin
        repository restic-workstation /mnt/onetouch/restic/workstation/tailscale
      '';
      serviceConfig = {
        RemainAfterExit = true;
        Type = "oneshot";
      };
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
      wantedBy = [ "multi-user.target" ];
    };

    systemd.services.postgresqlBackup-miniflux.onFailure = [ "notify@%N.service" ];

    systemd.services.restic-backups-dataset-library-b2 = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/family" ];
    };

    systemd.services.restic-backups-dataset-library-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [
        "/mnt/family"
        "/mnt/onetouch/restic"
      ];
    };

    systemd.services.restic-backups-dataset-photos-b2 = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/family" ];
    };

    systemd.services.restic-backups-dataset-photos-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [
        "/mnt/family"
        "/mnt/onetouch/restic"
      ];
    };

    systemd.services.restic-backups-immich-b2.onFailure = [ "notify@%N.service" ];

    systemd.services.restic-backups-immich-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
    };

    systemd.services.restic-backups-miniflux-b2 = {
      after = [ "postgresqlBackup-miniflux.service" ];
      onFailure = [ "notify@%N.service" ];
    };

    systemd.services.restic-backups-miniflux-onetouch = {
      after = [ "postgresqlBackup-miniflux.service" ];
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
    };

    systemd.services.restic-backups-navidrome-b2.onFailure = [ "notify@%N.service" ];

    systemd.services.restic-backups-navidrome-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
    };

    systemd.services.restic-backups-tailscale-b2.onFailure = [ "notify@%N.service" ];

    systemd.services.restic-backups-tailscale-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
    };

    systemd.services.restic-backups-vaultwarden-b2.onFailure = [ "notify@%N.service" ];

    systemd.services.restic-backups-vaultwarden-onetouch = {
      onFailure = [ "notify@%N.service" ];
      unitConfig.RequiresMountsFor = [ "/mnt/onetouch/restic" ];
    };

    systemd.timers.postgresqlBackup-miniflux.timerConfig.Persistent = true;
    users.groups.restic-pi = { };
    users.groups.restic-workstation = { };

    users.users.restic-pi = {
      group = "restic-pi";
      isSystemUser = true;
    };

    users.users.restic-workstation = {
      group = "restic-workstation";
      isSystemUser = true;
    };
  };
}
