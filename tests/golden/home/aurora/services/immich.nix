# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Immich: Photos and videos, from every phone
# https://photos.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.immich = {
      enable = true;
      environment.IMMICH_TRUSTED_PROXIES = "100.100.71.3";
      host = "0.0.0.0";
      mediaLocation = "/mnt/family/photos/_immich-managed";
      port = 2283;
    };

    systemd.tmpfiles.rules = [ "d \"/mnt/family/photos/_immich-managed\" 0700 immich immich -" ];
  };
}
