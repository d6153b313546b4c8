# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Podman: networks, made before their containers, and images that nothing runs any more
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    virtualisation.podman.autoPrune = {
      enable = true;
      # Images without a container; never a network of ours, which waits for its own.
      flags = [
        "--all"
        "--filter=label!=homelab"
      ];
    };
  };
}
