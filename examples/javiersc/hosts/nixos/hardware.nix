# What nixos-generate-config found, and the disk that the media lie on.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "usb_storage"
    "xhci_pci"
  ];
  boot.kernelModules = [ "kvm-intel" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/2d0c6a1f-54d7-4c51-9a0e-6a0f7f9b3f21";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/5C1E-0A77";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/data" = {
    device = "/dev/disk/by-uuid/8b4e2f0c-7f6a-4f1d-8c3a-0e5d1c9b7a44";
    fsType = "ext4";
  };

  hardware.cpu.intel.updateMicrocode = true;
  hardware.enableRedistributableFirmware = true;
}
