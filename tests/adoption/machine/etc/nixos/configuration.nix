# The configuration of a machine that is to be adopted.
{ config, pkgs, ... }:

{
  imports = [
    ./hardware-configuration.nix
    ./modules/web.nix
  ];

  boot.loader.grub.device = "/dev/vda";
  networking.hostName = "nas";
  time.timeZone = "Europe/Oslo";
  services.openssh.enable = true;
  services.tailscale.enable = true;
  users.users.sam = {
    isNormalUser = true;
    uid = 1000;
    extraGroups = [ "wheel" ];
  };
  security.sudo.wheelNeedsPassword = true;
  environment.etc."machine-notes".source = ./notes.txt;
  system.stateVersion = "20.09";
}
