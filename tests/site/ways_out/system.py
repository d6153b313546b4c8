"""Ways out of problems with hosts."""

from __future__ import annotations

from tests import build
from tests.site.ways_out import (
    homes,
    needed,
    persistence,
    system_files,
    system_manage,
    system_settings,
)
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import music
from tests.site.ways_out.stacks import IDENTITY, MAC, MACS, both, container, host, machine, service

OFFLINE: Changes = {"hosts": {"desk": machine("192.168.1.9", always_on=False)}}

PIN = {"release": "25.11", "url": build.URL, "lock": "locks/nixos-25.11.lock"}


def member(hosts: list[str]) -> Changes:
    """A member with an account on these hosts."""
    account = {"hosts": hosts, "ssh_keys": [f"{build.OWNER} kim"]}
    return {"email": "kim@example.org", "account": account}


CAMERAS = {"services.frigate.settings.cameras": {}}

HARDWARE = "hosts/nas/hardware.nix"
NO_FORWARDING = 'boot.kernel.sysctl."net.ipv4.ip_forward" = 0;'
IN_PODMAN: Changes = {
    "network": {"lan": {"cidr": "10.88.0.0/16", "gateway": "10.88.0.1"}},
    "hosts": {
        name: {"address": {"lan": f"10.88.0.{number}"}} for name, number in (("pi", 2), ("nas", 3))
    },
}
SUBNETS = "virtualisation.podman.defaultNetwork.settings.subnets"
ELSEWHERE = [{"subnet": "172.31.88.0/24", "gateway": "172.31.88.1"}]
WAYS = (
    WayOut(
        "cidr-overlap",
        both(IN_PODMAN, service("app", **container())),
        service("app", options={SUBNETS: ELSEWHERE}),
    ),
    WayOut(
        "password-present",
        both(IDENTITY, service("cockpit", host="nas")),
        {"site": {"owner": {"password": {"sops": "owner/password"}}}},
    ),
    WayOut(
        "password-present",
        both(IDENTITY, service("cockpit", host="nas")),
        {"services": {"cockpit": None}},
    ),
    WayOut(
        "desktop-place",
        both(
            host("nas", desktop={"environment": "gnome"}, role="appliance"),
            {"site": {"owner": {"password": {"sops": "owner/password"}}}},
        ),
        host("nas", desktop=None),
    ),
    WayOut(
        "desktop-login",
        host("nas", desktop={"environment": "gnome"}),
        {"site": {"owner": {"password": {"sops": "owner/password"}}}},
    ),
    WayOut(
        "sudo-deployer",
        both(
            {"site": {"owner": {"sudo": "password", "password": {"sops": "owner/password"}}}},
            host("nas", ssh={"user": "sam"}),
        ),
        host("nas", ssh={"user": "root"}),
    ),
    WayOut(
        "sudo-deployer",
        both(
            {"site": {"owner": {"sudo": "password", "password": {"sops": "owner/password"}}}},
            host("nas", ssh={"user": "sam"}),
        ),
        {"site": {"owner": {"sudo": "passwordless"}}},
    ),
    WayOut(
        "always-on-needed", host("pi", always_on=False), host("pi", always_on=True), says="need"
    ),
    WayOut(
        "always-on-needed",
        host("pi", always_on=False),
        {"network": {"entry": {"host": "nas"}, "dns": {"host": "nas"}}},
        says="need",
    ),
    WayOut(
        "always-on-needed",
        both(
            OFFLINE,
            {"backup": {"targets": {"disk": {"kind": "sftp", "host": "desk", "path": "/srv/b"}}}},
            service("jellyfin", host="pi"),
        ),
        {"backup": {"targets": {"disk": {"host": "nas"}}}},
        says="may sleep at",
    ),
    WayOut(
        "always-on-needed",
        both(
            OFFLINE,
            {"monitoring": {"heartbeat": {"host": "desk", "url": {"sops": "heartbeat/url"}}}},
        ),
        {"monitoring": {"heartbeat": {"host": "pi"}}},
        says="monitoring.heartbeat needs",
    ),
    WayOut(
        "host-is-ours",
        both(MACS, {"datasets": {"tv": {"host": "mac", "path": "/tv", "tier": "re-derivable"}}}),
        {"datasets": {"tv": {"host": "nas"}}},
    ),
    WayOut(
        "option-literal",
        service("jellyfin", host="nas", options={"environment.etc.x.text": "a.home.example.org"}),
        service("jellyfin", options={"environment.etc.x.text": {"$text": "a.{domain}"}}),
    ),
    WayOut(
        "blacklist-conflict",
        host("nas", gpu={"vendor": "intel"}, kernel={"blacklist": ["btusb", "i915"]}),
        host("nas", kernel={"blacklist": ["btusb"]}),
    ),
    WayOut(
        "sysctl-conflict",
        both(
            build.TAILNET,
            host("nas", tailscale={"exit_node": True}),
            host("nas", kernel={"sysctl": {"net.ipv4.ip_forward": 0, "vm.swappiness": 10}}),
        ),
        host("nas", kernel={"sysctl": {"net.ipv4.ip_forward": None}}),
    ),
    WayOut(
        "sysctl-conflict",
        both(build.TAILNET, host("nas", tailscale={"exit_node": True})),
        {},
        files={HARDWARE: f"{{\n  {NO_FORWARDING}\n{build.HARDWARE[1:]}"},
        fixed={HARDWARE: f"{{\n{build.HARDWARE[1:]}"},
        says="a module of nas",
    ),
    WayOut("host-known", service("jellyfin", host="nass"), service("jellyfin", host="nas")),
    WayOut(
        "host-known",
        {"network": {"entry": {"host": "pie"}}},
        {"network": {"entry": {"host": "pi"}}},
    ),
    WayOut("host-known", {"deploy": {"last": ["nass"]}}, {"deploy": {"last": ["nas"]}}),
    WayOut(
        "host-known",
        {"deploy": {"again": {"nass": "rebooted by hand"}}},
        {"deploy": {"again": {"nass": None, "nas": "rebooted by hand"}}},
    ),
    WayOut("host-known", {"deploy": {"canary": "nass"}}, {"deploy": {"canary": "nas"}}),
    WayOut(
        "host-runs-services",
        both(MACS, service("jellyfin", host="mac")),
        service("jellyfin", host="nas"),
        beside=("backend-reachable",),
    ),
    WayOut(
        "service-host-state",
        both(host("nas", state="retired"), service("jellyfin", host="nas")),
        service("jellyfin", host="pi"),
        says="retired",
    ),
    WayOut(
        "service-host-state",
        both(host("nas", state="retired"), service("jellyfin", host="nas")),
        {"services": {"jellyfin": None}},
        says="retired",
    ),
    WayOut(
        "service-host-state",
        both(host("nas", state="planned"), service("jellyfin", host="nas")),
        service("jellyfin", host="pi"),
        says="yet",
    ),
    WayOut(
        "service-host-state",
        both(host("nas", state="planned"), service("jellyfin", host="nas")),
        host("nas", state="live"),
        says="yet",
    ),
    *needed.WAYS,
    WayOut(
        "host-complete",
        host("nas", address={"lan": None, "tailnet": None}),
        host("nas", address={"lan": "192.168.1.3"}),
        says="has an address",
    ),
    WayOut(
        "host-complete",
        host("nas", ssh={"host_key": None}),
        host("nas", ssh={"host_key": build.host_key("nas")}),
        says="pinned",
        asked={build.host_key("nas"): "what /etc/ssh/ssh_host_ed25519_key.pub of the host holds"},
    ),
    WayOut(
        "host-complete",
        host("nas", hardware=None),
        host("nas", hardware="hosts/nas/hardware-configuration.nix"),
        says="root file system",
    ),
    WayOut(
        "builder-arch",
        host("nas", build={"host": "nas"}),
        host("nas", build={"host": None}),
        says="anyway",
    ),
    WayOut(
        "builder-arch",
        both(
            {"hosts": {"mac": {**MAC, "address": {"lan": "192.168.1.9"}}}},
            host("nas", build={"host": "mac"}),
        ),
        host("nas", build={"host": "pi"}),
        says="cannot build",
    ),
    WayOut(
        "builder-arch",
        both(
            {"hosts": {"tower": machine("192.168.1.9")}},
            host("nas", build={"host": "tower"}),
            host("tower", build={"host": "nas"}),
        ),
        host("nas", build={"host": None}),
        where="hosts.nas.build.host",
        says="would wait for itself",
    ),
    WayOut(
        "builder-trust",
        host("pi", build={"host": "nas"}),
        host("pi", build={"trusted": "it is mine alone"}),
        says="can become root there",
    ),
    WayOut(
        "builder-trust",
        host("pi", build={"host": "nas"}),
        host("pi", build={"host": None}),
        says="can become root there",
    ),
    WayOut(
        "builder-trust",
        host("nas", build={"host": "pi", "trusted": "it is mine alone"}),
        host("nas", build={"trusted": None}),
        says="no reason is needed",
    ),
    WayOut(
        "gpu-present",
        both(host("pi", gpu={"vendor": "intel"}), service("jellyfin", host="nas", gpu="intel")),
        service("jellyfin", host="pi"),
        says="has none",
    ),
    WayOut(
        "gpu-present",
        both(service("jellyfin", host="nas", gpu="intel")),
        host("nas", gpu={"vendor": "intel"}),
        says="has none",
    ),
    WayOut(
        "gpu-present",
        both(host("nas", gpu={"vendor": "intel"}), service("jellyfin", host="nas", gpu="nvidia")),
        service("jellyfin", gpu="intel"),
        says="graphics, not",
    ),
    WayOut(
        "gpu-single",
        both(
            host("nas", gpu={"vendor": "intel", "shared": False}),
            service("jellyfin", host="nas", gpu="intel"),
            service("frigate", host="nas", gpu="intel", options=CAMERAS),
        ),
        service("frigate", gpu=None),
    ),
    WayOut(
        "gpu-single",
        both(
            host("nas", gpu={"vendor": "intel", "shared": False}),
            service("jellyfin", host="nas", gpu="intel"),
            service("frigate", host="nas", gpu="intel", options=CAMERAS),
        ),
        host("nas", gpu={"shared": None}),
    ),
    WayOut(
        "gpu-driver",
        both(
            {"nixpkgs": {"default": {"release": "26.05"}}},
            host("nas", gpu={"vendor": "nvidia", "open": False}),
        ),
        host("nas", gpu={"architecture": "pascal"}),
    ),
    *homes.WAYS,
    *system_files.WAYS,
    *system_manage.WAYS,
    *system_settings.WAYS,
    *persistence.WAYS,
    WayOut(
        "host-key-own",
        host("nas", ssh={"host_key": build.OWNER}),
        host("nas", ssh={"host_key": build.host_key("nas")}),
        asked={build.host_key("nas"): "the host's own /etc/ssh/ssh_host_ed25519_key.pub"},
    ),
    WayOut(
        "host-id-unique",
        both(host("nas", host_id="deadbeef"), host("pi", host_id="deadbeef")),
        host("pi", host_id="deadbee0"),
        asked={"deadbee0": "what `hostid` prints on pi"},
    ),
    WayOut(
        "host-key-unique",
        host("pi", ssh={"host_key": build.host_key("nas")}),
        host("pi", ssh={"host_key": build.KEY}),
        asked={build.KEY: "what /etc/ssh/ssh_host_ed25519_key.pub of pi holds"},
    ),
    WayOut(
        "member-account",
        {"site": {"members": {"restic": member(["nas"])}}},
        {"site": {"members": {"restic": {"account": None}}}},
    ),
    WayOut(
        "member-account",
        both(MACS, {"site": {"members": {"kim": member(["nas", "mac"])}}}),
        {"site": {"members": {"kim": member(["nas"])}}},
    ),
    WayOut(
        "owner-account",
        both(service("jellyfin", host="nas"), {"site": {"owner": {"user": "jellyfin"}}}),
        {"site": {"owner": {"user": "sam"}}},
        asked={"sam": "name an account of a person: user: …"},
    ),
    WayOut(
        "named-unused",
        {"nixpkgs": {"older": PIN}},
        {"nixpkgs": {"older": None}},
        where="nixpkgs.older",
    ),
    WayOut(
        "named-unused",
        music({"access": {"groups": {"pals": {"emails": ["kim@example.org"]}}}}),
        {"cloudflare": {"access": {"groups": {"pals": None}}}},
        where="cloudflare.access.groups",
    ),
    WayOut(
        "named-unused",
        music({"access": {"service_tokens": {"robot": {"duration": "forever"}}}}),
        {"cloudflare": {"access": {"service_tokens": {"robot": None}}}},
        where="cloudflare.access.service_tokens",
    ),
    WayOut(
        "named-unused",
        both(
            service("jellyfin", host="nas"),
            {"backup": {"targets": {"spare": {"kind": "local", "host": "pi", "path": "/srv/r"}}}},
        ),
        {"backup": {"targets": {"spare": None}}},
        where="backup.targets",
    ),
    WayOut(
        "named-unused",
        {"backup": {"tiers": {"irreplaceable": {"daily": 30}}}},
        {"backup": {"tiers": None}},
        where="backup.tiers",
    ),
    WayOut(
        "named-unused",
        both(IDENTITY, {"identity": {"groups": ["family", "admins", "pals"]}}),
        {"identity": {"groups": ["family", "admins"]}},
        where="identity.groups",
    ),
)
