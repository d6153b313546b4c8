# Nextcloud's maintenance mode during backups.
{ config, ... }:

let
  occ = "${config.services.nextcloud.occ}/bin/nextcloud-occ";
in
{
  # Maintenance mode blocks writes during dump and copy, so both are consistent.
  # The cleanup command also runs after a failure.
  services.restic.backups.dataset-files-b2 = {
    backupPrepareCommand = ''
      ${occ} maintenance:mode --on
      ${config.systemd.package}/bin/systemctl start postgresqlBackup-nextcloud.service
    '';
    backupCleanupCommand = "${occ} maintenance:mode --off";
  };
  # This job backs up that dump instead of the evening's.
  services.restic.backups.nextcloud-b2.timerConfig.OnCalendar = "04:30";
  systemd.services.restic-backups-nextcloud-b2.after = [ "restic-backups-dataset-files-b2.service" ];
}
