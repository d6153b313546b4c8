# What nixos-generate-config found on the old workstation.
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
    device = "/dev/disk/by-uuid/a4b5c6d7-e8f9-4a0b-9c1d-2e3f40516273";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/3C5D-77EF";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/mnt/films" = {
    device = "/dev/disk/by-uuid/11a2b3c4-d5e6-4f70-8192-a3b4c5d6e7f8";
    fsType = "ext4";
    options = [ "nofail" ];
  };
  fileSystems."/mnt/backup" = {
    device = "/dev/disk/by-uuid/22b3c4d5-e6f7-4081-92a3-b4c5d6e7f809";
    fsType = "ext4";
    options = [ "nofail" ];
  };

  hardware.enableRedistributableFirmware = true;
}
