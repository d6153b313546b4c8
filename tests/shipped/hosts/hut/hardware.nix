# What nixos-generate-config found on the hut, and nothing else.
{
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "sd_mod"
    "xhci_pci"
  ];
  boot.kernelModules = [ "kvm-intel" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/2b7c4f60-8d0e-4f3a-b5c9-61c0e2a94d17";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/5E1D-88A2";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };

  hardware.cpu.intel.updateMicrocode = true;
}
