# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Dashboard: a tile for every name, in the order of the stack config.
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.homepage-dashboard = {
      enable = true;
      allowedHosts = "home.home.example.org,127.0.0.1:8082,100.100.71.10:8082";
      listenPort = 8082;
      services = [
        {
          Media = [
            {
              Immich = {
                description = "Photos and videos, from every phone";
                href = "https://photos.home.example.org";
                icon = "immich";
                siteMonitor = "https://photos.home.example.org/api/server/ping";
              };
            }
            {
              Jellyfin = {
                description = "Films and series, on every screen";
                href = "https://media.home.example.org";
                icon = "jellyfin";
                siteMonitor = "https://media.home.example.org/health";
              };
            }
            {
              Navidrome = {
                description = "Music, in the browser and in any Subsonic app";
                href = "https://music-home.example.org";
                icon = "navidrome";
                siteMonitor = "http://127.0.0.1:4533/ping";
              };
            }
          ];
        }
        {
          Personal = [
            {
              Eurovote = {
                description = "The family jury";
                href = "https://vote.home.example.org";
                siteMonitor = "https://vote.home.example.org/";
              };
            }
            {
              Miniflux = {
                description = "News and feeds, without the noise";
                href = "https://news.home.example.org";
                icon = "miniflux";
                siteMonitor = "https://news.home.example.org/healthcheck";
              };
            }
            {
              Vaultwarden = {
                description = "Passwords, for every browser and phone";
                href = "https://vault.home.example.org";
                icon = "vaultwarden";
                siteMonitor = "https://vault.home.example.org/alive";
              };
            }
          ];
        }
        {
          Tools = [
            {
              Draw = {
                description = "A whiteboard";
                href = "https://draw.home.example.org";
                icon = "excalidraw";
                siteMonitor = "http://100.100.71.10:8088/";
              };
            }
          ];
        }
        {
          AI = [
            {
              Ollama = {
                description = "Language models on hardware of your own";
                href = "https://ai.home.example.org";
                icon = "ollama";
                siteMonitor = "https://ai.home.example.org/api/tags";
              };
            }
          ];
        }
        {
          Monitoring = [
            {
              Gatus = {
                description = "What is up, what is down, and since when";
                href = "https://status.home.example.org";
                icon = "gatus";
                siteMonitor = "https://status.home.example.org/health";
              };
            }
          ];
        }
        {
          Network = [
            {
              Authelia = {
                description = "Sign-in for apps that have none";
                href = "https://auth-home.example.org";
                icon = "authelia";
                siteMonitor = "https://auth.home.example.org/api/health";
              };
            }
          ];
        }
      ];
      settings.title = "Home";
    };

    systemd.services.homepage-dashboard.environment.HOSTNAME = "0.0.0.0";
  };
}
