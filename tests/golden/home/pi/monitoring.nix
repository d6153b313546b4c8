# Made by homelab from the stack config; the next `pulumi up` writes it anew.
# Monitoring: what is watched from here, and how a failure is reported.
{
  lib,
  options,
  pkgs,
  ...
}:

let
  derive = import ./lib/derive.nix { inherit lib options; };
in
{
  config = derive {
    services.gatus = {
      enable = true;
      environmentFile = "/run/secrets/rendered/ntfy-topic";
      settings = {
        alerting.ntfy = {
          default-alert = {
            failure-threshold = 3;
            send-on-resolved = true;
            success-threshold = 2;
          };
          # Gatus fills it in from its environment.
          topic = "\${NTFY_TOPIC}";
          url = "https://ntfy.sh";
        };
        endpoints = [
          {
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "AI";
            interval = "60s";
            name = "ai";
            url = "https://ai.home.example.org/api/tags";
          }
          {
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Media";
            interval = "60s";
            name = "media";
            url = "https://media.home.example.org/health";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            conditions = [ "[STATUS] == 200" ];
            group = "Media";
            headers = {
              Host = "music.home.example.org";
              X-Forwarded-Proto = "https";
            };
            interval = "60s";
            name = "music";
            url = "http://100.100.71.10:4533/ping";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Media";
            interval = "60s";
            name = "photos";
            url = "https://photos.home.example.org/api/server/ping";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Monitoring";
            interval = "60s";
            name = "status";
            url = "https://status.home.example.org/health";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Network";
            interval = "60s";
            name = "auth";
            url = "https://auth.home.example.org/api/health";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            conditions = [
              "[DNS_RCODE] == NOERROR"
              "[BODY] == 192.168.1.225"
            ];
            dns = {
              query-name = "status.home.example.org";
              query-type = "A";
            };
            group = "Network";
            interval = "60s";
            name = "resolver";
            url = "192.168.1.225";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Personal";
            interval = "60s";
            name = "news";
            url = "https://news.home.example.org/healthcheck";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Personal";
            interval = "60s";
            name = "vault";
            url = "https://vault.home.example.org/alive";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            conditions = [ "[STATUS] == 200" ];
            group = "Personal";
            headers = {
              Host = "vote.home.example.org";
              X-Forwarded-Proto = "https";
            };
            interval = "60s";
            name = "vote";
            url = "http://127.0.0.1:8007/";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            conditions = [ "[STATUS] == 200" ];
            group = "Tools";
            headers = {
              Host = "draw.home.example.org";
              X-Forwarded-Proto = "https";
            };
            interval = "60s";
            name = "draw";
            url = "http://100.100.71.10:8088/";
          }
          {
            alerts = [
              {
                type = "ntfy";
              }
            ];
            client.dns-resolver = "udp://127.0.0.1:53";
            conditions = [ "[STATUS] == 200" ];
            group = "Tools";
            interval = "60s";
            name = "home";
            url = "https://home.home.example.org/api/healthcheck";
          }
        ];
        web = {
          address = "127.0.0.1";
          port = 8080;
        };
      };
    };

    systemd.services."notify@" = {
      description = "Report that %i failed";
      environment.NTFY_URL = "https://ntfy.sh";
      path = [ pkgs.curl ];
      script = ''
        unit=$1.service
        # What has mended itself by then is no news.
        sleep 120
        systemctl is-failed --quiet "$unit" || exit 0
        # The topic is as good as a password, so it stays out of the process list.
        journalctl --unit "$unit" --lines 8 --no-pager --output cat |
          curl --fail --silent --show-error --retry 5 --output /dev/null \
            --config <(printf 'url = "%s/%s"\n' "$NTFY_URL" "$NTFY_TOPIC") \
            --header "Title: $unit failed on $(uname -n)" \
            --header 'Priority: urgent' \
            --data-binary @-
      '';
      scriptArgs = "%i";
      serviceConfig = {
        DynamicUser = true;
        EnvironmentFile = "/run/secrets/rendered/ntfy-topic";
        SupplementaryGroups = [ "systemd-journal" ];
        Type = "oneshot";
      };
    };
  };
}
