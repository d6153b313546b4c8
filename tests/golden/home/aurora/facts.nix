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
        lan = "192.168.1.10";
        tailnet = "100.100.71.10";
      };
      host = "aurora";
      ports = {
        "22/tcp" = {
          owner = "ssh";
          scope = "lan";
          why = "repairs and every deployment";
        };
        "2283/tcp" = {
          owner = "immich";
          scope = "tailnet";
          why = "called by pi";
        };
        "3003/tcp" = {
          owner = "immich";
          scope = "loopback";
          why = "the server asks it for faces";
        };
        "41641/udp" = {
          owner = "tailscale";
          scope = "lan";
          why = "direct connections instead of relayed ones";
        };
        "4533/tcp" = {
          owner = "navidrome";
          scope = "tailnet";
          why = "called by pi";
        };
        "8080/tcp" = {
          owner = "miniflux";
          scope = "tailnet";
          why = "called by pi";
        };
        "8082/tcp" = {
          owner = "homepage";
          scope = "tailnet";
          why = "called by pi";
        };
        "8088/tcp" = {
          owner = "draw";
          scope = "tailnet";
          why = "called by pi";
        };
        "8222/tcp" = {
          owner = "vaultwarden";
          scope = "tailnet";
          why = "called by pi";
        };
      };
      role = "workhorse";
      routes = {
        draw = {
          audience = "family";
          auth = "forward";
          names = [ "draw.home.example.org" ];
          publish = "internal";
          service = "draw";
          upstream = "http://100.100.71.10:8088";
          url = "https://draw.home.example.org";
        };
        home = {
          audience = "operator";
          auth = "none";
          names = [ "home.home.example.org" ];
          publish = "internal";
          service = "homepage";
          upstream = "http://100.100.71.10:8082";
          url = "https://home.home.example.org";
        };
        music = {
          audience = "family";
          auth = "forward";
          names = [
            "music.home.example.org"
            "music-home.example.org"
          ];
          publish = "tunnel";
          service = "navidrome";
          upstream = "http://100.100.71.10:4533";
          url = "https://music-home.example.org";
        };
        news = {
          audience = "family";
          auth = "oidc";
          names = [ "news.home.example.org" ];
          publish = "internal";
          service = "miniflux";
          upstream = "http://100.100.71.10:8080";
          url = "https://news.home.example.org";
        };
        photos = {
          audience = "family";
          auth = "native";
          names = [ "photos.home.example.org" ];
          publish = "internal";
          service = "immich";
          upstream = "http://100.100.71.10:2283";
          url = "https://photos.home.example.org";
        };
        vault = {
          audience = "family";
          auth = "native";
          names = [ "vault.home.example.org" ];
          publish = "internal";
          service = "vaultwarden";
          upstream = "http://100.100.71.10:8222";
          url = "https://vault.home.example.org";
        };
      };
      services = {
        draw = {
          port = 8088;
          units = [ "podman-draw.service" ];
        };
        homepage = {
          port = 8082;
          units = [ "homepage-dashboard.service" ];
        };
        immich = {
          port = 2283;
          state = [ "/mnt/family/photos/_immich-managed/backups" ];
          units = [
            "immich-server.service"
            "immich-machine-learning.service"
          ];
        };
        miniflux = {
          port = 8080;
          units = [ "miniflux.service" ];
        };
        navidrome = {
          port = 4533;
          state = [ "/var/lib/navidrome" ];
          units = [ "navidrome.service" ];
        };
        tailscale = {
          state = [ "/var/lib/tailscale" ];
          units = [ "tailscaled.service" ];
        };
        vaultwarden = {
          port = 8222;
          state = [ "/var/lib/vaultwarden" ];
          units = [ "vaultwarden.service" ];
        };
      };
    };
  };
}
