# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Which release this is: nixos-version and /etc/homelab tell
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = lib.mkMerge [
    (derive {
      environment.etc = {
        "homelab/release".text = import ./release-id.nix;
        "homelab/source".source = ./.;
      };
    })
    {
      system.nixos.tags = [ (import ./release-id.nix) ];
    }
  ];
}
