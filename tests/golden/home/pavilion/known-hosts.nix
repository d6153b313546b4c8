# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Host keys of the hosts that it connects to, and its own
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    programs.ssh.knownHosts.pavilion = {
      hostNames = [
        "pavilion"
        "192.168.1.30"
      ];
      publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEhVe57w8Kiuop2X8SfTwKti5loS/iB3Xp0+1Fr6F6Ql";
    };
  };
}
