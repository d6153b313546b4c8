# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# What runs here: services, names and ports, as /etc/homelab/facts.json
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    environment.etc."homelab/facts.json".text = builtins.toJSON {
      addresses = {
        lan = "192.168.1.20";
        tailnet = "100.100.71.20";
      };
      host = "workstation";
      ports = {
        "11434/tcp" = {
          owner = "ollama";
          scope = "tailnet";
          why = "called by pi";
        };
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
        "7359/udp" = {
          owner = "jellyfin";
          scope = "loopback";
          why = "how apps look for it";
        };
        "8096/tcp" = {
          owner = "jellyfin";
          scope = "tailnet";
          why = "called by pi";
        };
      };
      role = "workhorse";
      routes = {
        ai = {
          audience = "operator";
          auth = "none";
          names = [ "ai.home.example.org" ];
          publish = "internal";
          service = "ollama";
          upstream = "http://100.100.71.20:11434";
          url = "https://ai.home.example.org";
        };
        media = {
          audience = "family";
          auth = "native";
          names = [ "media.home.example.org" ];
          publish = "internal";
          service = "jellyfin";
          upstream = "http://100.100.71.20:8096";
          url = "https://media.home.example.org";
        };
      };
      services = {
        jellyfin = {
          port = 8096;
          state = [ "/var/lib/jellyfin" ];
          units = [ "jellyfin.service" ];
        };
        ollama = {
          port = 11434;
          state = [ "/var/lib/private/ollama" ];
          units = [ "ollama.service" ];
        };
        tailscale = {
          state = [ "/var/lib/tailscale" ];
          units = [ "tailscaled.service" ];
        };
      };
    };
  };
}
