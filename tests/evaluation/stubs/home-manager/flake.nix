# A stand-in for github:nix-community/home-manager: homes are read as modules, and no more.
{
  outputs = _: {
    nixosModules.home-manager =
      { lib, pkgs, ... }:
      with lib;
      {
        options.home-manager = {
          backupFileExtension = mkOption {
            type = types.nullOr types.str;
            default = null;
          };
          backupCommand = mkOption {
            type = types.nullOr (types.either types.str types.path);
            default = null;
          };
          useGlobalPkgs = mkEnableOption "the system's packages";
          useUserPackages = mkEnableOption "packages by the user's profile";
          extraSpecialArgs = mkOption {
            type = types.attrsOf types.unspecified;
            default = { };
          };
          users = mkOption {
            type = types.attrsOf (
              types.submodule (
                { ... }:
                {
                  _module.args.pkgs = pkgs;
                  options = {
                    home.stateVersion = mkOption { type = types.str; };
                    home.packages = mkOption {
                      type = types.listOf types.package;
                      default = [ ];
                    };
                    programs = mkOption {
                      type = types.attrsOf types.unspecified;
                      default = { };
                    };
                    services = mkOption {
                      type = types.attrsOf types.unspecified;
                      default = { };
                    };
                  };
                }
              )
            );
            default = { };
          };
        };
      };
    lib.homeManagerConfiguration =
      { modules, pkgs, ... }:
      let
        inherit (pkgs) lib;
      in
      {
        activationPackage = builtins.derivation {
          name = "home-manager-generation";
          builder = "/bin/sh";
          system = pkgs.stdenv.hostPlatform.system;
          home = builtins.toJSON (
            (lib.evalModules {
              modules = modules ++ [
                {
                  config._module.check = false;
                  config._module.args.pkgs = pkgs;
                  options.home.stateVersion = lib.mkOption { type = lib.types.str; };
                  options.home.homeDirectory = lib.mkOption { type = lib.types.path; };
                  options.home.username = lib.mkOption { type = lib.types.str; };
                }
              ];
            }).config.home
          );
        };
      };
  };
}
