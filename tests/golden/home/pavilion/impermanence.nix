# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# What survives a reboot; everything else on the root is thrown away
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    environment.persistence."/persist" = {
      directories = [
        "/var/lib/homelab"
        "/var/lib/nixos"
        "/var/lib/tailscale"
        "/var/log"
      ];
      files = [
        "/etc/machine-id"
        "/etc/ssh/ssh_host_ed25519_key"
        "/etc/ssh/ssh_host_ed25519_key.pub"
      ];
      hideMounts = true;
    };

    fileSystems."/persist".neededForBoot = true;
    fileSystems."/var/lib/homelab".neededForBoot = true;
  };
}
