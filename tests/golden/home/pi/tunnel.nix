# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Cloudflare tunnel: public names, and their targets
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.cloudflared = {
      enable = true;
      tunnels.home-example-org = {
        # The tunnel's id is in the credentials; here its name is enough.
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
