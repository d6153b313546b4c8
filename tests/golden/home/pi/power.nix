# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Sleep, wake and memory
{ lib, pkgs, ... }:

let
  derive = import ./lib/derive.nix lib;
in
{
  config = derive {
    environment.systemPackages = [ pkgs.wakeonlan ];
    zramSwap.enable = true;
    zramSwap.algorithm = "zstd";
    zramSwap.memoryPercent = 25;
  };
}
