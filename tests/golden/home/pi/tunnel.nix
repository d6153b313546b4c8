# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Cloudflare tunnel: public names, and what answers them
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.cloudflared = {
      enable = true;
      tunnels.home-example-org = {
        # Holds the tunnel's id too; its name is enough in this file.
        credentialsFile = "/run/homelab/secrets/cloudflared-credentials";
        default = "http_status:404";
        ingress = {
          "auth-home.example.org" = "http://127.0.0.1:8180";
          "music-home.example.org" = "http://127.0.0.1:8180";
        };
      };
    };
  };
}
