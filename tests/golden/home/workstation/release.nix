# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# The release id, for nixos-version and /etc/homelab/release
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
