# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Graphics hardware that services use
{ lib, ... }:

let
  derive = import ./lib/derive.nix lib;
in
{
  config = derive {
    hardware.graphics.enable = true;
    hardware.nvidia.open = true;
    services.xserver.videoDrivers = [ "nvidia" ];
  };
}
