{
  description = "homelab: one stack config for Cloudflare, Tailscale and every NixOS machine";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs =
    { nixpkgs, ... }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
        "x86_64-darwin"
        "aarch64-darwin"
      ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
      shell = pkgs: import ./shell.nix { inherit pkgs; };
    in
    {
      # `nix develop`, then `make lab` and `make test`.
      devShells = each (pkgs: {
        default = shell pkgs;
      });

      # `nix run . -- check`, from the directory of the stack: the command line of this clone.
      apps = each (pkgs: {
        default = {
          type = "app";
          program = "${
            pkgs.writeShellApplication {
              name = "homelab";
              runtimeInputs = (shell pkgs).nativeBuildInputs;
              text = ''
                export LD_LIBRARY_PATH=${(shell pkgs).LD_LIBRARY_PATH}
                export UV_PYTHON=${(shell pkgs).UV_PYTHON} UV_PYTHON_DOWNLOADS=never
                exec uv run --frozen --no-dev homelab "$@"
              '';
            }
          }/bin/homelab";
        };
      });
    };
}
