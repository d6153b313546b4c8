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
        place miniflux-admin root 0400 miniflux.service
        place miniflux-oidc root 0400 miniflux.service
        place restic-b2 root 0400
        place restic-onetouch root 0400
        place restic-onetouch-pi-key root 0444
        place restic-onetouch-workstation-key root 0444
        place vaultwarden-admin root 0400 vaultwarden.service
        forget_others
        )
      '';
    };
  };
}
