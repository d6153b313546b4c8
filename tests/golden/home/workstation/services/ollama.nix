# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Ollama: Language models on hardware of your own
# https://ai.home.example.org (operator, internal)
{
  lib,
  options,
  pkgs,
  ...
}:

let
  derive = import ../lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.ollama = {
      enable = true;
      acceleration = "cuda";
      host = "0.0.0.0";
      package = pkgs.ollama-cuda;
      port = 11434;
    };
  };
}
