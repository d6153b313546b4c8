"""Ways out of problems with datasets and network drives."""

from __future__ import annotations

from homelab.config.lock import Lock
from tests.site.ways_out.model import NULL, WayOut
from tests.site.ways_out.nfs import WAYS as NFS_WAYS
from tests.site.ways_out.snapshots import WAYS as SNAPSHOT_WAYS
from tests.site.ways_out.snapshots import dataset
from tests.site.ways_out.stacks import IDENTITY, ROOT, TAILNET, both, container, host, own, service

SHARE = both(TAILNET, host("nas", tailscale={}))

PHONE = "MFZWI3D-BONSGYC-YLTMRWG-C43ENR5-QXGZDMM-FZWI3DP-BONSGYY-LTMRWAD"
TABLET = "BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN"

WAYS = (
    *SNAPSHOT_WAYS,
    *NFS_WAYS,
    WayOut(
        "dataset-host",
        dataset("tv", host="nass"),
        {"datasets": {"tv": {"host": "nas"}}},
        says="no host",
        beside=("host-known",),
    ),
    WayOut(
        "dataset-host",
        both(
            IDENTITY,
            dataset("library"),
            service("navidrome", host="nas", datasets={"music": "libary"}),
        ),
        service("navidrome", datasets={"music": "library"}),
        says="no dataset",
    ),
    WayOut(
        "dataset-host",
        both(
            IDENTITY,
            dataset("library", "pi"),
            service("navidrome", host="nas", datasets={"music": "library"}),
        ),
        service("navidrome", host="pi"),
        says="is on",
    ),
    WayOut(
        "dataset-host",
        both(
            IDENTITY,
            dataset("library"),
            service("navidrome", host="nas", datasets={"musik": "library"}),
        ),
        service("navidrome", datasets={"musik": None, "music": "library"}),
        says="no role",
    ),
    WayOut(
        "dataset-gid",
        dataset("films", gid=1005, group="users"),
        {"datasets": {"films": {"group": "media"}}},
    ),
    WayOut(
        "dataset-gid",
        both(
            dataset("films", gid=1005, group="media"),
            dataset("tv", gid=1006, group="media"),
        ),
        {"datasets": {"tv": {"gid": 1005}}},
    ),
    WayOut(
        "dataset-gid",
        both(
            dataset("films", gid=1005, group="media"),
            dataset("tv", gid=1005, group="family"),
        ),
        {"datasets": {"tv": {"group": "media"}}},
    ),
    WayOut(
        "dataset-once",
        both(
            dataset("films"),
            {"datasets": {"tv": {"host": "nas", "path": "/srv/films", "tier": "re-derivable"}}},
            {"datasets": {"films": {"path": "/srv/films", "tier": "re-derivable"}}},
        ),
        {"datasets": {"tv": {"path": "/srv/tv"}}},
        asked={"/srv/tv": "another directory"},
    ),
    WayOut(
        "vault-always-on",
        both(dataset("photos", tier="irreplaceable"), host("nas", always_on=False)),
        host("nas", always_on=True),
    ),
    WayOut(
        "vault-always-on",
        both(dataset("photos", tier="irreplaceable"), host("nas", always_on=False)),
        {"datasets": {"photos": {"host": "pi"}}},
    ),
    WayOut(
        "smb-not-public",
        dataset("tv", samba={}),
        {"datasets": {"tv": {"samba": None}}},
        says="not in the tailnet",
    ),
    WayOut(
        "smb-not-public",
        both(TAILNET, host("nas", tailscale=NULL), dataset("tv", samba={})),
        host("nas", tailscale=None),
        says="not in the tailnet",
    ),
    WayOut(
        "smb-not-public",
        both(SHARE, dataset("tv", samba={}), service("samba", name="files")),
        {"services": {"samba": None}},
        says="no host name and",
    ),
    WayOut(
        "smb-not-public",
        both(service("a", **container("nas", 445), auth="none")),
        {"services": {"a": None}},
        says="is SMB and",
    ),
    WayOut(
        "smb-not-public",
        both(
            TAILNET,
            service(
                "a",
                **container(auth="none", ports={"smb": {"port": 445, "scope": "lan", "why": "x"}}),
            ),
        ),
        service("a", ports={"smb": {"scope": "tailnet"}}),
        says="beyond the tailnet",
    ),
    WayOut(
        "smb-guest",
        both(SHARE, dataset("p", tier="irreplaceable", samba={"guest": True})),
        {"datasets": {"p": {"samba": {"read_only": True}}}},
    ),
    WayOut(
        "smb-guest",
        both(SHARE, dataset("p", tier="irreplaceable", samba={"guest": True})),
        {"datasets": {"p": {"samba": {"guest": None}}}},
    ),
    WayOut(
        "syncthing-folder",
        dataset("tv", syncthing={"devices": {"phone": PHONE}}),
        service("syncthing", host="nas"),
        says="does not run",
    ),
    WayOut(
        "syncthing-folder",
        both(
            service("syncthing", host="nas"),
            dataset("tv", syncthing={"devices": {"phone": PHONE}, "folder": "a"}),
            dataset("films", syncthing={"devices": {"phone": PHONE}, "folder": "a"}),
        ),
        {"datasets": {"tv": {"syncthing": {"folder": "tv"}}}},
        asked={"tv": "name another id"},
        says="already",
    ),
    WayOut(
        "syncthing-folder",
        both(
            service("syncthing", host="nas"),
            dataset("tv", syncthing={"devices": {"phone": PHONE}}),
            dataset("films", syncthing={"devices": {"phone": TABLET}}),
        ),
        {"datasets": {"films": {"syncthing": {"devices": {"phone": PHONE}}}}},
        asked={PHONE: "write the same id"},
        says="another id",
    ),
    WayOut(
        "syncthing-access",
        both(
            service("syncthing", host="nas"),
            dataset("tv", syncthing={"devices": {"phone": PHONE}}, owner="root", mode="0750"),
        ),
        {"datasets": {"tv": {"owner": "syncthing"}}},
    ),
    WayOut("smb-shares", both(SHARE, service("samba", host="nas")), {"services": {"samba": None}}),
    WayOut(
        "smb-shares",
        both(SHARE, dataset("tv"), service("samba", host="nas")),
        {"datasets": {"tv": {"samba": {}}}},
        asked={"tv": "share a dataset: datasets.…"},
    ),
    WayOut(
        "smb-users",
        both(SHARE, dataset("tv", samba={"users": ["kim"]})),
        {"datasets": {"tv": {"samba": {"users": ["sam"]}}}},
        says="no person",
    ),
    WayOut(
        "smb-users",
        both(SHARE, dataset("tv", samba={"users": ["kim"]})),
        {"site": {"members": {"kim": {"email": "kim@example.org"}}}},
        says="no person",
    ),
    WayOut(
        "smb-users",
        both(SHARE, dataset("tv", samba={"users": ["sam"], "guest": True})),
        {"datasets": {"tv": {"samba": {"users": None}}}},
        says="no effect",
    ),
    WayOut(
        "smb-users",
        both(SHARE, dataset("homes", samba={})),
        {"datasets": {"homes": {"samba": {"share": "house"}}}},
        says="reserved name",
        asked={"house": "another name"},
    ),
    WayOut(
        "smb-users",
        both(SHARE, dataset("tv", samba={}), dataset("films", samba={"share": "tv"})),
        {"datasets": {"tv": {"samba": {"share": "series"}}}},
        says="already",
        asked={"series": "another name"},
    ),
    WayOut(
        "dataset-below-mount",
        dataset("tv", mount="/data"),
        {"datasets": {"tv": {"mount": "/mnt/tv"}}},
    ),
    WayOut(
        "dataset-below-mount",
        dataset("tv", mount="/data"),
        {"datasets": {"tv": {"path": "/data/tv"}}},
        asked={"/data/tv": "or correct datasets.tv.path"},
    ),
    WayOut(
        "dataset-mounted",
        dataset("tv", mount="/mnt"),
        {"datasets": {"tv": {"mount": None}}},
        files=own(ROOT),
    ),
    WayOut(
        "dataset-mounted",
        dataset("tv", mount="/mnt/tv"),
        {},
        files=own('fileSystems."/" = { device = "/dev/sda"; fsType = "ext4"; };'),
        fixed=own(
            'fileSystems."/" = { device = "/dev/sda"; fsType = "ext4"; };',
            'fileSystems."/mnt/tv".label = "data";',
        ),
        asked={"label": 'add fileSystems."/mnt/tv"', "data": 'add fileSystems."/mnt/tv"'},
    ),
    WayOut(
        "target-mounted",
        {"backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/b/r"}}}},
        {},
        files=own('fileSystems."/" = { device = "/dev/sda"; fsType = "ext4"; };'),
        fixed=own(
            'fileSystems."/" = { device = "/dev/sda"; fsType = "ext4"; };',
            'fileSystems."/mnt/b".label = "data";',
        ),
        asked={"label": 'add fileSystems."/mnt/b"', "data": 'add fileSystems."/mnt/b"'},
    ),
    WayOut(
        "target-mounted",
        {"backup": {"targets": {"disk": {"kind": "local", "host": "nas", "path": "/mnt/b/r"}}}},
        {"backup": {"targets": {"disk": {"path": "/var/b"}}}},
        asked={"/var/b": "name a directory elsewhere"},
    ),
    WayOut(
        "path-taken",
        dataset("tv", path="/etc", mount="/"),
        {"datasets": {"tv": {"path": "/srv/tv"}}},
    ),
    WayOut(
        "path-taken",
        both(service("jellyfin", host="nas", harden={"read_write": ["/var/lib/homelab"]})),
        service("jellyfin", harden={"read_write": ["/srv/films"]}),
        asked={"/srv/films": "name a separate directory"},
        warns=("backup-writable",),
    ),
    WayOut(
        "path-taken",
        both(
            dataset("down"),
            service("sonarr", host="nas"),
            service("radarr", host="nas", harden={"read_write": ["/var/lib/sonarr"]}),
        ),
        service("radarr", harden=None, datasets={"downloads": "down"}),
        asked={
            "down": "share a dataset",
            "downloads": "share a dataset",
            "harden": "share a dataset",
        },
    ),
    WayOut(
        "path-taken",
        service("a", **container(auth="none", backup={"skip": "none"}, state=["/etc"])),
        service("a", state=["/var/lib/a"]),
    ),
    WayOut(
        "path-taken",
        service("jellyfin", host="nas", backup={"include": ["/var/lib/homelab"]}),
        service("jellyfin", backup={"include": ["/var/lib/jellyfin"]}),
        asked={"/var/lib/jellyfin": "name the directories that contain its data"},
    ),
    WayOut(
        "path-taken",
        service("a", host="nas", port=8008, auth="none", static={"directory": "/etc"}),
        service("a", static={"directory": "/srv/a"}),
    ),
    WayOut(
        "path-taken",
        host("nas", nix={"build_dir": "/var/lib/homelab"}),
        host("nas", nix={"build_dir": "/var/nix-build"}),
    ),
    WayOut(
        "path-taken",
        host("nas", persistence={"root": "/boot"}),
        host("nas", persistence={"root": "/persist"}),
        where="hosts.nas.persistence.root",
    ),
    WayOut(
        "path-taken",
        host("nas", persistence={"directories": ["/nix"]}),
        host("nas", persistence={"directories": None}),
    ),
    WayOut(
        "dataset-moved",
        dataset("tv", tier="user"),
        {"datasets": {"tv": {"path": "/mnt/films"}}},
        lock=Lock.model_validate({"datasets": {"tv": {"host": "nas", "path": "/mnt/films"}}}),
    ),
)
