# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Static address and WiFi of this host
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    # The home resolver first; the others are used while it is down.
    networking.nameservers = [
      "192.168.1.225"
      "1.1.1.1"
      "9.9.9.9"
    ];

    networking.resolvconf.extraOptions = [ "timeout:2" ];
  };
}
