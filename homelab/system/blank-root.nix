# A root that is new at each start: the initrd puts the subvolume of the root aside and makes a
# snapshot of a blank one in its place. `fileSystems."/"` says where the root is.
{
  config,
  lib,
  options,
  pkgs,
  utils,
  ...
}:

let
  cfg = config.homelab.blankRoot;
  root = config.fileSystems."/";

  # One text may have several options.
  optionsOf = system: lib.concatMap (lib.splitString ",") system.options;

  # The subvolume of a file system, as btrfs names it from the top; empty if its options name none.
  subvolumeOf =
    system:
    let
      named = lib.filter (lib.hasPrefix "subvol=") (optionsOf system);
    in
    if named == [ ] then "" else lib.removePrefix "/" (lib.removePrefix "subvol=" (lib.last named));
  subvolume = subvolumeOf root;
  isWithin = path: top: path == top || lib.hasPrefix "${top}/" path;

  old = "${subvolume}-old";

  # A label, a UUID and a name of the device mapper may mean one file system.
  others = lib.filter (
    system:
    system.device == root.device || dirOf (toString system.device) != dirOf (toString root.device)
  ) (lib.attrValues config.fileSystems);
  inRoot = lib.filter (
    system:
    system.mountPoint != "/"
    && lib.any (isWithin (subvolumeOf system)) [
      subvolume
      old
      cfg.blank
    ]
  ) others;
  # The number of the root is another one at each start.
  byNumber = lib.filter (
    system:
    lib.any (
      option:
      lib.hasPrefix "subvolid=" option
      && (system.mountPoint == "/" || option != "subvolid=5" && option != "subvolid=0")
    ) (optionsOf system)
  ) others;
  mountPoints = lib.concatMapStringsSep ", " (system: system.mountPoint);
  bootsFromRoot =
    (config.boot.loader.grub.enable || config.boot.loader.generic-extlinux-compatible.enable)
    && !(config.fileSystems ? "/boot");

  arguments = lib.escapeShellArgs [
    (toString root.device)
    subvolume
    cfg.blank
  ];
  script = ''
    ${builtins.readFile ./blank-root.sh}
    blank_root ${arguments}
  '';
  device = "${utils.escapeSystemdPath (toString root.device)}.device";
in
{
  options.homelab.blankRoot = {
    blank = lib.mkOption {
      type = lib.types.str;
      example = "@root-blank";
      description = "The blank subvolume, from the top of the file system.";
    };
    days = lib.mkOption {
      type = lib.types.ints.unsigned;
      default = 30;
      description = "Days that the roots of earlier starts are kept.";
    };
  };

  config = {
    assertions = [
      {
        assertion = root.fsType == "btrfs" && root.device != null && subvolume != "";
        message = ''
          homelab.blankRoot: fileSystems."/" is no subvolume of btrfs; write fsType = "btrfs" and
          options = [ "subvol=@root" ].
        '';
      }
      {
        assertion = inRoot == [ ];
        message = ''
          homelab.blankRoot: ${mountPoints inRoot} is in the subvolume of the root, among the old
          roots, or in the blank one, and would be lost with it. Move it to a subvolume at the top.
        '';
      }
      {
        assertion = byNumber == [ ];
        message = ''
          homelab.blankRoot: ${mountPoints byNumber} is mounted by subvolid=, which does not say
          whether it is in the root. Write subvol= with its path.
        '';
      }
      {
        assertion =
          !(isWithin cfg.blank subvolume || isWithin cfg.blank old || isWithin subvolume cfg.blank);
        message = "homelab.blankRoot: the subvolume ${cfg.blank} is not beside the root and its old ones.";
      }
      {
        assertion = config.fileSystems ? "/nix" || config.fileSystems ? "/nix/store";
        message = "homelab.blankRoot: /nix is on the root, which would be blank at the next start.";
      }
      {
        assertion = !bootsFromRoot;
        message = "homelab.blankRoot: /boot is on the root, which would be blank at the next start.";
      }
    ];

    # The preflight of the next switch reads it.
    environment.etc."homelab/blank-root".text = ''
      ${toString root.device}
      ${subvolume}
      ${cfg.blank}
    '';

    boot.initrd = {
      systemd = {
        initrdBin = [ pkgs.btrfs-progs ];
        services.homelab-blank-root = {
          description = "Make a blank root";
          wantedBy = [ "initrd.target" ];
          requires = [ device ];
          # A system that wakes from hibernation goes on with its root.
          after = [
            device
            "local-fs-pre.target"
            "systemd-hibernate-resume.service"
          ];
          before = [
            "shutdown.target"
            "sysroot.mount"
          ];
          conflicts = [ "shutdown.target" ];
          unitConfig.DefaultDependencies = false;
          serviceConfig.Type = "oneshot";
          inherit script;
        };
      };
    }
    // lib.optionalAttrs (options.boot.initrd ? postResumeCommands) {
      # An initrd without systemd; it refuses commands with one.
      postResumeCommands = lib.mkIf (!config.boot.initrd.systemd.enable or false) (
        lib.mkAfter "(\n${script})\n"
      );
    };

    systemd.services.homelab-old-roots = {
      description = "Remove the roots of earlier starts";
      path = [
        pkgs.btrfs-progs
        pkgs.util-linux
      ];
      script = ''
        ${builtins.readFile ./old-roots.sh}
        old_roots ${
          lib.escapeShellArgs [
            (toString root.device)
            subvolume
            (toString cfg.days)
          ]
        }
      '';
      serviceConfig = {
        Type = "oneshot";
        CapabilityBoundingSet = "CAP_DAC_OVERRIDE CAP_FOWNER CAP_SYS_ADMIN";
        IOSchedulingClass = "idle";
        NoNewPrivileges = true;
        PrivateMounts = true;
        PrivateNetwork = true;
        ProtectHome = true;
        ProtectSystem = "strict";
        RestrictAddressFamilies = "AF_UNIX";
        ReadWritePaths = "-/run/homelab-root";
        RuntimeDirectory = "homelab-old-roots";
      };
    };
    systemd.timers.homelab-old-roots = {
      description = "Remove the roots of earlier starts";
      wantedBy = [ "timers.target" ];
      timerConfig = {
        OnBootSec = "5min";
        OnUnitActiveSec = "1d";
      };
    };
  };
}
