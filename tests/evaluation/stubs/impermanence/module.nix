# As nixos.nix of impermanence: types, defaults, bind mounts as systemd knows them, what it refuses.
{
  config,
  lib,
  utils,
  ...
}:

with lib;
let
  inherit (config.users) users;

  owned = home: {
    user = mkOption { type = types.str; };
    group = mkOption { type = types.str; };
    mode = mkOption {
      type = types.str;
      default = "0755";
    };
    path = mkOption {
      type = types.path;
      internal = true;
    };
  };

  entry =
    {
      key,
      user,
      group,
      home,
    }:
    types.coercedTo types.str (path: { ${key} = path; }) (
      types.submodule (
        { config, ... }:
        {
          options = owned home // {
            ${key} = mkOption { type = types.str; };
          };
          config = {
            user = mkDefault user;
            group = mkDefault group;
            path = home + config.${key};
          };
        }
      )
    );

  kept = who: {
    directories = mkOption {
      type = types.listOf (entry (who // { key = "directory"; }));
      default = [ ];
    };
    files = mkOption {
      type = types.listOf (entry (who // { key = "file"; }));
      default = [ ];
    };
  };

  store =
    { name, ... }:
    {
      options =
        kept {
          user = "root";
          group = "root";
          home = "";
        }
        // {
          enable = mkOption {
            type = types.bool;
            default = true;
          };
          hideMounts = mkOption {
            type = types.bool;
            default = false;
          };
          persistentStoragePath = mkOption {
            type = types.path;
            default = name;
          };
          users = mkOption {
            type = types.attrsOf (
              types.submodule (
                { name, ... }:
                {
                  options = kept {
                    user = name;
                    group = users.${name}.group;
                    home = users.${name}.home + "/";
                  };
                }
              )
            );
            default = { };
          };
        };
    };

  stores = filter (s: s.enable) (attrValues config.environment.persistence);
  below = store: what: store.${what} ++ concatMap (u: u.${what}) (attrValues store.users);
  every = what: concatMap (s: map (e: e // { from = s; }) (below s what)) stores;
  directories = every "directories";
  files = every "files";
  storages = unique (map (s: s.persistentStoragePath) stores);
  doubled = paths: unique (filter (p: count (q: q == p) paths > 1) paths);
  # Every directory above, but for the root.
  parents =
    path: optionals (dirOf path != "/" && dirOf path != ".") ([ (dirOf path) ] ++ parents (dirOf path));
  early = filter (p: (config.fileSystems.${p} or { neededForBoot = true; }).neededForBoot == false);
  above = unique (concatMap (e: parents e.path) (directories ++ files));
in
{
  options.environment.persistence = mkOption {
    type = types.attrsOf (types.submodule store);
    default = { };
  };

  config = mkIf (stores != [ ]) {
    systemd.mounts = map (d: {
      where = d.path;
      what = d.from.persistentStoragePath + d.path;
      type = "none";
      options = concatStringsSep "," ([ "bind" ] ++ optional d.from.hideMounts "x-gvfs-hide");
      wantedBy = [ "local-fs.target" ];
      before = [ "local-fs.target" ];
      unitConfig.DefaultDependencies = false;
    }) directories;
    system.activationScripts.createPersistentStorageDirs = stringAfter [
      "users"
      "groups"
    ] (concatMapStrings (d: "mkdir ${escapeShellArgs [ d.path d.user d.group d.mode ]}\n") directories);
    assertions = [
      {
        assertion = early storages == [ ];
        message = "environment.persistence: All filesystems used for persistent storage must have the option \"neededForBoot\" set to true. Please fix: ${toString (early storages)}";
      }
      {
        assertion = early above == [ ];
        message = "environment.persistence: All filesystems used for ephemeral storage must have the option \"neededForBoot\" set to true. Please fix: ${toString (early above)}";
      }
      {
        assertion = doubled (map (d: d.path) directories) == [ ];
        message = "environment.persistence: The following directories were specified two or more times: ${toString (doubled (map (d: d.path) directories))}";
      }
      {
        assertion = doubled (map (f: f.path) files) == [ ];
        message = "environment.persistence: The following files were specified two or more times: ${toString (doubled (map (f: f.path) files))}";
      }
    ];
    warnings = optional (
      intersectLists [ "/var" "/var/lib" "/var/lib/nixos" ] (
        map (d: d.path) directories ++ attrNames config.fileSystems
      ) == [ ]
    ) "environment.persistence: Neither /var/lib/nixos nor any of its parents are persisted.";
  };
}
