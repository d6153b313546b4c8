# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Datasets: named directories, and the services that need them.
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    systemd.services.immich-machine-learning = {
      serviceConfig.SupplementaryGroups = [ "family" ];
      unitConfig.RequiresMountsFor = [ "/mnt/family" ];
    };

    systemd.services.immich-server = {
      serviceConfig.SupplementaryGroups = [ "family" ];
      unitConfig.RequiresMountsFor = [ "/mnt/family" ];
    };

    systemd.services.navidrome = {
      serviceConfig.SupplementaryGroups = [ "family" ];
      unitConfig.RequiresMountsFor = [ "/mnt/family" ];
    };

    systemd.tmpfiles.settings."10-datasets" = {
      "/mnt/family/library".d = {
        group = "family";
        mode = "2775";
        user = "root";
      };
      "/mnt/family/photos".d = {
        group = "family";
        mode = "2775";
        user = "root";
      };
    };

    users.groups.family = { };
  };
}
