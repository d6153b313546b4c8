# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Open ports, and the reason for each:
#   22/tcp (LAN and tailnet) ssh: repairs and every deployment
#   53/tcp (LAN and tailnet) blocky: the LAN and the tailnet ask it for every name
#   53/udp (LAN and tailnet) blocky: the LAN and the tailnet ask it for every name
#   80/tcp (LAN and tailnet) caddy: sends browsers on to HTTPS
#   443/tcp (LAN and tailnet) caddy: every name of the homelab
#   443/udp (LAN and tailnet) caddy: the same over QUIC
#   41641/udp (LAN and tailnet) tailscale: direct connections instead of relayed ones
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    networking.firewall = {
      enable = true;
      extraInputRules = lib.mkAfter ''
        ip saddr 192.168.1.0/24 tcp dport { 22, 53, 80, 443 } accept
        ip saddr 192.168.1.0/24 udp dport { 53, 443, 41641 } accept
      '';
      interfaces.tailscale0 = {
        allowedTCPPorts = [
          22
          53
          80
          443
        ];
        allowedUDPPorts = [
          53
          443
          41641
        ];
      };
    };

    networking.nftables.enable = true;
  };
}
