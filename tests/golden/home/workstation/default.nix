# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# workstation, whole: import this from a flake of your own, or use flake.nix.
{
  imports = [
    ./backup.nix
    ./boot.nix
    ./facts.nix
    ./firewall.nix
    ./graphics.nix
    ./hardening.nix
    ./home.nix
    ./host.nix
    ./issued-secrets.nix
    ./known-hosts.nix
    ./monitoring.nix
    ./network.nix
    ./nix.nix
    ./own.nix
    ./power.nix
    ./release.nix
    ./secrets.nix
    ./services/jellyfin.nix
    ./services/ollama.nix
    ./ssh.nix
    ./storage.nix
    ./tailnet.nix
    ./users.nix
  ];
}
