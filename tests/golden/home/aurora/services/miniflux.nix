# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Miniflux: News and feeds, without the noise
# https://news.home.example.org (family, internal)
{ lib, ... }:

let
  derive = import ../lib/derive.nix lib;
in
{
  config = derive {
    services.miniflux = {
      enable = true;
      adminCredentialsFile = "/run/homelab/secrets/miniflux-admin";
      config = {
        BASE_URL = "https://news.home.example.org";
        LISTEN_ADDR = "0.0.0.0:8080";
      };
    };
  };
}
