# Made by homelab from the stack config; the next `pulumi up` writes it anew.
{
  description = "pi, as homelab made it";
  inputs = {
    eurovote = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:anerisgreat/eurovote";
    };
    nixos-hardware.url = "github:NixOS/nixos-hardware";
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    sops-nix = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:Mic92/sops-nix";
    };
  };
  outputs = inputs: {
    nixosConfigurations.pi = inputs.nixpkgs.lib.nixosSystem {
      modules = [
        ./default.nix
        inputs.eurovote.nixosModules.default
        inputs.nixos-hardware.nixosModules.raspberry-pi-4
        inputs.sops-nix.nixosModules.sops
      ];
    };
  };
}
