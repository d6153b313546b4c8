# A stand-in for the flake that the rich stack names: one service, three modules, and a package.
{
  outputs = _: {
    packages.x86_64-linux.tidy = builtins.toFile "tidy" "";
    # Its options are declared beside the rich stack.
    nixosModules.forum = { };
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
