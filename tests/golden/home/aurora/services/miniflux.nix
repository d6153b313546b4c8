# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Miniflux: News and feeds, without the noise
# https://news.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.miniflux = {
      enable = true;
      adminCredentialsFile = "/run/homelab/secrets/miniflux-admin";
      config = {
        BASE_URL = "https://news.home.example.org";
        LISTEN_ADDR = "0.0.0.0:8080";
        OAUTH2_CLIENT_ID = "news";
        OAUTH2_OIDC_DISCOVERY_ENDPOINT = "https://auth.home.example.org";
        OAUTH2_PROVIDER = "oidc";
        OAUTH2_REDIRECT_URL = "https://news.home.example.org/oauth2/oidc/callback";
        OAUTH2_USER_CREATION = 1;
      };
    };

    systemd.services.miniflux.serviceConfig.EnvironmentFile = [
      "/run/homelab/secrets/miniflux-oidc"
    ];
  };
}
