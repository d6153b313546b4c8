{
  description = "Pins, development shell, checks and formatter of this homelab";

  # The hosts are pinned by this flake's lock file, too: `homelab update` updates them.
  inputs = {
    nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";
    home-manager = {
      url = "github:nix-community/home-manager/release-25.11";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    impermanence = {
      url = "github:nix-community/impermanence";
      inputs.home-manager.follows = "";
      inputs.nixpkgs.follows = "nixpkgs";
    };
    nixos-hardware.url = "github:NixOS/nixos-hardware";
    sops-nix = {
      url = "github:Mic92/sops-nix";
      inputs.nixpkgs.follows = "nixpkgs";
    };
  };

  outputs =
    { self, nixpkgs, ... }@inputs:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      # What homelab writes for each stack.
      written =
        directory: pkgs:
        let
          place = ./. + "/${directory}";
          stacks = if builtins.pathExists place then builtins.attrNames (builtins.readDir place) else [ ];
        in
        builtins.foldl' (
          all: stack: all // import (place + "/${stack}") { inherit inputs pkgs; }
        ) { } stacks;
    in
    {
      # `nix develop`, then `uv run homelab check`.
      devShells = each (
        pkgs:
        {
          default = pkgs.mkShell {
            packages = [
              pkgs.age
              pkgs.git
              pkgs.nixfmt
              pkgs.openssh
              pkgs.pulumi-bin
              pkgs.python3
              pkgs.sops
              pkgs.uv
            ];
            # Wheels of Python packages expect these libraries where other distributions have them.
            LD_LIBRARY_PATH = pkgs.lib.makeLibraryPath [
              pkgs.stdenv.cc.cc.lib
              pkgs.zlib
            ];
            # uv's own builds of Python do not run on NixOS.
            UV_PYTHON = "${pkgs.python3}/bin/python3";
            UV_PYTHON_DOWNLOADS = "never";
          };
        }
        # `homelab dev-shells` writes them for the shells of `homelab:dev`.
        // written "dev-shells" pkgs
      );

      # `nix fmt`. nixfmt alone would format nothing: Nix names no files.
      formatter = each (pkgs: pkgs.nixfmt-tree);

      # `nix flake check`: what needs no network. The stack itself: uv run homelab check
      checks = each (
        pkgs:
        {
          # What was copied from a machine stays as it was.
          format = pkgs.runCommand "format" { nativeBuildInputs = [ pkgs.nixfmt ]; } ''
            find ${self} -name '*.nix' -not -path '*/hosts/*/hardware.nix' \
              -not -path '*/hosts/*/nixos/*' -exec nixfmt --check {} + || {
              echo "to format them: nix fmt" >&2
              exit 1
            }
            touch $out
          '';
          secrets = pkgs.runCommand "secrets" { } ''
            for file in ${self}/secrets/*.yaml; do
              [ -e "$file" ] || continue
              grep -q 'mac: ENC\[' "$file" || {
                echo "$file is not encrypted" >&2
                exit 1
              }
            done
            if grep -rE 'AGE-SECRET-KEY-1[0-9A-Z]|BEGIN ([A-Z]+ )*PRIVATE KEY-' ${self}; then
              exit 1
            fi
            touch $out
          '';
        }
        # `homelab vm-tests` writes them for services with `critical: true`.
        // written "vm-tests" pkgs
      );
    };
}
