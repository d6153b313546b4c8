# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Sandboxes: what each unit can see and do, where its own module does not say
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    systemd.services.homepage-dashboard.serviceConfig = {
      CapabilityBoundingSet = "";
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateTmp = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "strict";
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

    systemd.services.immich-machine-learning.serviceConfig = {
      CapabilityBoundingSet = "";
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateTmp = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "strict";
      RestrictAddressFamilies = "AF_INET AF_INET6 AF_UNIX";
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

    systemd.services.immich-server.serviceConfig = {
      BindPaths = [ "/mnt/family/photos" ];
      CapabilityBoundingSet = "";
      LockPersonality = true;
      NoNewPrivileges = true;
      PrivateDevices = true;
      PrivateTmp = true;
      ProtectClock = true;
      ProtectControlGroups = true;
      ProtectHome = true;
      ProtectHostname = true;
      ProtectKernelLogs = true;
      ProtectKernelModules = true;
      ProtectKernelTunables = true;
      ProtectSystem = "strict";
      RestrictAddressFamilies = "AF_INET AF_INET6 AF_UNIX";
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

    systemd.services.miniflux.serviceConfig.TemporaryFileSystem = [
      "/mnt:ro"
      "/srv:ro"
    ];

    systemd.services.navidrome.serviceConfig.BindReadOnlyPaths = [ "/mnt/family/library" ];

    systemd.services.vaultwarden.serviceConfig.TemporaryFileSystem = [
      "/mnt:ro"
      "/srv:ro"
    ];
  };
}
