# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Draw: A whiteboard
# https://draw.home.example.org (family, internal)
{ lib, options, ... }:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    networking.nftables.tables.container-draw = {
      content = lib.mkAfter ''
        chain published {
          type filter hook prerouting priority dstnat - 10; policy accept;
          ip daddr 100.100.71.10 tcp dport 8088 iifname != { "lo", "tailscale0" } drop
        }
      '';
      family = "inet";
    };

    systemd.services.podman-draw = {
      after = [ "tailscaled.service" ];
      serviceConfig.RestartSec = "5s";
      startLimitIntervalSec = 0;
    };

    virtualisation.oci-containers.backend = "podman";

    virtualisation.oci-containers.containers.draw = {
      image = "docker.io/excalidraw/excalidraw:latest@sha256:3c2513e830bb6e195147c05b34ecf8393d0ba2b1cc86e93b407a5777d6135c6c";
      ports = [ "100.100.71.10:8088:80" ];
    };
  };
}
