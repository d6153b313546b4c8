# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# The resolver of the LAN and the tailnet
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    # This host must resolve names while its own resolver is down.
    networking.nameservers = [
      "1.1.1.1"
      "9.9.9.9"
    ];

    services.blocky = {
      enable = true;
      settings = {
        blocking = {
          clientGroupsBlock.default = [ "ads" ];
          denylists.ads = [ "https://raw.githubusercontent.com/StevenBlack/hosts/master/hosts" ];
          loading = {
            refreshPeriod = "24h";
            strategy = "fast";
          };
        };
        bootstrapDns = [
          {
            upstream = "tcp+udp:1.1.1.1";
          }
          {
            upstream = "tcp+udp:9.9.9.9";
          }
        ];
        caching.prefetching = true;
        customDNS = {
          customTTL = "1h";
          # These names have only an A record. For any other type an upstream would answer
          # NXDOMAIN, which some programs apply to the whole name. All other names go
          # upstream, including SOA and TXT of the zone, so DNS-01 works.
          filterUnmappedTypes = true;
          mapping = {
            "ai.home.example.org" = "192.168.1.225";
            "auth.home.example.org" = "192.168.1.225";
            "draw.home.example.org" = "192.168.1.225";
            "home.home.example.org" = "192.168.1.225";
            "media.home.example.org" = "192.168.1.225";
            "music.home.example.org" = "192.168.1.225";
            "news.home.example.org" = "192.168.1.225";
            "photos.home.example.org" = "192.168.1.225";
            "status.home.example.org" = "192.168.1.225";
            "vault.home.example.org" = "192.168.1.225";
            "vote.home.example.org" = "192.168.1.225";
          };
        };
        ports.dns = 53;
        queryLog.type = "none";
        upstreams = {
          groups.default = [
            "https://one.one.one.one/dns-query"
            "https://dns.quad9.net/dns-query"
          ];
          init.strategy = "fast";
          strategy = "parallel_best";
        };
      };
    };

    services.resolved.enable = false;
  };
}
