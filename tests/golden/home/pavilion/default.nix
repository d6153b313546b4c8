# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# pavilion, whole: import this from a flake of your own, or use flake.nix.
{
  imports = [
    ./boot.nix
    ./facts.nix
    ./firewall.nix
    ./host.nix
    ./impermanence.nix
    ./issued-secrets.nix
    ./known-hosts.nix
    ./network.nix
    ./nix.nix
    ./own.nix
    ./release.nix
    ./ssh.nix
    ./tailnet.nix
    ./users.nix
  ];
}
