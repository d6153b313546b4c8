# What only the age of a nixpkgs explains, each with its reason: NixOS 20.09 beside the 25.11 that
# stacks are made for. A nixpkgs that is not older than 25.11 gets nothing of this.
lib:

with lib;
let
  later = type: why: { inherit type why; };
in
{
  # The release that the list is for: with it, `test_age` finds the entries that have no use.
  release = "20.09";

  # Options that came later. They are declared, so that any other unknown option is still refused.
  absent = {
    "boot.initrd.postResumeCommands" = later "lines" "came with 24.05";
    "boot.initrd.systemd" = later "attrs" "an initrd with systemd came with 22.05";
    "hardware.graphics" = later "attrs" "hardware.opengl until 24.11";
    "hardware.nvidia.open" = later "bool" "open kernel modules came with 22.11";
    "networking.firewall.extraInputRules" = later "lines" "a firewall of nftables came with 23.05";
    "networking.firewall.extraReversePathFilterRules" = later "lines" "came with 23.05";
    "networking.nftables.tables" = later "submodules" "tables of their own came with 23.11";
    "nix.settings" = later "attrs" "nix.conf by settings came with 22.05";
    "services.openssh.settings" = later "attrs" "sshd_config by settings came with 23.05";
    "services.tailscale.authKeyFile" = later "str" "came with 23.05";
    "services.tailscale.extraSetFlags" = later "list" "came with 24.11";
    "services.tailscale.extraUpFlags" = later "list" "came with 23.05";
    "services.tailscale.useRoutingFeatures" = later "str" "came with 22.11";
    "security.acme.defaults" = later "attrs" "came with 21.11";
    "services.avahi.allowInterfaces" = later "list" "services.avahi.interfaces until 23.05";
    "services.avahi.nssmdns4" = later "bool" "services.avahi.nssmdns until 23.11";
    "services.lidarr.settings" = later "attrs" "settings as variables came with 24.11";
    "services.radicale.settings" = later "attrs" "settings came with 21.05; config as text before";
    "services.radarr.settings" = later "attrs" "settings as variables came with 24.11";
    "security.sudo-rs" = later "attrs" "came with 23.11";
    "services.btrbk" = later "attrs" "came with 21.05";
    "services.nfs.settings" = later "attrs" "nfs.conf by settings came with 24.05";
    "services.samba.nmbd" = later "attrs" "enableNmbd until 24.11";
    "services.samba.settings" = later "attrs" "shares and extraConfig until 24.11";
    "services.samba.winbindd" = later "attrs" "enableWinbindd until 24.11";
    "services.sonarr.settings" = later "attrs" "settings as variables came with 24.11";
    "services.transmission.package" = later "any" "came with 23.11";
    "services.home-assistant.extraComponents" = later "list" "came with 22.05";
    "networking.wireless.secretsFile" = later "str" "environmentFile until 24.11";
    "services.desktopManager" = later "attrs" "below services.xserver until 24.05";
    "services.displayManager" = later "attrs" "below services.xserver until 24.05";
    "services.influxdb2" = later "attrs" "came with 22.11";
    "services.jackett.port" = later "any" "came with 24.11";
    "services.logind.settings" = later "attrs" "came with 25.11; an option for each setting before";
    "services.nextcloud.appstoreEnable" = later "bool" "came with 22.05";
    "services.nextcloud.extraApps" = later "attrs" "came with 22.11";
    "services.netdata.enableAnalyticsReporting" = later "bool" "came with 21.11";
    "services.nextcloud.configureRedis" = later "bool" "came with 23.05";
    "services.nextcloud.database" = later "attrs" "databases of its own came with 23.05";
    "services.nextcloud.datadir" = later "str" "came with 23.05";
    "services.nextcloud.settings" = later "attrs" "came with 24.05";
    "services.openldap.settings" = later "any" "cn=config by settings came with 21.05";
    "services.prometheus.port" = later "any" "listenAddress with its port until 21.05";
    "services.redis.servers" = later "attrs" "several servers came with 22.05";
    "services.restic.server.htpasswd-file" =
      later "str" "came with the socket of its unit, after 20.09";
    "services.syncthing.settings" = later "attrs" "came with 23.11; declarative before";
    "services.xserver.xkb" = later "attrs" "services.xserver.layout until 23.11";
    "services.zigbee2mqtt.settings" = later "attrs" "services.zigbee2mqtt.config until 21.05";
    "services.syncthing.overrideDevices" = later "bool" "came with 21.05";
    "services.syncthing.overrideFolders" = later "bool" "came with 21.05";
    "services.static-web-server" = later "attrs" "came with 23.11";
    "hardware.nvidia-container-toolkit" = later "attrs" "came with 24.05";
    "virtualisation.podman.autoPrune" = later "attrs" "came with 22.11";
    "systemd.settings" = later "attrs" "came with 25.11";
    "systemd.tmpfiles.settings" = later "submodules" "tmpfiles by settings came with 24.05";
    "nixpkgs.hostPlatform" = later "str" "came with 22.11; nixpkgs.localSystem before";
  };

  # Services whose modules came later, or are others today. Their options are taken as they are;
  # what their units and accounts are today is known from the catalog's facts of nixpkgs.
  services = {
    adguardhome.why = "came with 21.05";
    atticd.why = "came with 24.11";
    authelia.why = "came with 23.05";
    blocky.why = "came with 21.05";
    caddy = {
      instead = [ "services/web-servers/caddy.nix" ];
      why = "virtual hosts by options since 21.05; a whole Caddyfile before";
    };
    beszel.why = "came with 25.05";
    calibre-web.why = "came with 21.11";
    cloudflared.why = "came with 22.11";
    cockpit.why = "came with 23.05";
    fail2ban = {
      instead = [ "services/security/fail2ban.nix" ];
      why = "jails of settings since 23.11; of lines before";
    };
    flaresolverr.why = "came with 24.11";
    gatus.why = "came with 24.05";
    glance.why = "came with 24.11";
    grafana = {
      instead = [ "services/monitoring/grafana.nix" ];
      why = "settings and provisioning by files since 22.11";
    };
    homepage = {
      at = "services.homepage-dashboard";
      why = "came with 23.05";
    };
    immich.why = "came with 24.11";
    litellm.why = "came with 25.05";
    matter-server.why = "came with 24.05";
    miniflux = {
      instead = [ "services/web-apps/miniflux.nix" ];
      why = "its settings are text alone until 23.11";
    };
    komga.why = "came with 21.11";
    monica.why = "came with 22.11";
    mosquitto = {
      instead = [ "services/networking/mosquitto.nix" ];
      why = "listeners took the place of users and ports with 22.05";
    };
    n8n.why = "came with 21.05";
    navidrome.why = "came with 21.11";
    ntfy = {
      at = "services.ntfy-sh";
      why = "came with 22.11";
    };
    nginx = {
      instead = [
        "services/web-servers/nginx/default.nix"
        "services/web-servers/nginx/gitweb.nix"
        "services/security/nginx-sso.nix"
      ];
      why = "numbers in return, and much of what virtual hosts say today, came with 21.11";
    };
    systemd-exporter = {
      # Declared below, in the submodule that exporters are.
      at = "";
      why = "came with 21.11";
    };
    oauth2-proxy.why = "services.oauth2_proxy until 24.05";
    openthread-border-router.why = "came with 26.05";
    pocket-id.why = "came with 25.05";
    scrutiny.why = "came with 24.05";
    jellyseerr.why = "came with 23.11";
    umami.why = "came with 25.11";
    uptime-kuma.why = "came with 22.11";
    ollama.why = "came with 24.05";
    prowlarr.why = "came with 21.05";
    qbittorrent.why = "came with 25.05";
    victorialogs.why = "came with 25.05";
    vaultwarden.why = "bitwarden_rs until 21.11";
    wyoming-faster-whisper = {
      at = "services.wyoming.faster-whisper";
      why = "came with 23.05";
    };
    wyoming-piper = {
      at = "services.wyoming.piper";
      why = "came with 23.05";
    };
  };

  # Packages that came later; each is a stand-in of no content.
  packages = {
    backrest.why = "came with 24.11";
    _1password-cli.why = "_1password until 25.05";
    bun.why = "came with 22.11";
    homepage-dashboard.why = "came with 23.05";
    iproute2.why = "iproute until 21.05";
    it-tools.why = "came with 23.05";
    ollama-cuda.why = "came with 24.05";
    pandoc = {
      why = "made of hackage-packages.nix, which a snapshot may leave out for its size";
      # It has a name there, and no more.
      named = true;
    };
    wakeonlan.why = "came with 21.05";
    util-linux.why = "utillinux until 21.05";
  };

  # Options that mean something else today.
  changed = {
    platform = {
      why = "nixpkgs.hostPlatform decides since 22.11";
      applies = { options, ... }: !(options.nixpkgs ? hostPlatform);
      module =
        { config, ... }:
        {
          nixpkgs.localSystem.system = config.nixpkgs.hostPlatform;
        };
    };
    luks-tpm = {
      why = "options of crypttab came with the initrd of systemd, 22.05";
      module.options.boot.initrd.luks.devices = mkOption {
        type = types.loaOf (
          types.submodule {
            options.crypttabExtraOpts = mkOption {
              type = types.listOf types.str;
              default = [ ];
            };
          }
        );
      };
    };
    exporters = {
      why = "exporters are one option, and systemd's came with 21.11";
      module.options.services.prometheus.exporters = mkOption {
        type = types.submodule {
          options.systemd = mkOption {
            type = types.attrsOf types.unspecified;
            default = { };
          };
        };
      };
    };
    mkdocs = {
      why = "python3Packages.mkdocs came with 21.05";
      module.nixpkgs.overlays = [
        (_: before: {
          python3Packages = before.python3Packages // {
            mkdocs = before.hello;
          };
        })
      ];
    };
    nftables = {
      why = "the firewall excludes a ruleset of nftables until 23.05";
      module.networking.nftables.enable = mkForce false;
    };
    acme-credentials = {
      why = "credentials are asked of every certificate by DNS-01, whatever its environment file";
      module.options.security.acme.certs = mkOption {
        type = types.attrsOf (
          types.submodule {
            options.environmentFile = mkOption {
              type = types.nullOr types.str;
              default = null;
            };
            config.credentialsFile = mkDefault "/environment-file";
          }
        );
      };
    };
    postgresql = {
      why = "its package follows the state's version, and 20.09 knows none of today's";
      module =
        { pkgs, ... }:
        {
          services.postgresql.package = mkOverride 950 pkgs.postgresql_12;
        };
    };
    mysql = {
      why = "its package has no default until 21.11";
      module =
        { pkgs, ... }:
        {
          services.mysql.package = mkDefault pkgs.mariadb;
        };
    };
    homepage-package = {
      why = "its module, which came with 23.05, gives the package whose directory icons are served in";
      module =
        { pkgs, ... }:
        {
          services.homepage-dashboard.package = mkDefault pkgs.homepage-dashboard;
        };
    };
    nix-daemon-mounts = {
      why = "text and lists of one setting of a unit join since 23.05";
      module.systemd.services.nix-daemon.unitConfig.RequiresMountsFor = mkForce "/nix/store";
    };
    samba-mounts = {
      why = "text and lists of one setting of a unit join since 23.05";
      module =
        { config, ... }:
        {
          systemd.services = mkIf config.services.samba.enable {
            samba-smbd.unitConfig.RequiresMountsFor = mkForce "/var/lib/samba";
          };
        };
    };
    openldap = {
      why = "its old options stand beside the settings and ask for values until 21.05";
      module.services.openldap = {
        suffix = mkDefault "dc=old";
        rootdn = mkDefault "cn=old";
        rootpw = mkDefault "old";
      };
    };
    acme-email = {
      why = "the account's address is said once since 21.11, as security.acme.defaults";
      module.security.acme.email = mkDefault "stand-in@example.org";
    };
  };
}
