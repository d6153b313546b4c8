# A Pi on WiFi that nobody stands beside: it has to get up by itself.
{ pkgs, ... }:

{
  boot.kernelModules = [ "bcm2835_wdt" ];
  systemd.settings.Manager = {
    RuntimeWatchdogSec = "300s";
    RebootWatchdogSec = "360s";
  };

  systemd.services.network-watchdog = {
    path = [
      pkgs.iputils
      pkgs.systemd
    ];
    script = ''
      ping -c 3 -W 5 192.168.1.1 && exit
      systemctl restart wpa_supplicant-wlan0
      sleep 30
      ping -c 3 -W 5 192.168.1.1 || systemctl reboot
    '';
    serviceConfig.Type = "oneshot";
  };
  systemd.timers.network-watchdog = {
    wantedBy = [ "timers.target" ];
    timerConfig = {
      OnBootSec = "5min";
      OnUnitActiveSec = "2min";
    };
  };

  # Large builds would fill a small /tmp.
  nix.settings.build-dir = "/mnt/data/nix-build";
  systemd.tmpfiles.rules = [ "d /mnt/data/nix-build 0755 root root -" ];
}
