# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Address of the sign-in portal for apps on this host, independent of its resolver
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    networking.hosts."192.168.1.225" = [ "auth.home.example.org" ];
  };
}
