# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Wildcard certificates by DNS-01
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    security.acme = {
      acceptTerms = true;
      certs."home.example.org" = {
        credentialFiles.CF_DNS_API_TOKEN_FILE = "/run/homelab/secrets/acme-cloudflare";
        dnsProvider = "cloudflare";
        # The home resolver answers these names itself, without the challenge record.
        dnsResolver = "1.1.1.1:53";
        domain = "*.home.example.org";
        group = "caddy";
        reloadServices = [ "caddy.service" ];
      };
      defaults.email = "sam@example.org";
    };
  };
}
