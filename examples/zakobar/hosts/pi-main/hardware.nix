# What nixos-generate-config found on the Pi, and the disk that hangs off it.
{
  boot.initrd.availableKernelModules = [
    "usbhid"
    "usb_storage"
    "xhci_pci"
  ];

  fileSystems."/" = {
    device = "/dev/disk/by-label/NIXOS_SD";
    fsType = "ext4";
    options = [ "noatime" ];
  };
  fileSystems."/mnt/data" = {
    device = "/dev/disk/by-uuid/3f9d1c52-8a07-4b6e-9c41-7d20e5b8a6f3";
    fsType = "ext4";
    options = [ "nofail" ];
  };

  hardware.enableRedistributableFirmware = true;
}
