# Sandboxes of systemd units. Every unit in `homelab.hardening.units` gets the baseline below, and
# states only what differs from it. An option is named after the setting of systemd.exec(5) or
# systemd.resource-control(5) that it becomes: `systemd.services.<unit>.serviceConfig.<setting>`.
#
# Priorities carry over. The baseline stands at 900: it yields to the module of the service and to
# your own plain definitions, here or in `systemd.services`. `lib.mkForce` here outranks them.
# `null` leaves a setting to the module of the service. Lists join.
{ config, lib, ... }:

let
  inherit (lib) mkOption types;

  # Text where systemd takes a list: lists of NixOS modules join, and would add to what the module
  # of a service allows. Text yields to it.
  baseline = {
    CapabilityBoundingSet = "";
    LockPersonality = true;
    MemoryDenyWriteExecute = true;
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
    RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6";
    RestrictNamespaces = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    SystemCallArchitectures = "native";
    UMask = "0077";
  };

  # Where data lies.
  hidden = [
    "/mnt"
    "/srv"
  ];

  derived = 900;
  plain = 100;

  oneOf = words: types.nullOr (types.either types.bool (types.enum words));
  text = types.nullOr types.str;

  typed = {
    CapabilityBoundingSet = text;
    PrivateTmp = oneOf [ "disconnected" ];
    ProtectControlGroups = oneOf [
      "private"
      "strict"
    ];
    ProtectHome = oneOf [
      "read-only"
      "tmpfs"
    ];
    ProtectHostname = oneOf [ "private" ];
    ProtectSystem = oneOf [
      "full"
      "strict"
    ];
    RestrictAddressFamilies = text;
    RestrictNamespaces = types.nullOr (types.either types.bool types.str);
    SystemCallArchitectures = text;
    UMask = text;
  };

  list =
    description:
    mkOption {
      type = types.listOf types.str;
      default = [ ];
      inherit description;
    };

  unit =
    { config, options, ... }:
    let
      priority = name: options.${name}.highestPrio;
      isStated = name: priority name < (lib.mkOptionDefault null).priority;

      # One value: it yields, unless it stands higher than what is derived.
      single = name: lib.mkOverride (lib.min derived (priority name)) config.${name};
      singles = lib.filter (name: config.${name} != null && (config.baseline || isStated name)) (
        lib.attrNames baseline ++ [ "DevicePolicy" ]
      );

      # A list joins. An empty one says nothing, unless it is forced.
      joined = name: lib.mkOverride (lib.min plain (priority name));
      says = name: config.${name} != [ ] || priority name < plain;
      lists = lib.filter says [
        "BindPaths"
        "BindReadOnlyPaths"
        "DeviceAllow"
        "ReadWritePaths"
      ];
      emptied = map (path: "${path}:ro") (lib.sort (a: b: a < b) (lib.unique config.hide));
    in
    {
      options =
        lib.mapAttrs (
          name: value:
          mkOption {
            type = typed.${name} or (types.nullOr types.bool);
            default = value;
            description = "${name}= of the unit. With null the module of the service decides.";
          }
        ) baseline
        // {
          baseline = mkOption {
            type = types.bool;
            default = true;
            description = ''
              Whether the baseline applies. It is false where the module of the service is as
              strict; then only what is stated for the unit is added.
            '';
          };
          hide = list ''
            Directories that are empty for the unit, each as a word of a unit file. /mnt and /srv
            are always among them; a list in `lib.mkForce` replaces them.
          '';
          BindPaths = list "Directories below hidden ones that the unit may read and write.";
          BindReadOnlyPaths = list "Directories below hidden ones that the unit may read.";
          ReadWritePaths = list "Directories that the unit may write.";
          DeviceAllow = list "Devices that the unit may open.";
          DevicePolicy = mkOption {
            type = types.nullOr (
              types.enum [
                "auto"
                "closed"
                "strict"
              ]
            );
            default = null;
            description = "Which devices the unit may open beside those of DeviceAllow.";
          };
          serviceConfig = mkOption {
            type = types.unspecified;
            internal = true;
            readOnly = true;
            description = "The settings of the unit, each with its priority.";
          };
        };
      config = {
        hide = hidden;
        serviceConfig =
          lib.genAttrs singles single
          // lib.genAttrs lists (name: joined name config.${name})
          // lib.optionalAttrs (says "hide") { TemporaryFileSystem = joined "hide" emptied; };
      };
    };
in
{
  options.homelab.hardening.units = mkOption {
    type = types.attrsOf (types.submodule unit);
    default = { };
    description = "Sandboxes by unit, without `.service`.";
  };

  config.systemd.services = lib.mapAttrs (_: unit: {
    inherit (unit) serviceConfig;
  }) config.homelab.hardening.units;
}
