"""All input and output of the library: files, SSH, sops, Nix."""
