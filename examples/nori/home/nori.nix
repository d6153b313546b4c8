# Nori's home, the same on every machine.
{ pkgs, ... }:

{
  home.packages = [
    pkgs.jq
    pkgs.ripgrep
  ];
  programs.bash.enable = true;
  programs.git = {
    enable = true;
    settings.user = {
      email = "nori@phibkro.org";
      name = "Nori";
    };
  };
}
