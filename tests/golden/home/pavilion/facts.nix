# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# What runs here: services, names and ports, as /etc/homelab/facts.json
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    environment.etc."homelab/facts.json".text = builtins.toJSON {
      addresses.lan = "192.168.1.30";
      host = "pavilion";
      ports = {
        "22/tcp" = {
          owner = "ssh";
          scope = "lan";
          why = "repairs and every deployment";
        };
        "41641/udp" = {
          owner = "tailscale";
          scope = "lan";
          why = "direct connections instead of relayed ones";
        };
      };
      role = "agent";
      routes = { };
      services.tailscale = {
        state = [ "/var/lib/tailscale" ];
        units = [ "tailscaled.service" ];
      };
    };
  };
}
