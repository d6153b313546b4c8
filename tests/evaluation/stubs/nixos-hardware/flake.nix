# A stand-in for github:NixOS/nixos-hardware.
{
  outputs = _: {
    nixosModules.raspberry-pi-4 =
      { lib, ... }:
      {
        boot.loader.grub.enable = lib.mkDefault false;
        boot.loader.generic-extlinux-compatible.enable = lib.mkDefault true;
      };
  };
}
