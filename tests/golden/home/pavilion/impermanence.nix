# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Directories that survive a restart; everything else on the root is lost:
#   /var/cache: caches, such as restic's, that are slow to rebuild
#   /var/lib/nixos: ids of users and groups
#   /var/lib/systemd: timers, random seed, clock, lingering users
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

    # The activation reads releases and secrets, before other mounts.
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
