"""An installation that is built elsewhere, and one that starts its installer itself."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import pytest

from homelab.ops.install import builder as building
from homelab.ops.machine.host import HostLink, HostPath
from homelab.problems import HomelabError, UsageError

pytestmark = pytest.mark.requirement("S0-41")
DEBIAN = 'ID=debian\nPRETTY_NAME="Debian 13"\n'
NIX = """\
#!/bin/bash
echo "nix $*" >>"$LOG"
while [ "$1" != --out-link ]; do shift; done
case $3 in *.disks) store=$STORE/0-disko ;; *) store=$STORE/1-nixos-system-nas ;; esac
mkdir -p "$store/bin"
printf '#!/bin/sh\\nexec standin-disko "$@"\\n' >"$store/bin/disko-destroy-format-mount"
chmod +x "$store/bin/disko-destroy-format-mount"
ln -sfn "$store" "$2"
"""
NIX_STORE = """\
#!/bin/bash
case $1 in
  --query) printf '%s\\n' /store/0-glibc "$3" ;;
  --export) shift; printf 'archive of %s\\n' "$@" ;;
esac
"""


@pytest.fixture
def nix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nix on this machine; returns the log of its calls."""
    tools, log = tmp_path / "tools", tmp_path / "log"
    tools.mkdir()
    for name, text in (("nix", NIX), ("nix-store", NIX_STORE)):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin:/usr/sbin:/sbin")
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("STORE", str(tmp_path / "store"))
    return log


def imported(home: Any, store: str) -> str:
    text: str = (home.machine.directory / f"imported{store}").read_text()
    return text


@pytest.mark.long
def test_a_system_that_is_built_here_is_copied(make: Any, nix: Path, tmp_path: Path) -> None:
    home = make()
    (home.machine.directory / "there").write_text("/store/0-glibc\n")
    home.install(build="here")
    system = tmp_path / "store/1-nixos-system-nas"
    # Only what the machine lacks.
    assert imported(home, "mnt") == f"archive of {system}\n"
    assert imported(home, "own") == f"archive of {tmp_path}/store/0-disko\n"
    assert home.machine.called("nixos-install")[0].endswith(f"--system {system}")
    assert not home.machine.called("nix")
    built = [line.rsplit("#", 1)[1] for line in nix.read_text().splitlines()]
    assert built == [
        "packages.x86_64-linux.disks",
        'nixosConfigurations."nas".config.system.build.toplevel',
    ]


def test_a_system_that_a_host_builds_goes_from_there_to_the_machine(
    make: Any, nix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the connections of this machine: neither host has a key of the other."""
    home = make()
    machine = home.machine
    for name, text in (("nix", NIX), ("nix-store", NIX_STORE)):
        body = text.split("\n", 1)[1]
        own = machine.directory / "bin" / name
        before = own.read_text().split("set -e\n", 1)[1].split("\n", 1)[1]
        if name == "nix-store":
            # One server is both hosts.
            own.write_text(
                f'#!/bin/bash\ncase "$*" in --query*|--export*)\n{body};;\n*){before};; esac'
            )
        else:
            own.write_text(text)
    path = HostPath(name="lan", address="127.0.0.1", port=machine.port)
    monkeypatch.setattr(
        building, "link_to", lambda host, _: HostLink(host.name, (path,), machine.public, None)
    )
    environment = 'export LOG="$HOMELAB_ROOT/../nix.log" STORE="$HOMELAB_ROOT/../store"\n'
    nix_file = machine.directory / "bin/nix"
    nix_file.write_text(
        nix_file.read_text().replace("#!/bin/bash\n", f"#!/bin/bash\n{environment}")
    )
    home.install(build="pi")
    assert "1-nixos-system-nas" in imported(home, "mnt")
    assert any("copying 2 store paths from pi" in line for line in home.said)
    assert not nix.exists()


def test_an_error_of_the_builder_comes_before_anything_is_erased(
    make: Any, nix: Path, tmp_path: Path
) -> None:
    (tmp_path / "tools/nix").write_text("#!/bin/bash\necho 'error: out of memory' >&2\nexit 1\n")
    home = make()
    with pytest.raises(HomelabError, match="this machine: error: out of memory"):
        home.install(build="here")
    assert not home.machine.called("standin-disko")


def test_without_nix_here_there_is_a_way_out(
    make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "mkdir", "mktemp"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    home = make()
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(HomelabError, match="no nix on the PATH here; build on the machine itself"):
        home.install(build="here")
    assert not home.machine.called("standin-disko")


def test_an_unknown_builder_is_a_wrong_call(make: Any) -> None:
    home = make()
    with pytest.raises(UsageError, match="pi"):
        home.install(build="pl")
    assert home.machine.scripts == []


def tarball(directory: Path, run: str) -> Path:
    """A kexec tarball whose program does this."""
    program = directory / "kexec/run"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{run}\n")
    program.chmod(0o755)
    path = directory / "kexec.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(program.parent, "kexec")
    return path


@pytest.mark.long
def test_another_linux_starts_the_installer_itself(make: Any, tmp_path: Path) -> None:
    home = make()
    machine = home.machine
    machine.release(DEBIAN)
    (machine.root / "root").mkdir()
    home.install(kexec=str(tarball(tmp_path, "systemctl kexec")))
    assert machine.called("nixos-install")
    order = [c.split()[0] for c in machine.calls()]
    assert order.index("systemctl") < order.index("standin-disko")


def test_a_kexec_that_fails_is_named(make: Any, tmp_path: Path) -> None:
    home = make()
    home.machine.release(DEBIAN)
    (home.machine.root / "root").mkdir()
    with pytest.raises(HomelabError, match=r"kexec failed \(last lines above\)"):
        home.install(kexec=str(tarball(tmp_path, "echo no memory >&2; exit 1")))
    assert not home.machine.called("standin-disko")


def test_an_installer_that_sees_other_disks_erases_none(make: Any, tmp_path: Path) -> None:
    """A name that means another disk now was not confirmed."""
    home = make()
    machine = home.machine
    machine.release(DEBIAN)
    (machine.root / "root").mkdir()
    other = {"name": "nvme0n1", "path": "/dev/nvme0n1", "type": "disk", "size": 2 * 10**12}
    machine.disks({"blockdevices": [{**other, "serial": ""}]})
    with pytest.raises(HomelabError, match="sees other disks than the system before"):
        home.install(kexec=str(tarball(tmp_path, "systemctl kexec")))
    assert not machine.called("standin-disko")


def test_a_missing_tarball_is_a_wrong_call(make: Any) -> None:
    home = make()
    with pytest.raises(UsageError, match=r"--kexec: there is no file nowhere\.tar\.gz"):
        home.install(kexec="nowhere.tar.gz")
    assert home.machine.scripts == []
