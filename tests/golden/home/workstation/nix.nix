# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Nix itself, and the packages it may build
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    boot.binfmt.emulatedSystems = [ "aarch64-linux" ];

    nix.gc = {
      automatic = true;
      dates = "weekly";
      options = "--delete-older-than 30d";
    };

    nix.optimise.automatic = true;

    nix.settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      trusted-users = [
        "@wheel"
        "nixbuild"
      ];
    };

    nixpkgs.config.allowUnfreePredicate =
      pkg:
      builtins.elem (lib.getName pkg) [
        "cuda_cccl"
        "cuda_cudart"
        "cuda_nvcc"
        "libcublas"
        "nvidia-kernel-modules"
        "nvidia-persistenced"
        "nvidia-settings"
        "nvidia-x11"
      ];

    users.groups.nixbuild = { };

    users.users.nixbuild = {
      group = "nixbuild";
      isSystemUser = true;
      openssh.authorizedKeys.keys = [
        "restrict,command=\"nix-daemon --stdio\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMmiUSAGdLXZvnBmem8ZYDXR6KreXW5r5k/M9SvfrAcr"
      ];
      useDefaultShell = true;
    };
  };
}
