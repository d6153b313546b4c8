# As modules/sops of sops-nix: types, defaults, and what it refuses. Its own program is left out.
{ config, lib, ... }:

with lib;
let
  cfg = config.sops;
  inherit (config.users) users;

  owned = {
    mode = mkOption {
      type = types.str;
      default = "0400";
    };
    restartUnits = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
    reloadUnits = mkOption {
      type = types.listOf types.str;
      default = [ ];
    };
  };

  groupOf = owner: if owner != null then users.${owner}.group else null;

  secret =
    { name, config, ... }:
    {
      options = owned // {
        name = mkOption {
          type = types.str;
          default = name;
        };
        key = mkOption {
          type = types.str;
          default = name;
        };
        path = mkOption {
          type = types.str;
          default =
            if config.neededForUsers then "/run/secrets-for-users/${name}" else "/run/secrets/${name}";
        };
        format = mkOption {
          type = types.enum [
            "yaml"
            "json"
            "binary"
            "dotenv"
            "ini"
          ];
          default = cfg.defaultSopsFormat;
        };
        owner = mkOption {
          type = types.nullOr types.str;
          default = null;
        };
        group = mkOption {
          type = types.nullOr types.str;
          default = groupOf config.owner;
        };
        sopsFile = mkOption {
          type = types.path;
          default = cfg.defaultSopsFile;
        };
        sopsFileHash = mkOption {
          type = types.str;
          readOnly = true;
          default = builtins.hashFile "sha256" config.sopsFile;
        };
        neededForUsers = mkOption {
          type = types.bool;
          default = false;
        };
      };
    };

  template =
    { name, config, ... }:
    {
      options = owned // {
        name = mkOption {
          type = types.str;
          default = name;
        };
        content = mkOption {
          type = types.lines;
          default = "";
        };
        path = mkOption {
          type = types.str;
          default = "/run/secrets/rendered/${name}";
        };
        owner = mkOption {
          type = types.nullOr types.str;
          default = "root";
        };
        group = mkOption {
          type = types.nullOr types.str;
          default = groupOf config.owner;
        };
      };
    };

  strings = mkOption {
    type = types.listOf types.path;
    default = [ ];
  };
in
{
  options.sops = {
    secrets = mkOption {
      type = types.attrsOf (types.submodule secret);
      default = { };
    };
    templates = mkOption {
      type = types.attrsOf (types.submodule template);
      default = { };
    };
    placeholder = mkOption {
      type = types.attrsOf types.str;
      default = mapAttrs (name: _: "<SOPS:${builtins.hashString "sha256" name}:PLACEHOLDER>") cfg.secrets;
    };
    defaultSopsFile = mkOption { type = types.path; };
    defaultSopsFormat = mkOption {
      type = types.str;
      default = "yaml";
    };
    age.keyFile = mkOption {
      type = types.nullOr types.str;
      default = null;
    };
    age.sshKeyPaths = strings;
    gnupg.home = mkOption {
      type = types.nullOr types.str;
      default = null;
    };
    gnupg.sshKeyPaths = strings;
  };

  config = mkIf (cfg.secrets != { }) {
    assertions = [
      {
        assertion = cfg.gnupg.sshKeyPaths != [ ] || cfg.age.keyFile != null || cfg.age.sshKeyPaths != [ ];
        message = "No key source configured for sops. Either set services.openssh.enable or set sops.age.keyFile or sops.gnupg.home";
      }
      {
        assertion = !(cfg.gnupg.home != null && cfg.gnupg.sshKeyPaths != [ ]);
        message = "Exactly one of sops.gnupg.home and sops.gnupg.sshKeyPaths must be set";
      }
    ];
    system.activationScripts.setupSecrets = stringAfter [
      "specialfs"
      "users"
      "groups"
    ] "sops-install-secrets ${
      builtins.toFile "manifest.json" (builtins.unsafeDiscardStringContext (builtins.toJSON {
        secrets = map (s: removeAttrs s [ "_module" ]) (attrValues cfg.secrets);
        templates = map (t: removeAttrs t [ "_module" ]) (attrValues cfg.templates);
      }))
    }";
  };
}
