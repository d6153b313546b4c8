# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Tailscale on this host
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.tailscale = {
      enable = true;
      authKeyFile = "/run/homelab/secrets/tailscale-auth-key";
      extraSetFlags = [
        "--hostname=pavilion"
        "--advertise-routes="
        "--advertise-exit-node=false"
        "--accept-routes=false"
        "--accept-dns=false"
        "--ssh=false"
      ];
      # Used when the host joins; extraSetFlags apply afterwards.
      extraUpFlags = [
        "--hostname=pavilion"
        "--advertise-routes="
        "--advertise-exit-node=false"
        "--accept-routes=false"
        "--accept-dns=false"
        "--ssh=false"
      ];
      useRoutingFeatures = "none";
    };
  };
}
