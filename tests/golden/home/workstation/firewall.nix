# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Open ports, and the reason for each:
#   22/tcp (LAN and tailnet) ssh: repairs and every deployment
#   8096/tcp (tailnet) jellyfin: called by pi
#   11434/tcp (tailnet) ollama: called by pi
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
        ip saddr 192.168.1.0/24 tcp dport { 22 } accept
        ip saddr 192.168.1.0/24 udp dport { 41641 } accept
      '';
      interfaces.tailscale0 = {
        allowedTCPPorts = [
          22
          8096
          11434
        ];
        allowedUDPPorts = [ 41641 ];
      };
    };

    networking.nftables.enable = true;
  };
}
