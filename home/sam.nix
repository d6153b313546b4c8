# What Sam's home has besides `homelab:homes`, the same on every machine.
{ pkgs, ... }:

{
  home.packages = [
    pkgs.jq
    pkgs.ripgrep
  ];
  programs.direnv.enable = true;
}
