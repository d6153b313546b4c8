# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Sleep, wake and memory
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    networking.interfaces.enp5s0.wakeOnLan.enable = true;
  };
}
