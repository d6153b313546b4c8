# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Navidrome: Music, in the browser and in any Subsonic app
# https://music-home.example.org (family, tunnel)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.navidrome = {
      enable = true;
      settings = {
        Address = "0.0.0.0";
        BaseUrl = "https://music-home.example.org";
        EnableInsightsCollector = false;
        ExtAuth = {
          TrustedSources = "100.100.71.3/32";
          UserHeader = "Remote-User";
        };
        MusicFolder = "/mnt/family/library";
        Port = 4533;
        ReverseProxyUserHeader = "Remote-User";
        ReverseProxyWhitelist = "100.100.71.3/32";
      };
    };
  };
}
