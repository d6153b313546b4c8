# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Host keys of the hosts that it connects to, and its own
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    programs.ssh.knownHosts = {
      aurora = {
        hostNames = [
          "aurora"
          "192.168.1.10"
          "100.100.71.10"
        ];
        publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMFHuNkdP1K5nn1xXxwlfp7tEMK/WBsKC7bbqSZNupSY";
      };
      pi = {
        hostNames = [
          "pi"
          "192.168.1.225"
          "100.100.71.3"
        ];
        publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmiUSAGdLXZvnBmem8ZYDXR6KreXW5r5k/M9SvfrAcr";
      };
      workstation = {
        hostNames = [
          "workstation"
          "192.168.1.20"
          "100.100.71.20"
        ];
        publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH3l/El2u3JMu6UvEeXIbdbnZgzCT2mlfyiIUN+A5kZl";
      };
    };
  };
}
