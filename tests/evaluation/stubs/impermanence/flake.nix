# A stand-in for github:nix-community/impermanence.
{
  outputs = _: { nixosModules.impermanence = ./module.nix; };
}
