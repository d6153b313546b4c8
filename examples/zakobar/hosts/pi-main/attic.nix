# The binary cache: the container's configuration, and this host as a client.
{ config, ... }:

{
  environment.etc."attic/server.toml".text = ''
    listen = "[::]:8080"
    api-endpoint = "https://attic.zakobar.com/"

    [database]
    url = "sqlite:///var/lib/attic/server.db?mode=rwc"

    [storage]
    type = "local"
    path = "/var/lib/attic/storage"

    [chunking]
    nar-size-threshold = 65536
    min-size = 16384
    avg-size = 65536
    max-size = 262144

    [garbage-collection]
    interval = "12 hours"
  '';

  # Podman resolves the file's symlink only when the container starts.
  systemd.services.podman-attic.restartTriggers = [
    config.environment.etc."attic/server.toml".source
  ];

  sops.secrets.attic-netrc.key = "attic/netrc";
  nix.settings = {
    netrc-file = config.sops.secrets.attic-netrc.path;
    substituters = [ "https://attic.zakobar.com/main" ];
    trusted-public-keys = [ "main:9SZt/6plBU7jjQzz90J7O011I13hmJvOMYouxNqExNQ=" ];
  };
}
