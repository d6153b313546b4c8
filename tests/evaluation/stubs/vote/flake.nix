# A stand-in for the flake that the rich stack names: one service, and three modules.
{
  outputs = _: {
    nixosModules.default =
      { config, lib, ... }:
      {
        options.services.vote.enable = lib.mkEnableOption "vote";
        config.systemd.services = lib.genAttrs [ "vote" "shell" "agent" ] (name: {
          script = "true";
          serviceConfig.DynamicUser = name != "shell";
        });
      };
  };
}
