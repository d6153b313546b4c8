# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# home-manager for sam
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = lib.mkMerge [
    (derive {
      home-manager.backupFileExtension = "before-home-manager";

      # Programs rewrite their files; a second conflicting file would fail the switch.
      home-manager.overwriteBackup = true;

      home-manager.useGlobalPkgs = true;
      home-manager.useUserPackages = true;
    })
    {
      home-manager.users.sam = {
        home.stateVersion = "25.11";
        imports = [ ./own/home/sam.nix ];
      };
    }
  ];
}
