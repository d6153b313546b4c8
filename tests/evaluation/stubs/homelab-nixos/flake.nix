# A stand-in for github:javiersc/homelab-nixos: the options that stacks set, and the unit it makes.
{
  outputs = _: {
    nixosModules.default =
      { config, lib, ... }:
      with lib;
      let
        cfg = config.homelab.mcp.homelab-ssh;
      in
      {
        options.homelab.mcp.homelab-ssh = {
          enable = mkEnableOption "the agent's door";
          port = mkOption { type = types.port; };
        };
        config.systemd.services.homelab-ssh-mcp = mkIf cfg.enable {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            DynamicUser = true;
            ExecStart = "homelab-ssh-mcp --port ${toString cfg.port}";
          };
        };
      };
  };
}
