# Made by homelab from the stack config; the next `pulumi up` writes it anew.
{
  description = "aurora, as homelab made it";
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    sops-nix = {
      inputs.nixpkgs.follows = "nixpkgs";
      url = "github:Mic92/sops-nix";
    };
  };
  outputs = inputs: {
    nixosConfigurations.aurora = inputs.nixpkgs.lib.nixosSystem {
      modules = [
        ./default.nix
        inputs.sops-nix.nixosModules.sops
      ];
    };
  };
}
