# The script that erases, partitions, formats and mounts, as the command line of disko makes it:
# `cli.nix` of its package has these arguments since disko 1.10.
{ pkgs }:

import "${pkgs.disko}/share/disko/cli.nix" {
  inherit pkgs;
  mode = "destroy,format,mount";
  diskoFile = ./disks-to-erase.nix;
}
