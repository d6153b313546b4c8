# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# This host's part in the tailnet
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
      # Read when the host joins; extraSetFlags keep them so afterwards.
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
