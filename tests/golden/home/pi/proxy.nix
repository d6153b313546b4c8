# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# The reverse proxy: every name, and its upstream
{ lib, options, ... }:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.caddy = {
      enable = true;
      email = "sam@example.org";
      virtualHosts = {
        "*.home.example.org" = {
          extraConfig = lib.mkAfter ''
            header {
              Strict-Transport-Security max-age=15552000
              defer
            }
            request_header -Remote-*
            request_header -Remote_*
            request_header -X-Remote-User
            request_header -X-Remote_User
            request_header -X_Remote-User
            request_header -X_Remote_User
            request_header X-Real-IP {remote_host}
            @ai host ai.home.example.org
            handle @ai {
              request_body {
                max_size 50000000000
              }
              reverse_proxy http://100.100.71.20:11434
            }
            @auth host auth.home.example.org
            handle @auth {
              reverse_proxy http://127.0.0.1:9091
            }
            @draw host draw.home.example.org
            handle @draw {
              forward_auth 127.0.0.1:9091 {
                uri /api/authz/forward-auth
                copy_headers Remote-Email Remote-Groups Remote-Name Remote-User
              }
              reverse_proxy http://100.100.71.10:8088
            }
            @home host home.home.example.org
            handle @home {
              reverse_proxy http://100.100.71.10:8082
            }
            @media host media.home.example.org
            handle @media {
              request_body {
                max_size 50000000
              }
              reverse_proxy http://100.100.71.20:8096
            }
            @music host music.home.example.org
            handle @music {
              @not_exempt expression "!{http.request.orig_uri}.matches(r'^/rest/|^/share/') || {http.request.orig_uri}.matches(r'^[^?]*(//|\.\.|[\\;#]|%(0|1|2[35EeFf]|3[BbFf]|5[Cc]|7[Ff]|[Cc][01]))')"
              forward_auth @not_exempt 127.0.0.1:9091 {
                uri /api/authz/forward-auth
                copy_headers Remote-Email Remote-Groups Remote-Name Remote-User
              }
              reverse_proxy http://100.100.71.10:4533
            }
            @news host news.home.example.org
            handle @news {
              reverse_proxy http://100.100.71.10:8080
            }
            @photos host photos.home.example.org
            handle @photos {
              request_body {
                max_size 50000000000
              }
              reverse_proxy http://100.100.71.10:2283
            }
            @status host status.home.example.org
            handle @status {
              reverse_proxy http://127.0.0.1:8080
            }
            @vault host vault.home.example.org
            handle @vault {
              request_body {
                max_size 525000000
              }
              reverse_proxy http://100.100.71.10:8222
            }
            @vote host vote.home.example.org
            handle @vote {
              forward_auth 127.0.0.1:9091 {
                uri /api/authz/forward-auth
                copy_headers Remote-Email Remote-Groups Remote-Name Remote-User
              }
              reverse_proxy http://127.0.0.1:8007 {
                header_up X-Remote-User {header.Remote-User}
              }
            }
            handle {
              respond "Not found" 404
            }
          '';
          useACMEHost = "home.example.org";
        };
        # Requests for any other name.
        "http://" = {
          extraConfig = ''
            respond "Not found" 404
          '';
        };
        "http://*.home.example.org".extraConfig = lib.mkAfter ''
          redir https://{host}{uri} 308
        '';
        "http://:8180" = {
          extraConfig = lib.mkAfter ''
            request_header -Remote-*
            request_header -Remote_*
            request_header -X-Remote-User
            request_header -X-Remote_User
            request_header -X_Remote-User
            request_header -X_Remote_User
            request_header X-Real-IP {header.Cf-Connecting-Ip}
            @auth host auth-home.example.org
            handle @auth {
              reverse_proxy http://127.0.0.1:9091 {
                header_up X-Forwarded-For {header.Cf-Connecting-Ip}
                header_up X-Forwarded-Proto https
              }
            }
            @music host music-home.example.org
            handle @music {
              @not_exempt expression "!{http.request.orig_uri}.matches(r'^/rest/|^/share/') || {http.request.orig_uri}.matches(r'^[^?]*(//|\.\.|[\\;#]|%(0|1|2[35EeFf]|3[BbFf]|5[Cc]|7[Ff]|[Cc][01]))')"
              forward_auth @not_exempt 127.0.0.1:9091 {
                uri /api/authz/forward-auth
                copy_headers Remote-Email Remote-Groups Remote-Name Remote-User
                header_up X-Forwarded-For {header.Cf-Connecting-Ip}
                header_up X-Forwarded-Proto https
              }
              reverse_proxy http://100.100.71.10:4533 {
                header_up X-Forwarded-For {header.Cf-Connecting-Ip}
                header_up X-Forwarded-Proto https
              }
            }
            handle {
              respond "Not found" 404
            }
          '';
          listenAddresses = [ "127.0.0.1" ];
        };
        "https://" = {
          extraConfig = lib.mkAfter ''
            respond "Not found" 404
          '';
          useACMEHost = "home.example.org";
        };
      };
    };
  };
}
