# Moritz's home.
{ pkgs, ... }:

{
  home.packages = [
    pkgs.htop
    pkgs.micro
    pkgs.ncdu
  ];
  programs.bash.enable = true;
}
