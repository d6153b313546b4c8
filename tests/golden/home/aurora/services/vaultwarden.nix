# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Vaultwarden: Passwords, for every browser and phone
# https://vault.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.vaultwarden = {
      enable = true;
      config = {
        DOMAIN = "https://vault.home.example.org";
        IP_HEADER = "X-Forwarded-For";
        ROCKET_ADDRESS = "0.0.0.0";
        ROCKET_PORT = 8222;
        SIGNUPS_ALLOWED = false;
      };
      environmentFile = "/run/homelab/secrets/vaultwarden-admin";
    };
  };
}
