# Made by homelab from the stack config; the next `pulumi up` writes it anew.
{
  description = "pavilion, as homelab made it";
  inputs = {
    impermanence = {
      inputs = {
        home-manager.follows = "";
        nixpkgs.follows = "nixpkgs";
      };
      url = "github:nix-community/impermanence";
    };
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
  };
  outputs = inputs: {
    nixosConfigurations.pavilion = inputs.nixpkgs.lib.nixosSystem {
      modules = [
        ./default.nix
        inputs.impermanence.nixosModules.impermanence
      ];
    };
  };
}
