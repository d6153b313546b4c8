# What nixos-generate-config found on the workstation.
{
  boot.initrd.availableKernelModules = [
    "nvme"
    "usbhid"
    "xhci_pci"
  ];
  boot.kernelModules = [ "kvm-amd" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/d2f6a3b8-53c0-4b0a-8f5b-2f1e9c7a4e60";
    fsType = "btrfs";
    options = [ "subvol=@root" ];
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/5E21-A0F7";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/mnt/media" = {
    device = "/dev/disk/by-id/ata-ST12000VN0008_A1B2C3-part1";
    fsType = "btrfs";
  };
  fileSystems."/mnt/mp510" = {
    device = "/dev/disk/by-id/nvme-Force_MP510_A1B2C3D4-part1";
    fsType = "btrfs";
    options = [ "nofail" ];
  };

  hardware.cpu.amd.updateMicrocode = true;
  hardware.enableRedistributableFirmware = true;
}
