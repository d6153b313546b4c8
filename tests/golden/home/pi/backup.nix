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
      authelia-b2 = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/authelia/db.sqlite3.b2
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/authelia
          cd /var/backup/sqlite/authelia
          exec 9>/run/backup-authelia.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=db.sqlite3
          new=db.sqlite3.b2
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/authelia-main/db.sqlite3 "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        environmentFile = "/run/secrets/restic-b2-credentials";
        exclude = [
          "/var/lib/authelia-main/db.sqlite3"
          "/var/lib/authelia-main/db.sqlite3-wal"
          "/var/lib/authelia-main/db.sqlite3-shm"
          "/var/lib/authelia-main/db.sqlite3-journal"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [
          "/var/lib/authelia-main"
          "/var/backup/sqlite/authelia/db.sqlite3"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/pi/authelia";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      authelia-onetouch = {
        backupCleanupCommand = ''
          #!${pkgs.runtimeShell}
          rm -f /var/backup/sqlite/authelia/db.sqlite3.onetouch
        '';
        backupPrepareCommand = ''
          #!${pkgs.runtimeShell}
          set -euo pipefail
          umask 077
          mkdir -p /var/backup/sqlite/authelia
          cd /var/backup/sqlite/authelia
          exec 9>/run/backup-authelia.lock
          ${pkgs.util-linux}/bin/flock 9
          dump=db.sqlite3
          new=db.sqlite3.onetouch
          rm -f "$new"
          ${pkgs.sqlite}/bin/sqlite3 -readonly -cmd ".timeout 30000" /var/lib/authelia-main/db.sqlite3 "VACUUM INTO '$new'"
          mv -f "$new" "$dump"
        '';
        exclude = [
          "/var/lib/authelia-main/db.sqlite3"
          "/var/lib/authelia-main/db.sqlite3-wal"
          "/var/lib/authelia-main/db.sqlite3-shm"
          "/var/lib/authelia-main/db.sqlite3-journal"
        ];
        extraOptions = [
          "sftp.args='-i /run/homelab/secrets/restic-onetouch-key -o IdentitiesOnly=yes -o BatchMode=yes'"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [
          "/var/lib/authelia-main"
          "/var/backup/sqlite/authelia/db.sqlite3"
        ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "sftp:restic-pi@100.100.71.10:/authelia";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      eurovote-b2 = {
        environmentFile = "/run/secrets/restic-b2-credentials";
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-b2";
        paths = [ "/var/lib/private/eurovote" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "b2:example-homelab:restic/pi/eurovote";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
      eurovote-onetouch = {
        extraOptions = [
          "sftp.args='-i /run/homelab/secrets/restic-onetouch-key -o IdentitiesOnly=yes -o BatchMode=yes'"
        ];
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/var/lib/private/eurovote" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "sftp:restic-pi@100.100.71.10:/eurovote";
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
        repository = "b2:example-homelab:restic/pi/tailscale";
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
        initialize = true;
        passwordFile = "/run/homelab/secrets/restic-onetouch";
        paths = [ "/var/lib/tailscale" ];
        pruneOpts = [
          "--keep-daily 7"
          "--keep-weekly 4"
          "--keep-monthly 12"
          "--group-by host"
        ];
        repository = "sftp:restic-pi@100.100.71.10:/tailscale";
        timerConfig = {
          OnCalendar = "04:30";
          Persistent = true;
          RandomizedDelaySec = "15m";
        };
      };
    };

    systemd.services.restic-backups-authelia-b2.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-authelia-onetouch.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-eurovote-b2.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-eurovote-onetouch.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-tailscale-b2.onFailure = [ "notify@%N.service" ];
    systemd.services.restic-backups-tailscale-onetouch.onFailure = [ "notify@%N.service" ];
  };
}
