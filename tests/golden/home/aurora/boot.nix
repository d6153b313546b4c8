# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# How it starts
{ lib, ... }:

let
  derive = import ./lib/derive.nix lib;
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
