"""Datasets over NFS: the export, the mount, the firewall and the grant come from one place."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homelab.plan import Plan
from homelab.problems import InvalidStackError
from homelab.storage.exports import exported
from homelab.storage.nfs import Export, by_server
from homelab.storage.nfs_client import SHELL as MOUNTS
from homelab.storage.nfs_client import mount_unit
from homelab.storage.nfs_server import SHELL, line_of
from tests import build
from tests.household import Changes, household
from tests.storage.test_samba import TAILNET
from tests.tools.programs import formatted, need_here, run

PLAYER: Changes = {
    "player": {
        "host": "pi",
        "container": {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80},
        "port": 8007,
        "auth": "none",
        "backup": {"skip": "it keeps nothing"},
        "tile": {"group": "Tools"},
        "datasets": {"films": "/films"},
    },
    "navidrome": {"host": "pi", "name": "music", "datasets": {"music": "films"}},
}


def exports_of(plan: Plan) -> list[Export]:
    return [e for host in by_server(plan).values() for e in host]


def shared(*changes: Changes, tailnet: bool = True, **nfs: object) -> Changes:
    """A dataset of aurora that pi mounts."""
    films = {
        "host": "aurora",
        "path": "/mnt/family/films",
        "mount": "/mnt/family",
        "tier": "user",
        "owner": "jellyfin",
        "group": "media",
        "fs": "btrfs",
        "nfs": {"hosts": {"pi": "/mnt/films"}, **nfs},
    }
    return household(*([TAILNET] if tailnet else []), {"datasets": {"films": films}}, *changes)


def test_one_place_makes_the_export_the_mount_the_firewall_and_the_grant(tmp_path: Path) -> None:
    changes = shared()
    assert [p for p in build.problems(changes) if p.severity == "error"] == []
    files, plan = build.render(changes), build.plan(changes)
    server, client = files["aurora"]["nfs-server.nix"], files["pi"]["nfs-mounts.nix"]
    assert formatted(tmp_path, [server, client]) == []
    for line in ("server.enable = true;", "vers3 = false;", "udp = false;", "port = 2049;"):
        assert line in server, line
    assert 'device = "100.64.0.10:/mnt/family/films";' in client
    assert 'fileSystems."/mnt/films" = {' in client
    assert "2049/tcp (tailnet)" in files["aurora"]["firewall.nix"]
    assert not re.search(r"ip saddr .*2049", files["aurora"]["firewall.nix"])
    assert plan.tailnet is not None
    grants = [g for g in plan.tailnet.grants if "tcp:2049" in g.ip]
    assert [(g.src, g.dst) for g in grants] == [(("pi",), ("aurora",))]
    assert "nfs-server.nix" not in files["pi"]
    assert "nfs-mounts.nix" not in files["aurora"]
    assert not any("nfs" in name for name in files["workstation"])


def test_without_a_tailnet_only_the_lan_address_of_the_host_may_connect() -> None:
    changes = shared(tailnet=False)
    files = build.render(changes)
    (export,) = exports_of(build.plan(changes))
    assert line_of(export).startswith("/mnt/family/films 192.168.1.2(rw,")
    assert "ip saddr 192.168.1.2 tcp dport { 2049 } accept" in files["aurora"]["firewall.nix"]
    assert 'device = "192.168.1.10:/mnt/family/films";' in files["pi"]["nfs-mounts.nix"]
    assert "tailscaled" not in files["pi"]["nfs-mounts.nix"]


def test_a_reader_gets_an_error_and_a_writer_waits() -> None:
    written = build.render(shared())["pi"]["nfs-mounts.nix"]
    assert all(f'"{word}"' in written for word in ("hard", "rw", "nofail", "_netdev"))
    read = build.render(shared(read_only=True))["pi"]["nfs-mounts.nix"]
    assert all(f'"{word}"' in read for word in ("softerr", "ro", "x-systemd.automount"))
    assert '"hard"' not in read


def test_a_client_acts_as_the_owner_of_the_dataset_and_never_as_root() -> None:
    (export,) = exports_of(build.plan(shared()))
    options = re.findall(r"\((.*)\)", line_of(export))[0].split(",")
    assert {"all_squash", "anonuid=@uid@", "anongid=@gid@", "mp=/mnt/family"} <= set(options)
    (kept,) = exports_of(build.plan(shared(squash=False)))
    assert "root_squash" in line_of(kept)
    assert "all_squash" not in line_of(kept)
    for squash in (True, False):
        (of_root,) = exports_of(
            build.plan(
                shared({"datasets": {"films": {"owner": "root", "group": "root"}}}, squash=squash)
            )
        )
        assert "no_root_squash" not in line_of(of_root)
    text = build.render(shared({"datasets": {"films": {"owner": "root"}}}))["aurora"]
    assert re.search(r"exported '[^']*' nobody media$", text["nfs-server.nix"], re.MULTILINE)


def test_the_numbers_are_those_of_the_server(tmp_path: Path) -> None:
    (export,) = exports_of(build.plan(shared()))
    (tmp_path / "etc").mkdir()
    (tmp_path / "run/homelab-nfs").mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\njellyfin:x:989:990::/:/x\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nmedia:x:991:\n")
    script = tmp_path / "exports.sh"
    script.write_text(SHELL)

    def written(owner: str) -> subprocess.CompletedProcess[str]:
        call = shlex.join(("exported", line_of(export), owner, "media"))
        return subprocess.run(
            ["bash", "-ec", f". {script}\nbegun\n{call}\nended"],
            env={"HOMELAB_ROOT": str(tmp_path), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )

    assert written("jellyfin").returncode == 0
    exports = tmp_path / "run/homelab-nfs/exports"
    assert exports.read_text().endswith(",anonuid=989,anongid=991)\n")
    failed = written("nobody-here")
    assert failed.returncode == 1
    assert "the user nobody-here" in failed.stderr
    assert exports.read_text().endswith(",anonuid=989,anongid=991)\n")


def test_a_service_of_the_client_uses_the_dataset_by_its_name() -> None:
    changes = shared({"services": PLAYER})
    assert [p for p in build.problems(changes) if p.severity == "error"] == []
    files, plan = build.render(changes), build.plan(changes)
    assert '"/mnt/films:/films"' in files["pi"]["services/player.nix"]
    mounts = files["pi"]["nfs-mounts.nix"]
    for unit in ("podman-player", "navidrome"):
        wanted = (
            rf'{unit} = \{{\s+unitConfig\.RequiresMountsFor = \[ "/mnt/films" \];\s+'
            r'wantedBy = \[ "mnt-films.mount" \];'
        )
        assert re.search(wanted, mounts), mounts
    # systemd tries a mount once. The service starts when the server comes later.
    assert "mounted mnt-films.mount" in mounts
    assert "timers.homelab-nfs-mounts" in mounts
    assert 'MusicFolder = "/mnt/films";' in files["pi"]["services/navidrome.nix"]
    (unit_,) = [u for u in plan.units_on("pi") if u.unit == "navidrome"]
    assert dict(unit_.settings)["BindReadOnlyPaths"] == ["/mnt/films"]
    # The data stays the server's: its snapshots, its backup, its directories.
    assert {j.host for j in plan.backup.jobs if "films" in j.name} == {"aurora"}
    assert "/mnt/films" not in files["pi"].get("storage.nix", "")
    assert "snapshots.nix" in files["aurora"]
    assert "snapshots.nix" not in files["pi"]


def test_a_dataset_without_nfs_is_still_refused_on_another_host() -> None:
    changes = shared({"services": PLAYER}, {"datasets": {"films": {"nfs": None}}})
    found = build.found(changes, "dataset-host")
    assert {p.where for p in found} == {
        "services.navidrome.datasets.music",
        "services.player.datasets.films",
    }
    assert all("nfs: {hosts: {pi: /mnt/films}}" in p.way_out for p in found)


def test_nothing_but_a_host_of_the_stack_can_mount_it() -> None:
    (problem,) = build.found(shared(hosts={"everyone": "/mnt/films"}), "nfs-hosts")
    assert problem.where == "datasets.films.nfs.hosts.everyone"
    with pytest.raises(InvalidStackError, match=r"datasets\.films\.nfs\.hosts\.\*"):
        build.plan(shared(hosts={"*": "/mnt/films"}))


@pytest.mark.parametrize("client", ["*", "@group", "aurora", "0.0.0.0/0(rw)", ""])
def test_the_writer_takes_addresses_alone(client: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        exported("/srv", client, ["ro"])


def test_a_mount_that_failed_is_tried_again_and_the_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "systemctl").write_text(
        f"""#!/bin/sh
echo "$*" >>{tmp_path}/asked
case "$*" in *there.mount) ;; *) exit 1 ;; esac
"""
    )
    (tmp_path / "systemctl").chmod(0o755)
    script = tmp_path / "mounts.sh"
    script.write_text(MOUNTS)
    done = subprocess.run(
        ["bash", "-ec", f". {script}\nmounted there.mount gone.mount lost.mount"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0
    assert [t for t in (tmp_path / "asked").read_text().splitlines() if t.startswith("start")] == [
        "start gone.mount",
        "start lost.mount",
    ]


@pytest.mark.parametrize("path", ["/mnt/films", "/mnt/old films-2/é", "/.films", "/srv/a.b_c:d"])
def test_the_unit_of_a_mount_has_the_name_that_systemd_gives_it(path: str) -> None:
    done = run("systemd-escape", "--path", "--suffix=mount", path)
    assert done.stdout.strip() == mount_unit(path)


# --- exports(5) -----------------------------------------------------------------------------------


def _words(line: str) -> list[str]:
    """The words of a line as `xgettok` of nfs-utils reads them (`support/nfs/xio.c`)."""
    words, token, quoted = [], "", False
    for char in f"{line}\n":
        if char == '"':
            quoted = not quoted
        elif char.isspace() and not quoted:
            words += [token] if token else []
            token = ""
        else:
            token += char
            if re.fullmatch(r"\\[0-3][0-7]{2}", token[-4:]):
                token = token[:-4] + chr(int(token[-3:], 8))
    return words


VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(VALUES, VALUES.filter(lambda text: not set(text) & set(",()\n")))
def test_every_path_is_read_as_it_was_written(path: str, option: str) -> None:
    line = exported(f"/{path}", "192.168.1.2", ["ro", f"mp=/{option}"])
    assert line.isascii()
    assert line.isprintable()
    first, second = _words(line)
    assert first.encode("latin-1").decode() == f"/{path}"
    options = second.removeprefix("192.168.1.2(").removesuffix(")").split(",")
    assert options == ["ro", f"mp=/{option}".encode().decode("latin-1")]


def test_exportfs_reads_an_export(tmp_path: Path) -> None:
    """The real program, in namespaces of its own."""
    need_here("exportfs")
    need_here("unshare")
    shares = tmp_path / "films (old)"
    shares.mkdir()
    (export,) = exports_of(build.plan(shared()))
    line = line_of(export).replace("@uid@", "989").replace("@gid@", "991")
    line = line.replace("/mnt/family/films", exported(str(shares), "::1", []).split()[0])
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/exports").write_text(f"{line}\n")
    script = (
        "set -e; mount -t tmpfs t /var/lib; mkdir -p /var/lib/nfs; "
        f"mount --bind {tmp_path}/etc /etc; exportfs -r; cat /var/lib/nfs/etab"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unshare" in done.stderr:
        pytest.skip("no namespaces here")
    assert done.returncode == 0, done.stderr
    path, _, said = done.stdout.partition("\t")
    assert path == str(shares).replace(" ", "\\040")
    options = set(re.findall(r"\((.*)\)", said)[0].split(","))
    assert {"rw", "sync", "all_squash", "no_subtree_check", "secure", "anonuid=989"} <= options
