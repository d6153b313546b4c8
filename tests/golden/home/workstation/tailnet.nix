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
      extraSetFlags = [
        "--hostname=workstation"
        "--advertise-routes="
        "--advertise-exit-node=false"
        "--accept-routes=false"
        "--accept-dns=false"
        "--ssh=false"
      ];
      # Used when the host joins; extraSetFlags apply afterwards.
      extraUpFlags = [
        "--hostname=workstation"
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
