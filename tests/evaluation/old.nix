# A flake in place of an old nixpkgs: the same, with what age.nix says of it. `facts` is what
# today's modules make on this host, for those that are not in it.
{
  nixpkgs,
  age,
  facts,
}:

{
  outputs =
    { self, ... }:
    let
      real = (import (nixpkgs + "/flake.nix")).outputs { self = self // { outPath = nixpkgs; }; };
      inherit (real) lib;
      list = import age lib;

      types' = with lib.types; {
        any = unspecified;
        attrs = attrsOf unspecified;
        bool = bool;
        lines = lines;
        list = listOf unspecified;
        str = str;
        submodules = attrsOf (attrsOf unspecified);
      };
      empty = {
        attrs = { };
        submodules = { };
        bool = false;
        lines = "";
        list = [ ];
      };
      path = lib.splitString ".";
      declare =
        name: word:
        lib.setAttrByPath (path name) (
          lib.mkOption (
            { type = types'.${word}; } // lib.optionalAttrs (empty ? ${word}) { default = empty.${word}; }
          )
        );
      absent = lib.mapAttrsToList (name: one: { options = declare name one.type; }) list.absent;
      changed = lib.mapAttrsToList (_: one: one.module) list.changed;
      packages.nixpkgs.overlays = [
        (
          _: _:
          lib.genAttrs (lib.attrNames list.packages) (
            name:
            derivation {
              inherit name;
              builder = "/bin/sh";
              system = "x86_64-linux";
            }
          )
        )
      ];
      unfree.nixpkgs.config = {
        allowUnfree = true;
      };
      services = lib.mapAttrsToList (
        name: one: {
          disabledModules = one.instead or [ ];
          options = lib.optionalAttrs (one.at or name != "") (
            lib.setAttrByPath (path (one.at or "services.${name}")) (
            lib.mkOption {
              type = lib.types.attrsOf lib.types.unspecified;
              apply = said: { enable = false; } // said;
              default = { };
            }
          ));
        }
      ) list.services;

      # Of a service whose module is not here: the units and accounts that today's module makes.
      made = {
        systemd.services = lib.mapAttrs (_: settings: {
          serviceConfig = {
            ExecStart = "stand-in";
          } // settings;
        }) facts.units;
        users.users = lib.genAttrs facts.users (user: {
          isSystemUser = true;
          group = user;
        });
        users.groups = lib.genAttrs facts.users (_: { });
      };
      old =
        absent
        ++ services
        ++ changed
        ++ [
          made
          packages
          unfree
        ];
    in
    real
    // {
      lib = lib // rec {
        nixosSystem =
          args:
          # `extendModules` came with 21.11: the same system, with more modules and arguments.
          {
            extendModules =
              more:
              nixosSystem (
                args
                // {
                  modules = args.modules ++ more.modules or [ ];
                  specialArgs = args.specialArgs or { } // more.specialArgs or { };
                }
              );
          }
          // real.lib.nixosSystem (
            args
            // {
              modules = args.modules ++ old;
            }
          );
      };
      inherit old;
    };
}
