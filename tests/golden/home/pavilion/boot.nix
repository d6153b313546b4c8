# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Boot loader and kernel
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    boot.loader = {
      efi.canTouchEfiVariables = true;
      systemd-boot = {
        enable = true;
        configurationLimit = 10;
      };
    };
  };
}
