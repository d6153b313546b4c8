# Nextcloud around its backup, and what it does when somebody asks.
{ config, ... }:

let
  occ = "${config.services.nextcloud.occ}/bin/nextcloud-occ";
in
{
  # Nobody writes while the database is dumped and files are copied, so both are of one moment.
  # What cleans up runs after a failure, too.
  services.restic.backups.dataset-files-b2 = {
    backupPrepareCommand = ''
      ${occ} maintenance:mode --on
      ${config.systemd.package}/bin/systemctl start postgresqlBackup-nextcloud.service
    '';
    backupCleanupCommand = "${occ} maintenance:mode --off";
  };
  # It carries that dump away, and not the one of the evening.
  services.restic.backups.nextcloud-b2.timerConfig.OnCalendar = "04:30";
  systemd.services.restic-backups-nextcloud-b2.after = [ "restic-backups-dataset-files-b2.service" ];

  # The app that makes thumbnails beforehand; the store stays open for others.
  services.nextcloud.extraApps = {
    inherit (config.services.nextcloud.package.packages.apps) previewgenerator;
  };
  services.nextcloud.appstoreEnable = true;

  # Thumbnails that are missing: systemctl start nextcloud-generate-previews
  systemd.services.nextcloud-generate-previews = {
    after = [ "phpfpm-nextcloud.service" ];
    script = "${occ} preview:generate-all";
    serviceConfig = {
      Type = "oneshot";
      User = "nextcloud";
    };
  };
}
