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
