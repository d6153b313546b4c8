# Nextcloud around its backup, and what it does when somebody asks.
{ config, ... }:

let
  occ = "${config.services.nextcloud.occ}/bin/nextcloud-occ";
in
{
  # Nobody writes while files are copied. What cleans up runs after a failure, too.
  services.restic.backups.dataset-files-b2 = {
    backupPrepareCommand = "${occ} maintenance:mode --on";
    backupCleanupCommand = "${occ} maintenance:mode --off";
  };

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
