# What nixos-generate-config found on the Q958, its pool of disks, and the one for backups.
{ pkgs, ... }:

{
  boot.initrd.availableKernelModules = [
    "ahci"
    "nvme"
    "sd_mod"
    "usb_storage"
    "xhci_pci"
  ];
  boot.kernelModules = [ "kvm-intel" ];

  fileSystems."/" = {
    device = "/dev/disk/by-uuid/9a41c7d2-50e3-4c8b-8f1e-2b7d6a90c315";
    fsType = "ext4";
  };
  fileSystems."/boot" = {
    device = "/dev/disk/by-uuid/4E7B-C210";
    fsType = "vfat";
    options = [ "umask=0077" ];
  };
  fileSystems."/mnt/ssd" = {
    device = "/dev/disk/by-uuid/1c93a6e8-7b24-4d05-a9c3-5f80e2d1b764";
    fsType = "ext4";
  };
  fileSystems."/mnt/hdd1" = {
    device = "/dev/disk/by-uuid/e50d8f13-2a96-4b7c-b4e1-96c3708da25f";
    fsType = "ext4";
  };
  fileSystems."/mnt/media" = {
    device = "/mnt/ssd:/mnt/hdd1";
    fsType = "fuse.mergerfs";
    options = [
      "cache.files=partial"
      "category.create=mfs"
      "minfreespace=20G"
    ];
  };
  fileSystems."/mnt/backup" = {
    device = "/dev/disk/by-uuid/7d26b0f4-c1a8-4e59-93d7-08fe4a6c5b12";
    fsType = "ext4";
    options = [
      "nofail"
      "x-systemd.automount"
    ];
  };
  environment.systemPackages = [ pkgs.mergerfs ];

  hardware.cpu.intel.updateMicrocode = true;
  hardware.enableRedistributableFirmware = true;
}
