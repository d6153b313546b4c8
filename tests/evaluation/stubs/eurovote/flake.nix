# A stand-in for github:anerisgreat/eurovote: the options that stacks set, and the unit it makes.
{
  outputs = _: {
    nixosModules.default =
      { config, lib, ... }:
      with lib;
      let
        text = mkOption { type = types.str; };
        cfg = config.services.eurovote;
      in
      {
        options.services.eurovote = {
          enable = mkEnableOption "eurovote";
          port = mkOption {
            type = types.port;
            default = 8000;
          };
          secretKeyFile = mkOption { type = types.path; };
          allowedHosts = text;
          trustedOrigins = text;
        };
        config.systemd.services.eurovote = mkIf cfg.enable {
          wantedBy = [ "multi-user.target" ];
          serviceConfig = {
            DynamicUser = true;
            ExecStart = "eurovote --port ${toString cfg.port} --key ${cfg.secretKeyFile}";
          };
          environment = {
            ALLOWED_HOSTS = cfg.allowedHosts;
            CSRF_TRUSTED_ORIGINS = cfg.trustedOrigins;
          };
        };
      };
  };
}
