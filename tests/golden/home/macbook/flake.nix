# Made by homelab from the stack config; the next `pulumi up` writes it anew.
{
  description = "macbook, as homelab made it";
  inputs = {
    home-manager = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:nix-community/home-manager/release-25.11";
    };
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
  };
  outputs = inputs: {
    homeConfigurations.sam = inputs.home-manager.lib.homeManagerConfiguration {
      modules = [ ./default.nix ];
      pkgs = inputs.nixpkgs.legacyPackages.x86_64-darwin;
    };
  };
}
