# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Jellyfin: Films and series, on every screen
# https://media.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.jellyfin.enable = true;

    users.users.jellyfin.extraGroups = [
      "render"
      "video"
    ];
  };
}
