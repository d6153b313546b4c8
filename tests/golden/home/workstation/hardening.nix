# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Sandboxes: what each unit can see and do, where its own module does not say
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    systemd.services.jellyfin.serviceConfig = {
      BindReadOnlyPaths = [ "/mnt/media" ];
      CapabilityBoundingSet = "";
      # The host's graphics hardware, and nothing else.
      DeviceAllow = lib.mkForce [
        "char-drm rw"
        "char-nvidia* rw"
      ];
      DevicePolicy = "closed";
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateTmp = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "strict";
      ReadWritePaths = [
        "/var/cache/jellyfin"
        "/var/lib/jellyfin"
      ];
      RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
      RestrictNamespaces = true;
      RestrictRealtime = true;
      RestrictSUIDSGID = true;
      SystemCallArchitectures = "native";
      TemporaryFileSystem = [
        "/mnt:ro"
        "/srv:ro"
      ];
      UMask = "0077";
    };

    systemd.services.ollama.serviceConfig.TemporaryFileSystem = [
      "/mnt:ro"
      "/srv:ro"
    ];
  };
}
