# What nixos-generate-config found on pavilion. Every boot makes the root from @root-blank.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "usb_storage"
    "xhci_pci"
  ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/4f0f5b2a-8d63-4f5e-b0c1-93a6a7d2e5b8";
    fsType = "btrfs";
    options = [ "subvol=@root" ];
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/9C04-77D2";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/nix" = {
    device = "/dev/disk/by-uuid/4f0f5b2a-8d63-4f5e-b0c1-93a6a7d2e5b8";
    fsType = "btrfs";
    options = [ "subvol=@nix" ];
  };
  fileSystems."/persist" = {
    device = "/dev/disk/by-uuid/4f0f5b2a-8d63-4f5e-b0c1-93a6a7d2e5b8";
    fsType = "btrfs";
    options = [ "subvol=@persist" ];
  };
}
