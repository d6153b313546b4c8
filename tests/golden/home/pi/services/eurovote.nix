# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Eurovote: The family jury
# https://vote.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = lib.mkMerge [
    (derive {
      systemd.services.eurovote.serviceConfig.LoadCredential = [
        "secret-key:/run/homelab/secrets/eurovote-secret-key"
      ];
    })
    {
      services.eurovote = {
        enable = true;
        allowedHosts = "vote.home.example.org";
        port = 8007;
        secretKeyFile = "/run/credentials/eurovote.service/secret-key";
        trustedOrigins = "https://vote.home.example.org";
      };
    }
  ];
}
