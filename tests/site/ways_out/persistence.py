"""Ways out of what a wiped root would lose."""

from __future__ import annotations

from homelab.config.lock import Lock
from tests import build
from tests.site.ways_out.model import WayOut
from tests.site.ways_out.stacks import FORGETS, PERSIST, host, own

_KEEPS = host("nas", persistence={"root": "/persist"})
_UNIT = 'systemd.services.x.serviceConfig.StateDirectory = "thing";'
_OF_K3S = ("/etc/rancher/node", "/var/lib/kubelet", "/var/lib/rancher")
_MONGODB = "services.mongodb.enable = true;"
_ENTRY = 'environment.persistence."/persist"'
_OURS = 'fileSystems."/var/lib/homelab"'


def _wiped(*lines: str) -> dict[str, str]:
    return own(FORGETS, PERSIST, *lines, head="{ lib, ... }: ")


def _left_out(check: str, says: str, *lines: str, where: str = "", beside: str = "") -> WayOut:
    """What is left out, as its message asks."""
    return WayOut(
        check,
        _KEEPS,
        {},
        says=says,
        where=where,
        files=_wiped(*lines),
        fixed=_wiped(),
        beside=(beside,) if beside else (),
    )


WAYS = (
    WayOut(
        "state-path",
        {},
        _KEEPS,
        where="hosts.nas",
        files=own(FORGETS, PERSIST),
        beside=("persistence-root",),
        lock=Lock.model_validate(
            {"hosts": {"nas": {"host_key": build.host_key("nas"), "persistence": "/persist"}}}
        ),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"directories": ["/var/lib/thing"]}),
        says="systemd.services.x.serviceConfig.StateDirectory",
        files=own(FORGETS, PERSIST, _UNIT),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"forget": {"/var/lib/thing": "it is rebuilt"}}),
        says="systemd.services.x.serviceConfig.StateDirectory",
        asked={"it is rebuilt": "persistence.forget: {/var/lib/thing: …}"},
        files=own(FORGETS, PERSIST, _UNIT),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"forget": dict.fromkeys(_OF_K3S, "the cluster is made anew")}),
        says="services.k3s",
        asked={"the cluster is made anew": "/var/lib/kubelet: …"},
        files=own(FORGETS, PERSIST, "services.k3s.enable = true;"),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        {},
        says="services.mongodb",
        files=own(FORGETS, PERSIST, _MONGODB),
        fixed=own(
            FORGETS,
            PERSIST,
            _MONGODB,
            'environment.persistence."/persist".directories = '
            '[ { directory = "/var/db/mongodb"; user = "mongodb"; } ];',
        ),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"directories": ["/srv/thing"]}),
        says="ReadWritePaths, which may keep",
        files=own(
            FORGETS, PERSIST, 'systemd.services.x.serviceConfig.ReadWritePaths = "/srv/thing";'
        ),
    ),
    WayOut(
        "persistence-complete",
        _KEEPS,
        host("nas", persistence={"directories": ["/srv/thing", "/var/lib/containers"]}),
        says="containers.x.volumes, which keeps its",
        beside=("persistence-complete",),
        files=own(
            FORGETS,
            PERSIST,
            'virtualisation.oci-containers.containers.x.volumes = [ "/srv/thing:/data" ];',
        ),
    ),
    _left_out("forbidden-patterns", ".enable is false", f"{_ENTRY}.enable = false;"),
    _left_out(
        "forbidden-patterns",
        ".persistentStoragePath is",
        f'{_ENTRY}.persistentStoragePath = lib.mkForce "/tmp/x";',
    ),
    _left_out(
        "forbidden-patterns",
        ".directories is",
        f'{_ENTRY}.directories = lib.mkForce [ "/home" ];',
    ),
    WayOut(
        "forbidden-patterns",
        _KEEPS,
        host("nas", persistence={"files": ["/etc/adjtime"]}),
        says=".files is",
        files=_wiped(f'{_ENTRY}.files = lib.mkForce [ "/etc/adjtime" ];'),
        fixed=_wiped(),
        asked={"/etc/adjtime": "adds directories and files, and"},
    ),
    _left_out(
        "state-moved",
        "would be lost at each boot",
        'fileSystems."/var/lib/nixos" = { device = "none"; fsType = "tmpfs"; };',
        beside="persistence-complete",
    ),
    _left_out(
        "state-moved",
        "systemd.mounts has tmpfs at",
        'systemd.mounts = [ { what = "tmpfs"; where = "/var/lib/homelab"; type = "tmpfs"; } ];',
    ),
    _left_out(
        "state-moved",
        "does not find the releases",
        f'{_OURS}.device = lib.mkForce "/dev/disk/by-id/x";',
    ),
    _left_out(
        "state-moved",
        "is not there when it is needed",
        'fileSystems."/persist".neededForBoot = lib.mkForce false;',
    ),
    WayOut(
        "state-moved",
        _KEEPS,
        {},
        says="has D /var/lib/nixos",
        files=_wiped('systemd.tmpfiles.rules = [ "D /var/lib/nixos" ];'),
        fixed=_wiped('systemd.tmpfiles.rules = [ "D /var/lib/nixos/x" ];'),
        asked={"var/lib/nixos/x": "name a directory in it that may be lost"},
    ),
)
"""Rows of the checks of persistence, and of openings that take something away from it."""
