# Further packages of Moritz; the stack has the rest of his home.
{ pkgs, ... }:

{
  home.packages = [
    pkgs.htop
    pkgs.ncdu
  ];
}
