# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Boot loader and kernel
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    boot.loader = {
      generic-extlinux-compatible = {
        enable = true;
        configurationLimit = 8;
      };
      grub.enable = false;
    };

    # The root is on flash: keep the journal in memory.
    services.journald.extraConfig = lib.mkBefore ''
      Storage=volatile
      RuntimeMaxUse=64M
    '';
  };
}
