# Made by homelab from the stack config; the next `pulumi up` writes it anew.
{
  description = "workstation, as homelab made it";
  inputs = {
    home-manager = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:nix-community/home-manager/release-25.11";
    };
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    sops-nix = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:Mic92/sops-nix";
    };
  };
  outputs = inputs: {
    nixosConfigurations.workstation = inputs.nixpkgs.lib.nixosSystem {
      modules = [
        ./default.nix
        inputs.home-manager.nixosModules.home-manager
        inputs.sops-nix.nixosModules.sops
      ];
    };
  };
}
