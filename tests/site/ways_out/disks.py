"""Ways out of problems with disks, file systems, pools and swap."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import FORGETS, PERSIST, ROOT, both, host, own

SYSTEM = "/dev/disk/by-id/nvme-a"
OTHER = "/dev/disk/by-id/ata-b"
STICK = {"device": "/dev/disk/by-id/usb-c", "optional": True}


def disks(**stated: object) -> Changes:
    return host("nas", disks=stated)


def mounts(**systems: object) -> Changes:
    """File systems of nas, by mount point with `_` for `/`."""
    return host("nas", file_systems={f"/{k.replace('_', '/')}": v for k, v in systems.items()})


def merged(**stated: object) -> Changes:
    """A pool of two disks."""
    pool = {"kind": "mergerfs", "branches": ["/mnt/a", "/mnt/b"], **stated}
    return both(
        disks(system=SYSTEM, other=OTHER),
        mounts(
            mnt_a={"disk": "system", "fs": "ext4"},
            mnt_b={"disk": "other", "fs": "ext4"},
            pool={"pool": "all"},
        ),
        host("nas", pools={"all": pool}),
    )


ONE = {"disk": "system", "partition": 1, "fs": "btrfs"}
EXT4 = {"disk": "system", "fs": "ext4"}
SRV = both(disks(system=SYSTEM), mounts(srv=EXT4))
ON_STICK = {"disk": "stick", "fs": "ext4"}
MEDIA = {"media": {"host": "nas", "path": "/srv/media", "tier": "re-derivable"}}

WAYS = (
    WayOut(
        "disk-known",
        both(disks(system=SYSTEM), mounts(srv={"disk": "sytem", "fs": "ext4"})),
        mounts(srv={"disk": "system"}),
        warns=(),
    ),
    WayOut(
        "disk-known",
        both(mounts(srv={"disk": "data", "fs": "ext4"})),
        disks(data=SYSTEM),
        asked={SYSTEM: "/dev/disk/by-id/…"},
    ),
    WayOut(
        "disk-known",
        both(host("nas", host_id="deadbeef"), mounts(tank={"pool": "tank"})),
        host("nas", pools={"tank": {"kind": "zfs"}}),
        says="no pool",
    ),
    WayOut(
        "disk-once",
        both(
            disks(system=SYSTEM, twin=SYSTEM),
            mounts(srv=EXT4, mnt_twin={"disk": "twin", "fs": "ext4", "partition": 2}),
        ),
        disks(twin=OTHER),
        asked={OTHER: "write the device of twin"},
    ),
    WayOut(
        "disk-partition",
        both(disks(system=SYSTEM), mounts(srv={**EXT4, "partition": 1}, mnt_b=EXT4)),
        mounts(mnt_b={"partition": 2}),
        says="several partitions",
    ),
    WayOut(
        "disk-partition",
        both(disks(system=SYSTEM), mounts(a=ONE, b=ONE)),
        mounts(a={"subvolume": "a"}, b={"subvolume": "b"}),
        says="is also mounted",
        asked={"a": "the subvolume of each"},
    ),
    WayOut(
        "disk-partition",
        both(
            disks(system=SYSTEM),
            mounts(a={**ONE, "subvolume": "a", "encrypted": True}, b={**ONE, "subvolume": "b"}),
        ),
        mounts(b={"encrypted": True}),
        says="different ways",
        asked={"True": "the same in both"},
    ),
    WayOut(
        "disk-partition",
        both(
            SRV, mounts(srv={"partition": 1}), host("nas", swap={"disk": "system", "partition": 1})
        ),
        host("nas", swap={"partition": 2}),
        says="is also the file system",
        asked={"2": "the swap's own partition"},
    ),
    WayOut(
        "disk-size",
        both(
            disks(system={"device": SYSTEM, "size": "1 TB"}),
            mounts(srv={**EXT4, "size": "2 TB"}),
        ),
        disks(system={"size": "4 TB"}),
        asked={"4 TB": "correct the size of the disk"},
    ),
    WayOut("disk-used", disks(system=SYSTEM), disks(system=None)),
    WayOut(
        "disk-used",
        host("nas", host_id="deadbeef", pools={"tank": {"kind": "zfs"}}),
        mounts(mnt_tank={"pool": "tank"}),
    ),
    WayOut(
        "disk-optional",
        both(disks(stick=STICK), mounts(var={**ON_STICK})),
        disks(stick={"optional": None}),
        says="to boot",
    ),
    WayOut(
        "disk-optional",
        mounts(var_log={"share": "192.168.1.9:/logs"}),
        mounts(var_log=None, mnt_nas={"share": "192.168.1.9:/logs"}),
        says="on another machine",
        asked={"/mnt/nas": "mount it elsewhere"},
    ),
    WayOut(
        "disk-optional",
        both(
            disks(stick=STICK),
            mounts(persist=ON_STICK),
            host("nas", persistence={}),
        ),
        disks(stick={"optional": None}),
        says="kept files",
    ),
    WayOut(
        "disk-optional",
        both(disks(stick=STICK), mounts(mnt_a={**ON_STICK, "encrypted": True})),
        mounts(mnt_a={"encrypted": {"key_file": "/etc/homelab-keys/a"}}),
        says="unlocked",
        asked={"/etc/homelab-keys/a": "a file of the host"},
    ),
    WayOut(
        "disk-optional",
        both(disks(stick=STICK), host("nas", swap={"disk": "stick", "partition": 1})),
        host("nas", swap=None, zram={}),
        says="swapped out",
        warns=("disk-used",),
    ),
    WayOut(
        "disk-absent",
        both(
            disks(stick={}),
            mounts(srv=ON_STICK),
            {
                "datasets": MEDIA,
                "services": {"jellyfin": {"host": "nas", "datasets": {"media": "media"}}},
            },
        ),
        disks(stick={"optional": True}),
    ),
    WayOut(
        "key-file",
        both(
            disks(system=SYSTEM),
            mounts(var={**EXT4, "encrypted": {"key_file": "/etc/homelab-keys/a"}}),
        ),
        mounts(var={"encrypted": {"key_file": None, "tpm": True}}),
        says="before any file",
    ),
    WayOut(
        "key-file",
        both(disks(system=SYSTEM), mounts(a={**EXT4, "encrypted": {"key_file": "/a/key"}})),
        mounts(a={"encrypted": {"key_file": "/etc/homelab-keys/a"}}),
        says="which it unlocks",
        asked={"/etc/homelab-keys/a": "a file on another file system"},
    ),
    WayOut(
        "pool-mounted",
        both(merged(), mounts(pool={"dataset": "all/x"})),
        mounts(pool={"dataset": None}),
        says="no pool of ZFS",
    ),
    WayOut(
        "pool-mounted",
        both(merged(), mounts(zoo={"pool": "all"})),
        mounts(zoo=None),
        says="already",
    ),
    WayOut(
        "pool-mounted",
        merged(branches=["/mnt/a", "/pool/b"]),
        merged(branches=["/mnt/a", "/mnt/b"]),
        says="where the pool itself",
        asked={"/mnt/b": "elsewhere: /mnt/disk1"},
    ),
    WayOut(
        "pool-mounted",
        both(merged(), mounts(pool=None, mnt_a_pool={"pool": "all"})),
        mounts(mnt_a_pool=None, mnt_pool={"pool": "all"}),
        says="would show itself",
    ),
    WayOut(
        "mount-order",
        both(
            merged(branches=["/mnt/a", "/more"]),
            mounts(more={"pool": "more"}),
            host("nas", pools={"more": {"kind": "mergerfs", "branches": ["/mnt/b", "/pool/b"]}}),
        ),
        host("nas", pools={"more": {"branches": ["/mnt/b", "/mnt/a/more"]}}),
        where="hosts.nas.pools.more.branches[1]",
        says="neither is ever mounted",
        asked={"/mnt/a/more": "a path on another file system"},
    ),
    WayOut(
        "mount-order",
        both(
            disks(system=SYSTEM, other=OTHER),
            mounts(
                a={"disk": "system", "fs": "ext4", "encrypted": {"key_file": "/b/key"}},
                b={"disk": "other", "fs": "ext4", "encrypted": {"key_file": "/a/key"}},
            ),
        ),
        mounts(b={"encrypted": {"key_file": "/etc/homelab-keys/b"}}),
        where="hosts.nas.file_systems./b.encrypted.key_file",
        says="neither is ever mounted",
        asked={"/etc/homelab-keys/b": "a path on another file system"},
    ),
    WayOut(
        "pool-mounted",
        merged(mover={"from": "/mnt/c", "age": 30}),
        merged(mover={"from": "/mnt/a", "age": 30}),
        says="no branch",
    ),
    WayOut(
        "pool-mounted",
        both(
            host("nas", host_id="deadbeef", pools={"tank": {"kind": "zfs"}}),
            mounts(srv={"pool": "tank", "dataset": "data"}),
        ),
        mounts(srv={"dataset": "tank/data"}),
        says="not in the pool",
    ),
    WayOut(
        "swap-place",
        both(
            mounts(a={"fs": "tmpfs", "size": "1 GB"}),
            host("nas", swap={"file": "/a/swapfile", "size": "1 GB"}),
        ),
        host("nas", swap=None, zram={}),
    ),
    WayOut(
        "mount-once",
        SRV,
        {},
        files=own(ROOT, 'fileSystems."/srv".label = "x";'),
        fixed=own(ROOT),
        says="mounts /srv too",
    ),
    WayOut(
        "mount-once",
        host("nas", swap={"file": "/var/swapfile", "size": "1 GB"}),
        host("nas", swap=None),
        files=own(ROOT, 'swapDevices = [ { device = "/dev/sda2"; } ];'),
    ),
    WayOut(
        "mount-once",
        both(SRV, mounts(srv={"encrypted": {"key_file": "/etc/homelab-keys/a"}})),
        {},
        files=own(ROOT, 'environment.etc.crypttab.text = "x";'),
        fixed=own(ROOT),
        says="crypttab",
    ),
    WayOut(
        "pool-branch",
        merged(branches=["/mnt/a", "/mnt/bb"]),
        merged(branches=["/mnt/a", "/mnt/b"]),
    ),
    WayOut(
        "dataset-in-memory",
        both({"datasets": MEDIA}, host("nas", persistence={}), disks(system=SYSTEM)),
        mounts(srv_media=EXT4),
        files=own(FORGETS, PERSIST),
        asked={"system": "on a disk"},
    ),
)
