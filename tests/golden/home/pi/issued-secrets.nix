# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Secrets made for this host and stored nowhere: the deployer sends them with each release
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    system.activationScripts.homelab-secrets = {
      deps = [
        "users"
        "groups"
      ];
      text = ''
        (
        . ${./lib/place-secrets.sh} ${import ./release-id.nix}
        place acme-cloudflare root 0400
        place authelia-jwt authelia-main 0400 authelia-main.service
        place authelia-oidc-hmac authelia-main 0400 authelia-main.service
        place authelia-oidc-news authelia-main 0400 authelia-main.service
        place authelia-session authelia-main 0400 authelia-main.service
        place authelia-storage-encryption authelia-main 0400 authelia-main.service
        place cloudflared-credentials root 0400 cloudflared-tunnel-home-example-org.service
        place eurovote-secret-key root 0400 eurovote.service
        place restic-b2 root 0400
        place restic-onetouch root 0400
        place restic-onetouch-key root 0400
        forget_others
        )
      '';
    };
  };
}
