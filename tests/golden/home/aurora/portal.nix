# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Where apps on this host find the sign-in, whichever resolver is asked
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    networking.hosts."192.168.1.225" = [ "auth.home.example.org" ];
  };
}
