# A stand-in for github:Mic92/sops-nix: the options that stacks set, with what it makes of them.
{
  outputs = _: { nixosModules.sops = ./module.nix; };
}
