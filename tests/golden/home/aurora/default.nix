# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# aurora, whole: import this from a flake of your own, or use flake.nix.
{
  imports = [
    ./backup.nix
    ./boot.nix
    ./containers.nix
    ./dashboard.nix
    ./facts.nix
    ./firewall.nix
    ./hardening.nix
    ./host.nix
    ./issued-secrets.nix
    ./known-hosts.nix
    ./monitoring.nix
    ./network.nix
    ./nix.nix
    ./own.nix
    ./portal.nix
    ./power.nix
    ./reboot.nix
    ./release.nix
    ./secrets.nix
    ./services/draw.nix
    ./services/immich.nix
    ./services/miniflux.nix
    ./services/navidrome.nix
    ./services/vaultwarden.nix
    ./ssh.nix
    ./storage.nix
    ./tailnet.nix
    ./users.nix
  ];
}
