# What nixos-generate-config found on aurora, and the two disks that hang off it.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "usb_storage"
    "xhci_pci"
  ];
  boot.kernelModules = [ "kvm-intel" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/6c1c1f0e-6f9d-4a3c-9d7e-0b9a3f7c2d11";
    fsType = "btrfs";
    options = [ "subvol=@root" ];
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/7A3B-19C4";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/mnt/family" = {
    device = "/dev/disk/by-id/ata-TOSHIBA_HDWG480_X1Y2Z3-part1";
    fsType = "btrfs";
  };
  fileSystems."/mnt/onetouch" = {
    device = "/dev/disk/by-id/usb-Seagate_One_Touch_HDD_00000000-0:0-part1";
    fsType = "ext4";
    options = [
      "nofail"
      "x-systemd.automount"
    ];
  };

  hardware.cpu.intel.updateMicrocode = true;
  hardware.enableRedistributableFirmware = true;
}
