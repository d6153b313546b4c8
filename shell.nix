# A development shell for those without flakes: `nix-shell`, then `make lab` and `make test`.
{
  pkgs ? import <nixpkgs> { },
}:

pkgs.mkShell {
  packages = [
    pkgs.age
    pkgs.bash
    pkgs.git
    pkgs.gnumake
    pkgs.openssh
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
}
