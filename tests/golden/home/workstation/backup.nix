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
    services.restic.backups = {
      jellyfin-b2 = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/jellyfin/jellyfin.db.b2
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/jellyfin
          cd /var/backup/sqlite/jellyfin
          exec 9>/run/backup-jellyfin.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=jellyfin.db
          new=jellyfin.db.b2
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/jellyfin/data/jellyfin.db "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/var/lib/jellyfin/log"
          "/var/lib/jellyfin/transcodes"
          "/var/lib/jellyfin/data/jellyfin.db"
          "/var/lib/jellyfin/data/jellyfin.db-wal"
          "/var/lib/jellyfin/data/jellyfin.db-shm"
          "/var/lib/jellyfin/data/jellyfin.db-journal"
        ];
        inhibitsSleep = true;
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [
          "/var/lib/jellyfin"
          "/var/backup/sqlite/jellyfin/jellyfin.db"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/workstation/jellyfin";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      jellyfin-onetouch = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/jellyfin/jellyfin.db.onetouch
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/jellyfin
          cd /var/backup/sqlite/jellyfin
          exec 9>/run/backup-jellyfin.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=jellyfin.db
          new=jellyfin.db.onetouch
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/jellyfin/data/jellyfin.db "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        exclude = [
          "/var/lib/jellyfin/log"
          "/var/lib/jellyfin/transcodes"
          "/var/lib/jellyfin/data/jellyfin.db"
          "/var/lib/jellyfin/data/jellyfin.db-wal"
          "/var/lib/jellyfin/data/jellyfin.db-shm"
          "/var/lib/jellyfin/data/jellyfin.db-journal"
        ];
        extraOptions = [
          "sftp.args='-i /run/homelab/secrets/restic-onetouch-key -o IdentitiesOnly=yes -o BatchMode=yes'"
        ];
        inhibitsSleep = true;
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [
          "/var/lib/jellyfin"
          "/var/backup/sqlite/jellyfin/jellyfin.db"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "sftp:restic-workstation@100.100.71.10:/jellyfin";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      tailscale-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [ "/var/lib/tailscale/files" ];
        inhibitsSleep = true;
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/var/lib/tailscale" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/workstation/tailscale";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      tailscale-onetouch = {
        exclude = [ "/var/lib/tailscale/files" ];
        extraOptions = [
          "sftp.args='-i /run/homelab/secrets/restic-onetouch-key -o IdentitiesOnly=yes -o BatchMode=yes'"
        ];
        inhibitsSleep = true;
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/var/lib/tailscale" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "sftp:restic-workstation@100.100.71.10:/tailscale";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
    };

    systemd.services.restic-backups-jellyfin-b2.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-jellyfin-onetouch.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-tailscale-b2.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-tailscale-onetouch.onFailure = [ "notify@%N.service" ];
  };
}
