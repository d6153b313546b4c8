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
        lan = "192.168.1.225";
        tailnet = "100.100.71.3";
      };
      host = "pi";
      ports = {
        "2019/tcp" = {
          owner = "caddy";
          scope = "loopback";
          why = "reloads its configuration";
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
        "443/tcp" = {
          owner = "caddy";
          scope = "lan";
          why = "every name of the homelab";
        };
        "443/udp" = {
          owner = "caddy";
          scope = "lan";
          why = "the same over QUIC";
        };
        "53/tcp" = {
          owner = "blocky";
          scope = "lan";
          why = "the LAN and the tailnet ask it for every name";
        };
        "53/udp" = {
          owner = "blocky";
          scope = "lan";
          why = "the LAN and the tailnet ask it for every name";
        };
        "80/tcp" = {
          owner = "caddy";
          scope = "lan";
          why = "sends browsers on to HTTPS";
        };
        "8007/tcp" = {
          owner = "eurovote";
          scope = "loopback";
          why = "";
        };
        "8080/tcp" = {
          owner = "gatus";
          scope = "loopback";
          why = "";
        };
        "8180/tcp" = {
          owner = "caddy";
          scope = "loopback";
          why = "what the tunnel connects to";
        };
        "9091/tcp" = {
          owner = "authelia";
          scope = "loopback";
          why = "";
        };
      };
      role = "appliance";
      routes = {
        auth = {
          audience = "family";
          auth = "native";
          names = [
            "auth.home.example.org"
            "auth-home.example.org"
          ];
          publish = "tunnel";
          service = "authelia";
          upstream = "http://127.0.0.1:9091";
          url = "https://auth-home.example.org";
        };
        status = {
          audience = "operator";
          auth = "none";
          names = [ "status.home.example.org" ];
          publish = "internal";
          service = "gatus";
          upstream = "http://127.0.0.1:8080";
          url = "https://status.home.example.org";
        };
        vote = {
          audience = "family";
          auth = "forward";
          names = [ "vote.home.example.org" ];
          publish = "internal";
          service = "eurovote";
          upstream = "http://127.0.0.1:8007";
          url = "https://vote.home.example.org";
        };
      };
      services = {
        authelia = {
          port = 9091;
          state = [ "/var/lib/authelia-main" ];
          units = [ "authelia-main.service" ];
        };
        blocky.units = [ "blocky.service" ];
        caddy.units = [ "caddy.service" ];
        cloudflared.units = [ "cloudflared-tunnel-home-example-org.service" ];
        eurovote = {
          port = 8007;
          state = [ "/var/lib/private/eurovote" ];
          units = [ "eurovote.service" ];
        };
        gatus = {
          port = 8080;
          state = [ "/var/lib/private/gatus" ];
          units = [ "gatus.service" ];
        };
        tailscale = {
          state = [ "/var/lib/tailscale" ];
          units = [ "tailscaled.service" ];
        };
      };
    };
  };
}
