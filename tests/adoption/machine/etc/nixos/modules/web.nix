{
  services.nginx.enable = true;
  services.nginx.virtualHosts."nas.lan".root = "/srv/www";
  services.miniflux.enable = true;
  services.miniflux.adminCredentialsFile = "/var/lib/keys/miniflux";
  networking.firewall.allowedTCPPorts = [ 80 ];
}
