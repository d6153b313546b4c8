{
  description = "The machines of a home";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs =
    { self, nixpkgs, ... }@inputs:
    {
      nixosConfigurations.nas = nixpkgs.lib.nixosSystem {
        specialArgs = { inherit inputs; motd = "hello"; };
        modules = [
          ./configuration.nix
          (
            { inputs, motd, ... }:
            {
              users.motd = motd;
              environment.etc."configuration".source = inputs.self;
            }
          )
        ];
      };
    };
}
