# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Datasets: named directories, and the services that need them.
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    systemd.services.jellyfin = {
      serviceConfig.SupplementaryGroups = [ "media" ];
      unitConfig.RequiresMountsFor = [ "/mnt/media" ];
    };

    systemd.tmpfiles.settings."10-datasets"."/mnt/media".d = {
      group = "media";
      mode = "2775";
      user = "root";
    };

    users.groups.media = { };
  };
}
