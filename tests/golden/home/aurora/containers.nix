# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Podman: networks, created before their containers, and pruning of unused images
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    virtualisation.podman.autoPrune = {
      enable = true;
      # Images without a container; networks with this label stay.
      flags = [
        "--all"
        "--filter=label!=homelab"
      ];
    };
  };
}
