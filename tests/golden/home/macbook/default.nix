# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# macbook, whole: import this from a flake of your own, or use flake.nix.
{
  imports = [ ./home.nix ];
}
