# What nixos-generate-config found on the machine in the cellar.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "sd_mod"
    "xhci_pci"
  ];
  boot.loader.systemd-boot.enable = true;
  boot.loader.efi.canTouchEfiVariables = true;

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/0c9e4a77-18b5-4b0f-8d20-3a5d6e7f8091";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/7A21-44CD";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/mnt/data" = {
    device = "/dev/disk/by-uuid/8e1f2a3b-4c5d-4e6f-8071-92a3b4c5d6e7";
    fsType = "ext4";
    options = [ "nofail" ];
  };

  hardware.enableRedistributableFirmware = true;
}
