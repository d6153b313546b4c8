# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# A switch may restart this host: it goes on at boot, and nothing waits for a keyboard
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    # A kernel or initrd that fails starts again, and the boot loader then starts the old system.
    boot.kernelParams = [
      "panic=30"
      "boot.panic_on_fail"
    ];

    systemd.enableEmergencyMode = false;

    systemd.services.homelab-resume = {
      description = "Go on with the switch that restarted this host";
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
