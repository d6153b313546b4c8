# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# workstation: workhorse, x86_64-linux
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = lib.mkMerge [
    (derive {
      console.keyMap = "us";
      i18n.defaultLocale = "en_US.UTF-8";
      networking.hostName = "workstation";
      nixpkgs.hostPlatform = "x86_64-linux";
      time.timeZone = "Europe/Oslo";
    })
    {
      system.stateVersion = "25.11";
    }
  ];
}
