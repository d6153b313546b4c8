# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# pi, whole: import this from a flake of your own, or use flake.nix.
{
  imports = [
    ./backup.nix
    ./boot.nix
    ./certificates.nix
    ./dns.nix
    ./facts.nix
    ./firewall.nix
    ./hardening.nix
    ./host.nix
    ./identity.nix
    ./issued-secrets.nix
    ./known-hosts.nix
    ./monitoring.nix
    ./nix.nix
    ./own.nix
    ./power.nix
    ./proxy.nix
    ./release.nix
    ./secrets.nix
    ./services/eurovote.nix
    ./ssh.nix
    ./tailnet.nix
    ./tunnel.nix
    ./users.nix
  ];
}
