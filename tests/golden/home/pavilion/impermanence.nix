# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# What survives a restart; everything else on the root is thrown away:
#   /var/cache: what is slow to make again: backups know by it what is new
#   /var/lib/nixos: numbers of users and groups
#   /var/lib/systemd: timers, random seed, clock, who lingers
#   /var/lib/tailscale: tailscale
#   /var/log: the journal
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    environment.persistence."/persist" = {
      directories = [
        "/var/cache"
        "/var/lib/nixos"
        "/var/lib/systemd"
        "/var/lib/tailscale"
        "/var/log"
      ];
      files = [
        "/etc/machine-id"
        "/etc/ssh/ssh_host_ed25519_key"
        "/etc/ssh/ssh_host_ed25519_key.pub"
        "/etc/ssh/ssh_host_rsa_key"
        "/etc/ssh/ssh_host_rsa_key.pub"
      ];
      hideMounts = true;
    };

    fileSystems."/persist".neededForBoot = true;

    # Releases and secrets are read by the activation, before other mounts.
    fileSystems."/var/lib/homelab" = {
      depends = [ "/persist" ];
      device = "/persist/var/lib/homelab";
      fsType = "none";
      neededForBoot = true;
      options = [ "bind" ];
    };

    system.activationScripts.carry-to-persistence = {
      deps = [ ];
      text = ''
        (
        set -e
        . ${./lib/persist.sh}
        carry /persist /var/lib/homelab
        carry /persist /var/cache
        carry /persist /var/lib/nixos
        carry /persist /var/lib/systemd
        carry /persist /var/lib/tailscale tailscaled.service
        carry /persist /var/log
        )
      '';
    };
  };
}
