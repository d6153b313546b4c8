"""Every program that a stack or the catalog configures has a test here, or a reason for none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import pytest

from homelab.catalog import ENTRIES
from homelab.nix import Nix
from homelab.render import modules_of
from tests import build
from tests.programs.rendered import ALL, planned
from tests.tools.nixtypes import plain

READ = {
    "boot.kernel": "programs/test_network.py",
    "networking.firewall": "programs/test_network.py",
    "networking.nftables": "programs/test_network.py",
    "networking.wg-quick": "programs/test_network.py",
    "networking.wireguard": "programs/test_network.py",
    "networking.wireless": "programs/test_network.py",
    "nix": "programs/test_system.py",
    "programs.ssh": "programs/test_system.py",
    "security.polkit": "services/test_control.py",
    "services.actual": "programs/app_others.py",
    "services.adguardhome": "programs/test_names.py",
    "services.authelia": "programs/authelia.py",
    "services.blocky": "programs/test_names.py",
    "services.btrbk": "storage/test_snapshots.py",
    "services.caddy": "programs/test_proxies.py",
    "services.calibre-web": "programs/app_others.py",
    "services.changedetection-io": "programs/app_others.py",
    "services.cloudflared": "programs/test_tunnel.py",
    "services.deluge": "programs/app_table.py",
    "services.dockerRegistry": "programs/app_table.py",
    "services.fail2ban": "programs/test_access.py",
    "services.gatus": "programs/test_monitors.py",
    "services.headscale": "programs/app_others.py",
    "services.matrix-synapse": "programs/app_others.py",
    "services.miniflux": "programs/test_daemons.py",
    "services.mosquitto": "programs/test_daemons.py",
    "services.netdata": "programs/test_daemons.py",
    "services.nfs": "storage/test_nfs.py",
    "services.nginx": "programs/test_proxies.py",
    "services.node-red": "programs/app_others.py",
    "services.ntfy-sh": "programs/app_others.py",
    "services.nzbget": "programs/app_table.py",
    "services.oauth2-proxy": "programs/oauth2_proxy.py",
    "services.openldap": "identity/test_directory.py",
    "services.openssh": "programs/test_access.py",
    "services.prometheus": "programs/test_monitors.py",
    "services.radicale": "programs/app_table.py",
    "services.restic": "programs/test_restic.py",
    "services.samba": "programs/test_access.py",
    "services.sanoid": "programs/test_sanoid.py",
    "services.snapserver": "programs/app_table.py",
    "services.syncthing": "programs/app_table.py",
    "services.tailscale": "programs/test_system.py",
    "services.traefik": "programs/test_proxies.py",
    "services.transmission": "programs/test_daemons.py",
    "services.victorialogs": "programs/app_others.py",
    "services.victoriametrics": "programs/app_table.py",
    "systemd.paths": "programs/test_units.py",
    "systemd.services": "programs/test_units.py",
    "systemd.sockets": "programs/test_units.py",
    "systemd.timers": "programs/test_units.py",
    "systemd.tmpfiles": "programs/test_units.py",
    "virtualisation.containers": "programs/test_containers.py",
    "virtualisation.oci-containers": "programs/test_containers.py",
    "virtualisation.podman": "programs/test_containers.py",
}
"""The test file in which the real program reads an option's value."""
TYPED = {
    *("boot.initrd", "services.btrfs", "services.zfs", "swapDevices"),
    *(
        "boot.binfmt",
        "boot.blacklistedKernelModules",
        "boot.kernelModules",
        "boot.kernelParams",
        "boot.loader",
        "boot.supportedFilesystems",
        "boot.zfs",
        "console",
    ),
    *("environment.systemPackages", "fileSystems", "hardware.graphics", "hardware.nvidia"),
    "hardware.nvidia-container-toolkit",
    *("i18n", "networking.defaultGateway", "networking.dhcpcd", "networking.hostId"),
    *("networking.hostName", "networking.hosts", "networking.interfaces"),
    *("networking.nameservers", "networking.resolvconf", "nixpkgs", "security.pki"),
    *(
        "security.sudo-rs",
        "security.sudo",
        "services.avahi",
        "services.flaresolverr",
        "services.jackett",
    ),
    *(
        "services.baikal",
        "services.freshrss",
        "services.grocy",
        "services.shiori",
        "services.trilium-server",
    ),
    *("services.code-server", "services.ersatztv", "services.rustdesk-server"),
    *("services.anki-sync-server", "services.nzbhydra2", "services.pairdrop", "services.unifi"),
    *("services.factorio", "services.minidlna", "services.murmur"),
    "services.music-assistant",
    "services.technitium-dns-server",
    *("services.audiobookshelf", "services.qbittorrent"),
    *("services.immich-public-proxy", "services.ombi", "services.plex"),
    *("services.jellyseerr", "services.seerr", "services.tautulli"),
    *("services.jellyfin", "services.mysql", "services.ollama", "services.postgresql"),
    *("services.postgresqlBackup", "services.redis", "services.resolved"),
    *("services.sabnzbd", "services.static-web-server", "services.wyoming", "services.xserver"),
    *("system", "systemd.enableEmergencyMode", "systemd.targets", "time", "users"),
    "zramSwap",
}
"""Programs with typed options only. The NixOS module writes their files; `homelab eval` and
tests/evaluation evaluate it.
"""
NOT_READ = {
    "services.kanidm": "Debian has none, and none was built for these tests",
    "services.harmonia": "Debian has none; two settings of ours",
    "services.frigate": "Debian has none; its module has Frigate itself check the file when it is built",
    "services.privatebin": "Debian has none; its module writes the file that the PHP reads",
    "services.go2rtc": "Debian has none, and none was built for these tests",
    "services.pinchflat": "environment alone, which it does not check",
    "services.flood": "flags that its module writes",
    "services.hledger-web": "flags that its module writes",
    "services.send": "environment alone, which it does not check",
    "services.gotosocial": "Debian has none, and none was built for these tests",
    "services.libretranslate": "flags that its module writes",
    "services.mollysocket": "Debian has none; an address, a port and a file of ours",
    "services.scanservjs": "Debian has none; it wants a scanner",
    "services.silverbullet": "flags that its module writes",
    "services.traccar": "Debian has none; three settings of ours",
    "services.wakapi": "Debian has none, and none was built for these tests",
    "services.zipline": "environment alone, which it does not check",
    "services.wastebin": "environment alone, which it does not check",
    "services.evcc": "Debian has none, and none was built for these tests",
    "services.healthchecks": "environment alone, which it does not check",
    "services.kavita": "Debian has none, and none was built for these tests",
    "services.tandoor-recipes": "environment alone, which it does not check",
    "services.umami": "environment alone, which it does not check",
    "services.zwave-js": "Debian has none; it wants a radio",
    "services.zwave-js-ui": "environment alone, which it does not check",
    "services.goatcounter": "flags that its module writes",
    "services.gotenberg": "flags that its module writes",
    "services.immichframe": "Debian has none; the owner writes its file",
    "services.languagetool": "flags that its module writes",
    "services.memos": "environment alone, which it does not check",
    "services.monica": "Debian has none; its module writes the environment of the PHP",
    "services.owncast": "flags that its module writes",
    "services.readeck": "Debian has none, and none was built for these tests",
    "services.redlib": "environment alone, which it does not check",
    "services.spoolman": "flags that its module writes",
    "services.tika": "flags that its module writes",
    "services.unbound": "its module has Unbound itself check the file when it is built",
    "services.yarr": "flags that its module writes",
    "services.esphome": "flags that its module writes",
    "services.photoprism": "environment alone, which it does not check",
    "services.slskd": "Debian has none, and none was built for these tests",
    "services.alloy": "Debian has none; two flags of ours",
    "services.influxdb2": "Debian has version 1 alone",
    "services.influxdb": "it passes over what it does not know without a word",
    "services.gonic": "Debian has none, and none was built for these tests",
    "services.lubelogger": "environment alone, which it does not check",
    "services.plausible": "environment alone, which it does not check",
    "services.step-ca": "Debian has none, and none was built for these tests",
    "services.loki": "Debian has none; its module has Loki itself check the file when it is built",
    "services.telegraf": "nothing of ours; the owner writes what it reads and where it sends it",
    "services.bookstack": "Debian has none; its module writes the environment of the PHP",
    "services.autobrr": "Debian has none; three settings of ours, which it also takes from its environment",
    "services.linkding": "Debian has none; an address, a port and its environment",
    "services.bazarr": "environment alone, which it does not check",
    "services.beszel": "flags and environment that its module writes",
    "services.filebrowser": "Debian has none, and none was built for these tests",
    "services.forgejo": "Debian has none, and none was built for these tests",
    "services.gitea": "Debian has none, and none was built for these tests",
    "services.firefly-iii": "Debian has none; its module writes the environment of the PHP",
    "services.hedgedoc": "Debian has none, and none was built for these tests",
    "services.homebox": "environment alone, which it does not check",
    "services.karakeep": "environment alone, which it does not check",
    "services.komga": "Debian has none, and none was built for these tests",
    "services.lidarr": "environment alone, which it does not check",
    "services.linkwarden": "environment alone, which it does not check",
    "services.mealie": "environment alone, which it does not check",
    "services.paperless": "environment alone, which it does not check",
    "environment.etc": "files of our own, which our scripts read; and resolv.conf, by tests of vpn",
    "environment.persistence": "a module of a flake reads it",
    "home": "the owner's own, by home-manager",
    "home-manager": "a module of a flake reads it",
    "homelab": "options of our own",
    "security.acme": "lego asks a certificate authority and a provider of DNS, and has no dry run",
    "services.atticd": "Debian has none; it opens its database before it says anything",
    "services.cockpit": "cockpit passes over what it does not know without a word",
    "services.eurovote": "an app of the owner's, from a flake",
    "services.glance": "Debian has none, and none was built for these tests",
    "services.gotify": "environment alone, which it does not check",
    "services.grafana": "Debian has none, and none was built for these tests",
    "services.home-assistant": "Debian has none; PyPI's wants a newer Python than Debian's",
    "services.homepage-dashboard": "Debian has none; it reads plain YAML when a page is asked for",
    "services.immich": "environment alone, which it does not check",
    "services.journald": "systemd reads it when the daemon starts alone",
    "services.litellm": "Debian has none, and none was built for these tests",
    "services.logind": "systemd reads it when the daemon starts alone",
    "services.lldap": "Debian has none, and none was built for these tests",
    "services.matter-server": "Debian has none; one flag of ours",
    "services.minecraft-server": "Debian has none, and its licence lets nobody build one for tests",
    "services.n8n": "environment alone, which it does not check",
    "services.navidrome": "Debian has none, and none was built for these tests",
    "services.nextcloud": "Debian has none; its module writes the PHP",
    "services.open-webui": "environment alone, which it does not check",
    "services.openthread-border-router": "Debian has none; it wants a radio",
    "services.pocket-id": "Debian has none, and none was built for these tests",
    "services.prowlarr": "environment alone, which it does not check",
    "services.radarr": "environment alone, which it does not check",
    "services.scrutiny": "Debian has none, and none was built for these tests",
    "services.searx": "Debian has none; PyPI has another program of that name",
    "services.sonarr": "environment alone, which it does not check",
    "services.stirling-pdf": "environment alone, which it does not check",
    "services.udev": "Debian's udevadm has no `verify` yet",
    "services.uptime-kuma": "environment alone, which it does not check",
    "services.vaultwarden": "environment alone, which it does not check",
    "services.vikunja": "Debian has none, and none was built for these tests",
    "services.board": "an app of the owner's, by facts",
    "services.forum": "an app of the owner's, by facts",
    "services.inn": "an app of the owner's, by facts",
    "services.vote": "an app of the owner's, from a flake",
    "services.wiki-js": "Debian has none, and none was built for these tests",
    "services.zigbee2mqtt": "Debian has none; it wants a radio",
    "sops": "a module of a flake reads it; tests of secrets open files with the real age",
    "systemd.globalEnvironment": "one time zone for every unit",
    "systemd.settings": "systemd reads it when it boots alone",
}
"""Programs without a test, with the reason."""
_DEEP = (
    *("boot", "environment", "hardware", "networking", "programs", "security", "services"),
    *("systemd", "virtualisation"),
)

_SET = re.compile(r"^ +((?:services|systemd)\.(?!homelab-)[\w-]+)[.\w ]*= ", re.MULTILINE)
"""An option that a library sets, and no unit of homelab's own in the initrd."""


def _options(value: Mapping[str, Nix]) -> Iterator[str]:
    for top, inner in value.items():
        below = plain(inner)
        if top in _DEEP and isinstance(below, Mapping):
            yield from (f"{top}.{key}" for key in below)
        else:
            yield top


def configured() -> set[str]:
    """The options of every program that a stack renders or a catalog entry sets."""
    found = {
        option
        for name in ALL
        for host in planned(name).hosts.values()
        for module in modules_of(planned(name), host)
        for said in (module.derived, module.stated)
        for option in _options(said)
    }
    for name in ALL:
        for host in planned(name).hosts.values():
            for module in modules_of(planned(name), host):
                if module.library is not None:
                    found |= set(_SET.findall(module.library.text))
    for entry in ENTRIES.values():
        for options in (entry.options, *entry.options_since.values(), *entry.options_gpu.values()):
            found |= {_start(path) for path in options}
    return found


def _start(path: str) -> str:
    top, _, rest = path.partition(".")
    return f"{top}.{rest.partition('.')[0]}" if top in _DEEP else top


def test_every_program_has_a_test_or_a_reason() -> None:
    """A new program needs a test or a reason. The lists contain no removed program."""
    known = [*READ, *TYPED, *NOT_READ]
    assert sorted(set(known)) == sorted(known)
    assert configured() == set(known)


@pytest.mark.parametrize("option", READ)
def test_the_named_test_mentions_the_option(option: str) -> None:
    """The named test must mention the option."""
    text = (build.ROOT / "tests" / READ[option]).read_text(encoding="utf-8")
    assert option in text or option.rpartition(".")[2] in text
