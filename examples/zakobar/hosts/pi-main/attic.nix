# This host as a client of the binary cache.
{ config, ... }:

{
  sops.secrets.attic-netrc.key = "attic/netrc";
  nix.settings = {
    netrc-file = config.sops.secrets.attic-netrc.path;
    substituters = [ "https://attic.zakobar.com/main" ];
    trusted-public-keys = [ "main:9SZt/6plBU7jjQzz90J7O011I13hmJvOMYouxNqExNQ=" ];
  };
}
