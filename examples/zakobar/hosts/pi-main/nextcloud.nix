# Nextcloud's maintenance mode during backups, and its previews.
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

  # This app generates previews in advance. The app store stays enabled for other apps.
  services.nextcloud.extraApps = {
    inherit (config.services.nextcloud.package.packages.apps) previewgenerator;
  };
  services.nextcloud.appstoreEnable = true;

  # Generate missing previews: systemctl start nextcloud-generate-previews
  systemd.services.nextcloud-generate-previews = {
    after = [ "phpfpm-nextcloud.service" ];
    script = "${occ} preview:generate-all";
    serviceConfig = {
      Type = "oneshot";
      User = "nextcloud";
    };
  };
}
