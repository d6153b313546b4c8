# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# A switch may restart this host: the switch resumes at boot, and no prompt stops the boot
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    # A kernel or initrd that panics reboots, and the boot loader then starts the old system.
    boot.kernelParams = [
      "panic=30"
      "boot.panic_on_fail"
    ];

    systemd.enableEmergencyMode = false;

    systemd.services.homelab-resume = {
      description = "Resume the switch that restarted this host";
      restartIfChanged = false;
      script = ''
        . ${./lib/resume-at-boot.sh}
      '';
      serviceConfig.Type = "oneshot";
      unitConfig.RequiresMountsFor = "/var/lib/homelab";
      wantedBy = [ "multi-user.target" ];
    };
  };
}
