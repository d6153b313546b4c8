"""Careless options, as people write them: what each opens, and the expected message."""

from __future__ import annotations

from typing import Any

DIGEST = "docker.io/a/b:1@sha256:" + "0" * 64
_C = "virtualisation.oci-containers.containers"


def container(**said: Any) -> dict[str, Any]:
    return {f"{_C}.x": {"image": DIGEST, **said}}


def image(name: str, **variables: str) -> dict[str, Any]:
    """A container with this image, by its name without tag and digest."""
    said = {"image": DIGEST.replace("docker.io/a/b", name), "environment": variables}
    return {f"{_C}.x": said}


def variable(unit: str, name: str, value: str) -> dict[str, Any]:
    return {f"systemd.services.{unit}.environment.{name}": value}


def trusting(*networks: str) -> list[dict[str, Any]]:
    """The sign-in of Home Assistant for devices of these networks, besides its own."""
    return [
        {"type": "homeassistant"},
        {
            "type": "trusted_networks",
            "trusted_networks": list(networks),
            "allow_bypass_login": True,
        },
    ]


_HASS = "services.home-assistant.config.homeassistant"
_AUTHELIA = "services.authelia.instances.main"
_FILE = "authentication_backend.file.path"

OPTIONS: dict[str, dict[str, Any]] = {
    "open-firewall-ban": {
        "a module's firewall": {"services.jellyfin.openFirewall": True},
        "nested": {"services.jellyfin": {"openFirewall": True}},
        "quoted": {'services.jellyfin."openFirewall"': True},
        "quoted all over": {'"services"."jellyfin"."openFirewall"': True},
        "another module": {"services.samba": {"openFirewall": True}},
        "ports by another name": {"services.syncthing.openDefaultPorts": True},
        "peer ports": {"services.transmission.openPeerPorts": True},
        "tcp": {"networking.firewall.allowedTCPPorts": [1234]},
        "tcp, nested": {"networking": {"firewall": {"allowedTCPPorts": [22, 1234]}}},
        "udp, half nested": {"networking.firewall": {"allowedUDPPorts": [53]}},
        "a range": {"networking.firewall.allowedTCPPortRanges": [{"from": 1, "to": 65535}]},
        "on the tailnet": {"networking.firewall.interfaces.tailscale0.allowedTCPPorts": [9999]},
        "on an interface": {'networking.firewall.interfaces."eth0".allowedTCPPorts': [80]},
        "a trusted interface": {"networking.firewall.trustedInterfaces": ["tailscale0"]},
        "no firewall": {"networking.firewall.enable": False},
        "no firewall, nested": {"networking": {"firewall": {"enable": False}}},
        "no table of the firewall": {"networking.nftables.tables.nixos-fw.enable": False},
        "the firewall for IPv4 alone": {"networking.nftables.tables.nixos-fw.family": "ip"},
        "no unit of the firewall": {"systemd.services.nftables.enable": False},
        "no nftables": {"networking.nftables.enable": False},
        "commands": {"networking.firewall.extraCommands": "iptables -A INPUT -j ACCEPT"},
        "input rules": {"networking.firewall.extraInputRules": "accept"},
        "forward rules": {"networking.firewall.extraForwardRules": "accept"},
        "a whole ruleset": {"networking.nftables.ruleset": "table inet x { }"},
        "mosh opens a thousand": {"programs.mosh.enable": True},
        "kdeconnect": {"programs.kdeconnect.enable": True},
        "iptables in a unit": {
            "systemd.services.x.serviceConfig.ExecStart": "iptables -A INPUT -j ACCEPT"
        },
    },
    "option-opens": {
        "container on 0.0.0.0": container(ports=["0.0.0.0:9999:80"]),
        "container on every address": container(ports=["9999:80"]),
        "container on [::]": container(ports=["[::]:9999:80"]),
        "container on a random port": container(ports=["80"]),
        "container by udp": container(ports=["5353:5353/udp"]),
        "container at the LAN address": container(ports=["192.168.1.3:9999:80"]),
        "publish as a flag": container(extraOptions=["--publish=9999:80"]),
        "publish in two words": container(extraOptions=["-p", "0.0.0.0:9999:80"]),
        "publish in one word": container(extraOptions=["-p 9999:80"]),
        "publish glued": container(extraOptions=["-p9999:80"]),
        "publish all": container(extraOptions=["-P"]),
        "host network": container(extraOptions=["--network=host"]),
        "host network, old word": container(extraOptions=["--net", "host"]),
        "host network, as an option": container(networks=["host"]),
        "privileged": container(extraOptions=["--privileged"]),
        "privileged, as an option": container(privileged=True),
        "every capability": container(extraOptions=["--cap-add=ALL"]),
        "unconfined": container(extraOptions=["--security-opt=seccomp=unconfined"]),
        "host pid": container(extraOptions=["--pid=host"]),
        "the socket": container(volumes=["/var/run/docker.sock:/var/run/docker.sock"]),
        "the whole disk": container(volumes=["/:/host:ro"]),
        "the secrets": container(volumes=["/run/secrets:/s"]),
        "a disk": container(extraOptions=["--device=/dev/sda"]),
        "a disk by its name": container(extraOptions=["--device", "/dev/disk/by-id/x:/dev/x:rw"]),
        "memory": container(extraOptions=["--device=/dev/mem"]),
        "a disk as an option": container(devices=["/dev/nvme0n1:/dev/nvme0n1"]),
        "devices by number": container(extraOptions=["--device-cgroup-rule=b *:* rwm"]),
        "host network by path": container(extraOptions=["--network=ns:/proc/1/ns/net"]),
        "publish among short flags": container(extraOptions=["-tp9999:80"]),
        "publish among short flags, apart": container(extraOptions=["-itp", "9999:80"]),
        "publish all among short flags": container(extraOptions=["-tP"]),
        "the whole disk among short flags": container(extraOptions=["-tv/:/host"]),
        "privileged before run": container(preRunExtraOptions=["--privileged"]),
        "latest": {f"{_C}.x.image": "nginx:latest"},
        "alerts with a topic in the address": {
            "services.gatus.settings.alerting.ntfy.url": "https://ntfy.sh/mine"
        },
        "no tag": {f"{_C}.x.image": "nginx"},
        "docker": {"virtualisation.docker.enable": True},
        "docker's api": {"virtualisation.docker.listenOptions": ["0.0.0.0:2375"]},
        "libvirt": {"virtualisation.libvirtd.enable": True},
        "a caddy host": {'services.caddy.virtualHosts."x.example.org".extraConfig': "respond hi"},
        "a caddy host, nested": {"services.caddy": {"virtualHosts": {"x.y": {"extraConfig": "a"}}}},
        "caddy's file": {"services.caddy.extraConfig": "x.y { respond hi }"},
        "an nginx host": {"services.nginx.virtualHosts": {"x.y": {"locations": {"/": {}}}}},
        "an nginx stream": {"services.nginx.streamConfig": "server { listen 5432; }"},
        "a traefik router": {
            "services.traefik.dynamicConfigOptions.http.routers.x": {"rule": "Host(`x`)"}
        },
        "a traefik door": {"services.traefik.staticConfigOptions.entryPoints.x.address": ":81"},
        "tunnel ingress": {
            'services.cloudflared.tunnels.x.ingress."a.example.org"': "http://127.0.0.1:1"
        },
        "tunnel default": {"services.cloudflared.tunnels.x.default": "http://127.0.0.1:80"},
        "an exit node": {"services.tailscale.extraUpFlags": ["--advertise-exit-node"]},
        "tailscale ssh": {"services.tailscale.extraSetFlags": ["--ssh"]},
        "funnel in a unit": {"systemd.services.f.script": "tailscale funnel 8080"},
        "an onion": {"services.tor.relay.onionServices.x.map": [80]},
        "another network": {"services.netbird.enable": True},
        "upnp": {"services.miniupnpd.enable": True},
        "port forwarding": {
            "networking.nat.forwardPorts": [{"sourcePort": 80, "destination": "10.0.0.2:80"}]
        },
        "a table of its own": {"networking.nftables.tables.x.content": "chain a { }"},
        "root by password": {"services.openssh.settings.PermitRootLogin": "yes"},
        "passwords": {"services.openssh.settings.PasswordAuthentication": True},
        "passwords, nested": {"services.openssh": {"settings": {"PasswordAuthentication": True}}},
        "passwords, old name": {"services.openssh.passwordAuthentication": True},
        "keyboard-interactive": {
            "services.openssh.settings": {"KbdInteractiveAuthentication": True}
        },
        "passwords in text": {"services.openssh.extraConfig": "  PasswordAuthentication yes"},
        "no ssh": {"services.openssh.enable": False},
        "another ssh port": {"services.openssh.ports": [2222]},
        "ssh elsewhere": {"services.openssh.listenAddresses": [{"addr": "0.0.0.0"}]},
        "only some users": {"services.openssh.settings.AllowUsers": ["kim"]},
        "gateway ports": {"services.openssh.settings.GatewayPorts": "clientspecified"},
        "a password": {"users.users.kim.password": "hunter2"},
        "a first password": {"users.users.kim": {"initialPassword": "changeme"}},
        "a hash": {"users.users.kim.hashedPassword": "$6$rounds=1$abc$def"},
        "no password": {"users.users.kim.hashedPassword": ""},
        "sudo for all": {"security.sudo.wheelNeedsPassword": False},
        "sudo for kim": {
            "security.sudo.extraRules": [
                {"users": ["kim"], "commands": [{"command": "ALL", "options": ["NOPASSWD"]}]}
            ]
        },
        "sudo in text": {"security.sudo.extraConfig": "kim ALL=(ALL) NOPASSWD: ALL"},
        "doas": {"security.doas.extraRules": [{"users": ["kim"], "noPass": True}]},
        "kim in docker": {"users.users.kim.extraGroups": ["docker"]},
        "kim in wheel": {"users.groups.wheel.members": ["kim"]},
        "wheel as the first group": {"users.users.kim.group": "wheel"},
        "another root": {"users.users.kim.uid": 0},
        "kim by an old name": {"users.extraGroups.wheel.members": ["kim"]},
        "a root key by an old name": {
            "users.extraUsers.root.openssh.authorizedKeys.keys": ["ssh-ed25519 AAAAother kim"]
        },
        "sudo with a password": {
            "security.sudo.extraRules": [{"users": ["kim"], "commands": ["ALL"]}]
        },
        "doas with a password": {"security.doas.extraRules": [{"groups": ["kids"]}]},
        "keys written at a start": {
            "systemd.tmpfiles.rules": [
                "f /root/.ssh/authorized_keys 0600 root root - ssh-ed25519 A"
            ]
        },
        "keys written as settings": {
            'systemd.tmpfiles.settings.x."/root/.ssh/authorized_keys".f.argument': "ssh-ed25519 A"
        },
        "everybody trusted": {"nix.settings.trusted-users": ["*"]},
        "no sandbox": {"nix.settings.sandbox": False},
        "a strange root key": {
            "users.users.root.openssh.authorizedKeys.keys": ["ssh-ed25519 AAAAother kim"]
        },
        "a strange key of the owner": {
            "users.users.sam.openssh.authorizedKeys.keys": ["ssh-ed25519 AAAAother kim"]
        },
        "a strange key before the start": {
            "boot.initrd.network.ssh.authorizedKeys": ["ssh-ed25519 AAAAother kim"]
        },
        "keys from a command": {"services.openssh.authorizedKeysCommand": "/tmp/x"},
        "keys from a directory": {"services.openssh.authorizedKeysFiles": ["/tmp/keys"]},
        "keys from a setting": {"services.openssh.settings.AuthorizedKeysFile": "/tmp/keys"},
        "keys from a command's setting": {
            "services.openssh": {"settings": {"AuthorizedKeysCommand": "/tmp/x"}}
        },
        "keys that somebody signs": {"services.openssh.settings.TrustedUserCAKeys": "/k"},
        "principals from a command": {
            "services.openssh.settings.AuthorizedPrincipalsCommand": "/tmp/x"
        },
        "keys in text": {"services.openssh.extraConfig": "AuthorizedKeysFile /tmp/keys"},
        "keys in a file of their own": {
            'environment.etc."ssh/authorized_keys.d/root".text': "ssh-ed25519 AAAAother kim"
        },
        "another sshd's file": {'environment.etc."ssh/sshd_config".source': "/k"},
        "sudo by an agent's key": {"security.pam.sshAgentAuth.enable": True},
        "root at the console": {"services.getty.autologinUser": "root"},
        "listens everywhere": {"services.navidrome.settings.Address": "0.0.0.0"},
        "listens everywhere, v6": {"services.navidrome.settings": {"Address": "[::]"}},
        "every proxy trusted": {
            "services.home-assistant.config.http.trusted_proxies": ["0.0.0.0/0"]
        },
        "guests": {"services.samba.settings.public": {"path": "/srv", "guest ok": "yes"}},
        "an export": {"services.nfs.server.exports": "/srv *(rw,no_root_squash)"},
        "postgresql trusts": {"services.postgresql.authentication": "host all all all trust"},
        "any web page": {"services.transmission.settings.rpc-host-whitelist-enabled": False},
        "no modules": {"disabledModules": ["services/networking/firewall.nix"]},
        "doas for wheel": {"security.doas.wheelNeedsPassword": False},
        "empty passwords": {"security.pam.services.sshd.allowNullPassword": True},
        "no check of passwords": {"users.allowNoPasswordLogin": True},
        "code without a password": {"services.code-server.auth": "none"},
        "grafana for anybody": {'services.grafana.settings."auth.anonymous".enabled': True},
        "grafana believes all": {'services.grafana.settings."auth.proxy"': {"whitelist": ""}},
        "a database on the network": {"services.postgresql.enableTCPIP": True},
        "another host key": {"services.openssh.hostKeys": [{"path": "/k", "type": "rsa"}]},
        "two ways at once": {
            "services.openssh.settings.AuthenticationMethods": "publickey,password"
        },
        "ssh by socket": {"services.openssh.startWhenNeeded": True},
        "served by tailscale": {"services.tailscale.serve.services.x.endpoints": {"tcp:443": "a"}},
        "keys from a file": {"users.users.root.openssh.authorizedKeys.keyFiles": ["/k"]},
        "podman as docker": {"virtualisation.podman.dockerSocket.enable": True},
        "podman on the network": {"virtualisation.podman.networkSocket.enable": True},
        "no path filter": {"networking.firewall.checkReversePath": False},
        "a house without a password": {f"{_HASS}.auth_providers": trusting("192.168.1.0/24")},
        "a world without a password": {f"{_HASS}.auth_providers": trusting("0.0.0.0/0")},
        "an admin page without a token": {"services.vaultwarden.config.DISABLE_ADMIN_TOKEN": True},
        "the same in camel case": {"services.vaultwarden.config.disableAdminToken": True},
        "the same as a variable": variable("vaultwarden", "DISABLE_ADMIN_TOKEN", "true"),
        "the same as a variable of a unit's section": {
            "systemd.services.vaultwarden.serviceConfig.Environment": ["DISABLE_ADMIN_TOKEN=true"]
        },
        "sign-ups": {"services.vaultwarden.config.SIGNUPS_ALLOWED": True},
        "sign-ups as a variable": variable("vaultwarden", "SIGNUPS_ALLOWED", "true"),
        "sign-ups of forgejo": {"services.forgejo.settings.service.DISABLE_REGISTRATION": False},
        "sign-ups of forgejo, a variable": variable(
            "forgejo", "FORGEJO__service__DISABLE_REGISTRATION", "false"
        ),
        "sign-ups of vikunja": {"services.vikunja.settings.service.enableregistration": True},
        "sign-ups of vikunja, a variable": variable(
            "vikunja", "VIKUNJA_SERVICE_ENABLEREGISTRATION", "true"
        ),
        "sign-ups in text": {"services.mealie.settings.ALLOW_SIGNUP": "true"},
        "navidrome believes all": {
            "services.navidrome.settings.ExtAuth.TrustedSources": "0.0.0.0/0"
        },
        "navidrome believes all, a variable": variable(
            "navidrome", "ND_EXTAUTH_TRUSTEDSOURCES", "127.0.0.1/32,0.0.0.0/0"
        ),
        "navidrome believes all, an old variable": variable(
            "navidrome", "ND_REVERSEPROXYWHITELIST", "0.0.0.0/0"
        ),
        "half of the world believed": {
            "services.miniflux.config.TRUSTED_REVERSE_PROXY_NETWORKS": "0.0.0.0/1 128.0.0.0/1"
        },
        "miniflux believes a header": {"services.miniflux.config.AUTH_PROXY_HEADER": "X-User"},
        "the same of its unit": variable("miniflux", "AUTH_PROXY_HEADER", "X-User"),
        "healthchecks believes a header": {
            "services.healthchecks.settings.REMOTE_USER_HEADER": "HTTP_X_USER"
        },
        "calibre believes a header": {"services.calibre-web.options.reverseProxyAuth.enable": True},
        "forgejo believes a header": {
            "services.forgejo.settings.service.ENABLE_REVERSE_PROXY_AUTHENTICATION": True
        },
        "other accounts of authelia": {f"{_AUTHELIA}.settings.{_FILE}": "/etc/users.yml"},
        "other accounts of authelia, a variable": {
            f"{_AUTHELIA}.environmentVariables.AUTHELIA_AUTHENTICATION_BACKEND_FILE_PATH": "/etc/u"
        },
        "no sign-in by a variable": {
            f"{_AUTHELIA}.environmentVariables.AUTHELIA_ACCESS_CONTROL_DEFAULT_POLICY": "bypass"
        },
        "no sign-in by a variable of the unit": variable(
            "authelia-main", "AUTHELIA_ACCESS_CONTROL_DEFAULT_POLICY", "bypass"
        ),
        "paths past oauth2-proxy": {"services.oauth2-proxy.extraConfig.skip-auth-route": [".*"]},
        "paths past oauth2-proxy, a variable": variable(
            "oauth2-proxy", "OAUTH2_PROXY_SKIP_AUTH_ROUTES", ".*"
        ),
        "networks past oauth2-proxy, a variable": variable(
            "oauth2-proxy", "OAUTH2_PROXY_TRUSTED_IPS", "10.0.0.0/8"
        ),
        "photos for everybody": {"services.photoprism.settings.PHOTOPRISM_AUTH_MODE": "public"},
        "photos for everybody, an old name": {
            "services.photoprism.settings.PHOTOPRISM_PUBLIC": "true"
        },
        "photos for everybody, in a container": image(
            "docker.io/photoprism/photoprism", PHOTOPRISM_AUTH_MODE="public"
        ),
        "sonarr for everybody": {"services.sonarr.settings.auth.method": "External"},
        "radarr for everybody, a variable": variable("radarr", "RADARR__AUTH__METHOD", "None"),
        "prowlarr for everybody, in a container": image(
            "lscr.io/linuxserver/prowlarr", PROWLARR__AUTH__REQUIRED="DisabledForLocalAddresses"
        ),
        "one account for all": {"services.beszel.hub.environment.AUTO_LOGIN": "a@example.org"},
        "topics for everybody": {"services.ntfy-sh.settings.auth-default-access": "read-write"},
        "topics for everybody, in a container": image(
            "docker.io/binwiederhier/ntfy", NTFY_AUTH_DEFAULT_ACCESS="read-write"
        ),
        "calendars for everybody": {"services.radicale.settings.auth.type": "none"},
        "notes of everybody": {"services.hedgedoc.settings.allowAnonymousEdits": True},
        "notes of everybody, in a container": image(
            "quay.io/hedgedoc/hedgedoc", CMD_ALLOW_ANONYMOUS="true"
        ),
        "cameras for everybody": {"services.frigate.settings.auth.enabled": False},
        "files for everybody": {"services.filebrowser.settings.noauth": True},
        "no password of nzbget": {"services.nzbget.settings.ControlPassword": ""},
        "the proxy needs no password": {
            "services.qbittorrent.serverConfig.Preferences.WebUI.LocalHostAuth": False
        },
        "accounts for everybody": {"services.pocket-id.settings.ALLOW_USER_SIGNUPS": "open"},
        "an administrator by a variable": variable(
            "paperless-web", "PAPERLESS_AUTO_LOGIN_USERNAME", "sam"
        ),
        "an administrator in a container": image(
            "ghcr.io/open-webui/open-webui", WEBUI_AUTH="False"
        ),
        "a sandbox without a part, by its library": {
            "homelab.hardening.units.navidrome.ProtectHome": False
        },
        "other files of authelia": {
            f"{_AUTHELIA}.environmentVariables.X_AUTHELIA_CONFIG": "/etc/authelia.yml"
        },
        "other files of authelia, a variable of the unit": variable(
            "authelia-main", "X_AUTHELIA_CONFIG", "/etc/authelia.yml"
        ),
        "paperless believes a header": {
            "services.paperless.settings.PAPERLESS_ENABLE_HTTP_REMOTE_USER": True
        },
        "open-webui believes a header": {
            "services.open-webui.environment.WEBUI_AUTH_TRUSTED_EMAIL_HEADER": "X-Mail"
        },
        "linkding believes a header": {"services.linkding.settings.LD_ENABLE_AUTH_PROXY": "True"},
        "beszel believes a header": {
            "services.beszel.hub.environment.TRUSTED_AUTH_HEADER": "X-Mail"
        },
        "firefly believes a header": {
            "services.firefly-iii.settings.AUTHENTICATION_GUARD_HEADER": "X-Mail"
        },
        "grafana for anybody, a variable": variable("grafana", "GF_AUTH_ANONYMOUS_ENABLED", "true"),
        "grafana's proxy, a variable": variable("grafana", "GF_AUTH_PROXY_ENABLED", "true"),
        "a container of grafana for anybody": image(
            "docker.io/grafana/grafana", GF_AUTH_ANONYMOUS_ENABLED="true"
        ),
        "a container of vaultwarden without a token": image(
            "ghcr.io/dani-garcia/vaultwarden", DISABLE_ADMIN_TOKEN="true"
        ),
        "sign-ups of a container": image("vaultwarden/server", SIGNUPS_ALLOWED="true"),
        "sign-ups of a container of forgejo": image(
            "codeberg.org/forgejo/forgejo", FORGEJO__service__DISABLE_REGISTRATION="false"
        ),
        "sign-ups of a container of gitea": image(
            "docker.io/gitea/gitea", GITEA__service__DISABLE_REGISTRATION="false"
        ),
        "sign-ups of a container of karakeep": image(
            "ghcr.io/karakeep-app/karakeep", DISABLE_SIGNUPS="false"
        ),
        "sign-ups of a container of paperless": image(
            "ghcr.io/paperless-ngx/paperless-ngx", PAPERLESS_ACCOUNT_ALLOW_SIGNUPS="true"
        ),
        "sign-ups of a container of hedgedoc": image(
            "quay.io/hedgedoc/hedgedoc", CMD_ALLOW_EMAIL_REGISTER="true"
        ),
        "sign-ups of a container by a flag": {
            f"{_C}.x": {
                "image": DIGEST.replace("a/b", "vaultwarden/server"),
                "extraOptions": ["--env", "SIGNUPS_ALLOWED=true"],
            }
        },
        "a header that a container believes": image(
            "docker.io/miniflux/miniflux", AUTH_PROXY_HEADER="X-User"
        ),
        "a container that believes all": image(
            "docker.io/deluan/navidrome", ND_EXTAUTH_TRUSTEDSOURCES="0.0.0.0/0"
        ),
        "clients without a password": {
            "services.mosquitto.listeners": [
                {"omitPasswordAuth": True, "settings": {"allow_anonymous": True}}
            ]
        },
        "pages without a password": {"services.syncthing.settings.gui.insecureAdminAccess": True},
    },
}
"""Options of a service on the nas, by the check that reports them."""

TIMES: tuple[str, ...] = (
    "systemd.services.sweep.startAt",
    "systemd.timers.sweep.timerConfig.OnCalendar",
    "services.nextcloud.autoUpdateApps.startAt",
    "services.restic.backups.mine.timerConfig.OnCalendar",
    "nix.gc.dates",
    "nix.optimise.dates",
    "system.autoUpgrade.dates",
    "virtualisation.podman.autoPrune.dates",
    "services.fstrim.interval",
    "services.scrutiny.collector.schedule",
)
"""Options with a time at which something starts."""
OPTIONS["hdparm-udev"] = {
    "a udev rule that sets APM": {
        "services.udev.extraRules": 'ACTION=="add", KERNEL=="sd[a-z]", RUN+="/bin/hdparm -q -B 127 '
        '/dev/%k"'
    },
}
OPTIONS["option-calendar"] = {
    **{f"a time of {option}": {option: "25:00"} for option in TIMES},
    "one of several times": {"systemd.services.sweep.startAt": ["03:00", "every day"]},
    "a day that no year has": {"systemd.services.sweep.startAt": "*-02-30"},
    "a zone that is none": {"systemd.services.sweep.startAt": "03:00 Europe/Olso"},
}
OPTIONS["option-opens"] |= {
    "a sandbox without a part": {"systemd.services.navidrome.serviceConfig.ProtectHome": False},
    "a part by systemd's word": {"systemd.services.navidrome.serviceConfig.PrivateDevices": "no"},
    "a service as root": {"systemd.services.navidrome.serviceConfig.User": "root"},
}
OPTIONS["restart-limits"] = {
    "a limit of restarts in the wrong section": {
        "systemd.services.navidrome.serviceConfig.StartLimitBurst": 5
    },
}

CAREFUL: dict[str, dict[str, Any]] = {
    "a stricter sandbox": {
        "systemd.services.navidrome.serviceConfig.PrivateTmp": "disconnected",
        "systemd.services.navidrome.serviceConfig.ProtectHome": True,
    },
    "a unit of no service": {"systemd.services.sweep.serviceConfig.ProtectHome": False},
    "good times": {
        "systemd.services.sweep.startAt": ["Mon..Fri 03:00", "Sat *-*-* 04:00:00 Europe/Oslo"],
        "nix.gc.dates": "weekly",
        "services.restic.backups.mine.timerConfig.OnCalendar": "",
    },
    "a limit of restarts in the right section": {
        "systemd.services.navidrome.unitConfig.StartLimitBurst": 5
    },
    "a program's own word": {"services.navidrome.settings.startAt": "noon"},
    "other rules of udev": {
        "services.udev.extraRules": 'SUBSYSTEM=="usb", RUN+="/bin/hdparm -y /dev/%k", MODE="0660"'
    },
    "closed": {"services.jellyfin.openFirewall": False},
    "nothing": {"networking.firewall.allowedTCPPorts": []},
    "loopback": container(ports=["127.0.0.1:9999:80", "[::1]:9998:80"]),
    "loopback by flag": container(extraOptions=["-p", "127.0.0.1:9999:80", "--init"]),
    "a network of its own": container(extraOptions=["--network=apps", "--cap-add=NET_RAW"]),
    "graphics": container(extraOptions=["--device=/dev/dri", "--device=nvidia.com/gpu=all"]),
    "a radio": container(devices=["/dev/ttyUSB0:/dev/ttyUSB0:rw", "/dev/serial/by-id/x"]),
    "a name with a p in it": container(extraOptions=["-wp", "-hpop", "-lapp=1:2", "-m512m"]),
    "keys of nobody": {"services.openssh.settings.AuthorizedKeysCommand": "none"},
    "keys of kim": {"users.users.kim.openssh.authorizedKeys.keys": ["ssh-ed25519 AAAAother kim"]},
    "a file for ssh": {'environment.etc."ssh/ssh_known_hosts".text': "x"},
    "sudo for one command": {
        "security.sudo.extraRules": [{"users": ["kim"], "commands": ["/run/wrappers/bin/mount"]}],
        "security.doas.extraRules": [{"users": ["kim"], "cmd": "mount"}],
    },
    "a user's number": {"users.users.kim.uid": 1001},
    "its own files": container(volumes=["/var/lib/x:/data", "/srv/media:/media:ro"]),
    "mosh without its ports": {"programs.mosh": {"enable": True, "openFirewall": False}},
    "keys": {"services.openssh.settings.PasswordAuthentication": False},
    "the port it has": {"services.openssh.ports": [22]},
    "locked": {"users.users.kim.hashedPassword": "!"},
    "on loopback": {"services.navidrome.settings.Address": "127.0.0.1"},
    "kim in video": {"users.users.kim.extraGroups": ["video"]},
    "ping": {"networking.firewall.allowPing": False},
    "a module of its own": {"services.gatus.settings.web.address": "127.0.0.1"},
    "a panel at the wall": {f"{_HASS}.auth_providers": trusting("192.168.1.20", "fd00::20/128")},
    "sign-ups closed": variable("vaultwarden", "SIGNUPS_ALLOWED", "false"),
    "a proxy believed": {"services.navidrome.settings.ExtAuth.TrustedSources": "100.64.0.0/10"},
    "a variable of another app": variable("x", "GF_AUTH_ANONYMOUS_ENABLED", "true"),
    "its own oauth2-proxy": image(
        "quay.io/oauth2-proxy/oauth2-proxy", OAUTH2_PROXY_SKIP_AUTH_ROUTES="/api"
    ),
    "a password of sonarr": {"services.sonarr.settings.auth.method": "Forms"},
    "topics for accounts": {"services.ntfy-sh.settings.auth-default-access": "deny-all"},
    "a stricter sandbox by its library": {
        "homelab.hardening.units.navidrome.UMask": "0077",
    },
    "the same variable of another image": image("docker.io/a/b", SIGNUPS_ALLOWED="true"),
    "a container's own address": image("docker.io/grafana/grafana", GF_SERVER_HTTP_ADDR="0.0.0.0"),
    "sign-ups closed in a container": image("vaultwarden/server", SIGNUPS_ALLOWED="false"),
    "a harmless variable": variable("grafana", "GF_LOG_LEVEL", "debug"),
    "clients of the host": {
        "services.mosquitto.listeners": [
            {"address": "127.0.0.1", "settings": {"allow_anonymous": True}}
        ]
    },
}

MODULES: dict[str, str] = {
    "computed firewall": "networking.firewall.enable = !true;",
    "computed ports": "services.jellyfin.openFirewall = !false;",
    "computed ssh": "services.openssh.settings.PasswordAuthentication = !false;",
    "one line": "networking.firewall.allowedTCPPorts = [ 8080 ];",
    "nested": "networking = { firewall = { enable = false; }; };",
    "a line break": "networking.firewall.enable =\n    false;",
    "mkForce": "networking.firewall.enable = lib.mkForce false;",
    "homelab's unit, off": "systemd.services.homelab-backup-late.enable = false;",
    "homelab's timer, off": "systemd.timers.homelab-backup-fresh.enable = lib.mkForce false;",
    "homelab's timer, never": "systemd.timers.homelab-backup-fresh.wantedBy = lib.mkForce [ ];",
    "homelab's timer, off as a unit": 'systemd.units."homelab-space.timer".enable = false;',
    "the timer of a backup, off as a unit": 'systemd.units."restic-backups-x.timer".enable = false;',
    "a table of the firewall, off": "networking.nftables.tables.nixos-fw.enable = lib.mkForce false;",
    "a table, computed": "networking.nftables.tables.nixos-fw.enable = !true;",
    "a table, emptied": 'networking.nftables.tables.nixos-fw.content = lib.mkForce "";',
    "a table, replaced": 'networking.nftables.tables.nixos-fw = lib.mkForce { family = "inet"; };',
    "the firewall's unit, never": "systemd.services.nftables.wantedBy = lib.mkForce [ ];",
    "mkForce after with": "networking = with lib; { firewall.enable = mkForce false; };",
    "mkOverride": "networking.firewall.enable = lib.mkOverride 10 false;",
    "mkIf": "networking.firewall.allowedTCPPorts = lib.mkIf true [ 22 ];",
    "mkMerge": "services = lib.mkMerge [ { jellyfin.openFirewall = true; } { } ];",
    "quoted": '"networking"."firewall"."enable" = false;',
    "computed key": 'networking.${"firewall"}.enable = false;',
    "a name": "networking.firewall.enable = let off = false; in off;",
    "joined lists": "networking.firewall.allowedTCPPorts = [ ] ++ [ 80 ];",
    "inherited": "networking.firewall = let enable = false; in { inherit enable; };",
    "a comment between": "networking.firewall.enable /* really */ = # yes\n false;",
    "optionals": "networking.firewall.allowedUDPPorts = lib.optionals true [ 53 ];",
    "updated": "networking.firewall = { } // { enable = false; };",
    "if": "networking.firewall.enable = if true then false else true;",
    "inside config": "config.networking.firewall.enable = false;",
    "an inline module": "imports = [ { networking.firewall.enable = false; } ];",
    "a specialisation": "specialisation.x.configuration.networking.firewall.enable = false;",
    "trusted": 'networking.firewall.trustedInterfaces = [ "br0" ];',
    "commands": "networking.firewall.extraCommands = ''\n  iptables -P INPUT ACCEPT\n'';",
    "what Nix computes": "networking.firewall.allowedTCPPorts = [ config.services.x.port ];",
    "computed as a whole": "networking.firewall = import ./firewall.nix;",
    "a second host": 'services.caddy = { virtualHosts."x.y".extraConfig = "respond hi"; };',
    "an empty host": 'services.nginx.virtualHosts."x.y" = { };',
    "traefik": "services.traefik.dynamicConfigOptions.http.x = 1;",
    "a new traefik": "services.traefik.dynamic.files.x.settings.y = 1;",
    "ingress": 'services.cloudflared.tunnels.t.ingress."x.y" = "http://localhost:1";',
    "container": f'{_C}.x = {{ image = "{DIGEST}"; ports = [ "8080:80" ]; }};',
    "container, computed port": f'{_C}.x.ports = [ "${{toString p}}:80" ];',
    "container, host network": f'{_C}.x.extraOptions = [ "--network=host" ];',
    "container, latest": f'{_C}.x.image = "nginx:latest";',
    "docker": "virtualisation.docker.enable = true;",
    "a variable of a container": (
        f'{_C}.x = {{ image = "docker.io/grafana/grafana@sha256:{"0" * 64}"; '
        'environment.GF_AUTH_ANONYMOUS_ENABLED = "true"; };'
    ),
    "a variable of a unit": (
        'systemd.services.grafana.environment.GF_AUTH_ANONYMOUS_ENABLED = "true";'
    ),
    "clients without a password": (
        "services.mosquitto.listeners = [ { settings.allow_anonymous = true; } ];"
    ),
    "a house without a password": (
        'services.home-assistant.config.homeassistant.auth_providers = [ { type = "trusted_'
        'networks"; trusted_networks = [ "10.0.0.0/8" ]; } ];'
    ),
    "headers of every visitor": 'services.grafana.settings."auth.proxy".enabled = true;',
    "sign-in off": (
        'services.authelia.instances.main.settings.access_control.default_policy = "bypass";'
    ),
    "Caddy's administration": 'services.caddy.globalConfig = "admin 0.0.0.0:2019";',
    "SSH settings, forced": "services.openssh.settings = lib.mkForce { X = 1; Y = 2; };",
    "units, forced": "systemd.timers = lib.mkForce { x.enable = true; };",
    "accounts, forced": "users.users = lib.mkOverride 50 (import ./users.nix);",
    "ssh": 'services.openssh = { settings.PermitRootLogin = "yes"; };',
    "passwords": "services.openssh.settings = { PasswordAuthentication = true; };",
    "a password": 'users.users.kim.initialPassword = "changeme";',
    "a hash": 'users.users.kim.hashedPassword = "$y$j9T$abc$def";',
    "a root key": 'users.users.root.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAother kim" ];',
    "a root key by an old name": (
        'users.extraUsers.root = { openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAother kim" ]; };'
    ),
    "keys of a name that Nix knows": (
        'users.users.${config.x.user}.openssh.authorizedKeys.keys = [ "ssh-ed25519 AAAAother kim" ];'
    ),
    "keys of all": (
        'users.users = lib.genAttrs [ "root" "kim" ] (n: { openssh.authorizedKeys.keys = [ k ]; });'
    ),
    "root from a file": "users.users.root = import ./root.nix;",
    "a password of root": 'users.users.root.password = "x";',
    "a password of root by an old name": 'security.initialRootPassword = "x";',
    "kim in wheel": 'users.users.kim = { isNormalUser = true; extraGroups = [ "wheel" ]; };',
    "a secret for everybody": 'sops.secrets."x/y" = { mode = "0444"; };',
    "a template for everybody": 'sops.templates.x.mode = "0604";',
    "an agenix secret for everybody": 'age.secrets.x.mode = "777";',
    "a hash in the store": "users.users.kim.hashedPasswordFile = ./kim.hash;",
    "sudo": "security.sudo.wheelNeedsPassword = false;",
    "an internal CA": 'services.caddy.acmeCA = "internal";',
    "autologin": 'services.getty.autologinUser = "sam";',
    "unfree": "nixpkgs.config.allowUnfreePredicate = pkg: true;",
    "mosh": "programs.mosh.enable = true;",
    "exit node": 'services.tailscale.extraUpFlags = [ "--advertise-exit-node" ];',
}
"""Lines of an own module."""

HARMLESS: dict[str, str] = {
    "a unit of homelab with less weight": "systemd.services.homelab-space.serviceConfig.Nice = 19;",
    "a timer of homelab, later": 'systemd.timers.homelab-space.timerConfig.OnCalendar = "13:00";',
    "a unit of one's own, off": "systemd.services.mine.enable = false;",
    "no alerts, so no template": 'systemd.services."notify@".enable = false;',
    "a table of its own, off": "networking.nftables.tables.mine.enable = false;",
    "kim from a file": "users.users.kim = import ./kim.nix;",
    "a table, on": "networking.nftables.tables.nixos-fw.enable = true;",
    "nothing in a table": 'networking.nftables.tables.nixos-fw.content = "";',
    "an option, forced": 'services.navidrome.settings.ScanSchedule = lib.mkForce "1h";',
    "a group, forced": "services.navidrome = lib.mkForce { enable = true; };",
    "a default of a set": "systemd.timers = lib.mkDefault { x.enable = true; };",
    "a set of another's, forced": "services.syncthing.settings = lib.mkForce { x = 1; };",
    "a comment": "# networking.firewall.enable = false;",
    "a long comment": "/* services.caddy.virtualHosts = { }; */",
    "text": 'environment.etc.x.text = "networking.firewall.enable = false;";',
    "another option": "services.desktopManager.gnome.enable = true;",
    "true": "networking.firewall.enable = true;",
    "on loopback": f'{_C}.x = {{ image = "{DIGEST}"; ports = [ "127.0.0.1:80:80" ]; }};',
    "an address that Nix knows": f'{_C}.x.ports = [ "${{config.x.address}}:80:80" ];',
    "no hosts": "services.nginx.virtualHosts = { };",
    "a secret of a group": 'sops.secrets."x/y" = { mode = "0440"; };',
    "an option of its own": "options.networking.firewall.enable = false;",
}
