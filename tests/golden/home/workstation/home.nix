# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# The home of sam
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = lib.mkMerge [
    (derive {
      home-manager.backupFileExtension = "before-home-manager";

      # Programs write their files anew; the second one in its way would fail the switch.
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
