# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Sleep, wake and memory
{
  lib,
  options,
  pkgs,
  ...
}:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    environment.systemPackages = [
      (pkgs.writeShellScriptBin "wake-workstation" ''
        exec ${pkgs.wakeonlan}/bin/wakeonlan d8:5e:d3:0a:1b:2c
      '')
    ];

    zramSwap.enable = true;
    zramSwap.algorithm = "zstd";
    zramSwap.memoryPercent = 25;
  };
}
