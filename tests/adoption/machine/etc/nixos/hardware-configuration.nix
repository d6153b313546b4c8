{ lib, ... }:

{
  boot.initrd.availableKernelModules = [ "virtio_pci" "virtio_blk" ];
  fileSystems."/" = {
    device = "/dev/disk/by-uuid/1b5f0f0e-6a0a-4a7c-9b5e-0d6f3c1a2b3c";
    fsType = "ext4";
  };
  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";
}
