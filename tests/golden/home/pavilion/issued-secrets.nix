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
        place tailscale-auth-key root 0400
        forget_others
        )
      '';
    };
  };
}
