"""Debian's Podman in namespaces of its own: it runs rendered containers as NixOS' units would."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from homelab.nix import Call
from homelab.plan import Plan
from tests.build import ROOT
from tests.programs.rendered import settings
from tests.tools.programs import at

_APPLETS = ("cat", "env", "httpd", "id", "ls", "nc", "nslookup", "sh", "sleep", "stat", "test")
_APPLETS += ("touch", "wget")
_CONF = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
log_driver = "k8s-file"
[network]
network_backend = "netavark"
network_config_dir = "{at}/networks"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
"""
"""Podman without systemd, journald and cgroups, which the machine of a test need not have."""
_SHIM = """#!/bin/sh
# Podman before 4.4 does not know these two.
for word; do
  shift
  case $word in --ignore | --interface-name=*) ;; *) set -- "$@" "$word" ;; esac
done
exec {podman} "$@"
"""
_SCRIPT = ROOT / "homelab/services/write-files.sh"


class Engine:
    """Podman with a store, network and mounts of its own. Paths below /run, /var/lib, /srv and /mnt
    are the engine's.
    """

    def __init__(self, place: Path, holder: int) -> None:
        self.place = place
        self.holder = holder
        self.image = ""
        """The only image, with its digest: busybox."""
        self.started: list[str] = []
        """Units in the order in which they were started for the first time."""
        self.active: set[str] = set()

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run a program to its end in the engine's namespaces."""
        line = ["nsenter", f"--target={self.holder}", "--mount", "--net", "--", *words]
        env = {
            **os.environ,
            "CONTAINERS_CONF": str(self.place / "containers.conf"),
            "DISABLE_HC_SYSTEMD": "true",
            "PATH": f"{self.place}/bin:/usr/local/sbin:/usr/sbin:/sbin:{os.environ['PATH']}",
        }
        # Conmon keeps the output open as long as its container runs, so it is read from files.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            done = subprocess.run(line, env=env, stdout=out, stderr=err, input=stdin, check=False)
            texts = []
            for file in (out, err):
                file.seek(0)
                texts.append(file.read().decode())
        return subprocess.CompletedProcess(line, done.returncode, *texts)

    def do(self, *words: str, stdin: bytes = b"") -> str:
        """The output of a program that must succeed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stderr}"
        return done.stdout

    def inside(self, container: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program in a container."""
        return self.run("podman", "exec", container, *words)

    def put(self, path: str, text: str) -> None:
        """Write a file of the engine's host."""
        script = 'mkdir -p "$(dirname "$1")" && cat >"$1"'
        self.do("sh", "-c", script, "put", path, stdin=text.encode())

    def switch(self, plan: Plan, host: str, before: Plan | None = None) -> list[str]:
        """Start the containers of a host, or restart those whose units differ from those of the
        plan before. The names of the restarted containers.
        """
        new = _Rendered(plan, host, self.place)
        old = _Rendered(before, host, self.place) if before is not None else None
        self.do("systemd-tmpfiles", "--create", str(new.tmpfiles(self.place)))
        changed = [n for n in new.containers if old is None or old.unit_of(n) != new.unit_of(n)]
        for name in changed if old is not None else ():
            self.do("podman", "rm", "--force", "--time=0", name)
            self.do("rm", "-rf", f"/run/homelab-containers/{name}")
            self.active -= {f"podman-{name}", f"podman-{name}-files"}
        for name in changed:
            self._start(new, name)
        return changed

    def _start(self, new: _Rendered, name: str) -> None:
        unit = f"podman-{name}"
        if unit in self.active:
            return
        for other in new.containers[name].get("dependsOn", []):
            self._start(new, other)
        for needed, body in new.units.items():
            if f"{unit}.service" in body.get("requiredBy", []):
                assert f"{unit}.service" in body["before"], needed
                self._oneshot(needed, body)
        self.do(*new.command(name))
        self._up(unit)

    def _oneshot(self, unit: str, body: Mapping[str, Any]) -> None:
        if unit in self.active:
            return
        environment = []
        script = body["script"]
        if isinstance(script, Call):
            assert script.function == "builtins.readFile"
            directory = f"/run/{body['serviceConfig']['RuntimeDirectory']}"
            mode = body["serviceConfig"]["RuntimeDirectoryMode"]
            self.do("mkdir", "-p", f"--mode={mode}", directory)
            files = self.place / f"{unit}.json"
            files.write_text(_files(body), encoding="utf-8")
            environment = [f"FILES={files}", f"RUNTIME_DIRECTORY={directory}"]
            script = _SCRIPT.read_text(encoding="utf-8")
        self.do("env", *environment, "bash", "-e", "-c", script)
        self._up(unit)

    def _up(self, unit: str) -> None:
        self.active.add(unit)
        if unit not in self.started:
            self.started.append(unit)


class _Rendered:
    """The rendered options of a host's containers."""

    def __init__(self, plan: Plan, host: str, directory: Path) -> None:
        def found(path: str) -> dict[str, Any]:
            return dict(dict(settings(plan, path, directory)).get(host) or {})

        self.containers = found("virtualisation.oci-containers.containers")
        self.units = found("systemd.services")
        self._tmpfiles = found("systemd.tmpfiles.settings")

    def unit_of(self, name: str) -> str:
        """What the unit of a container consists of: a switch restarts the unit if it differs."""
        unit = self.units.get(f"podman-{name}", {})
        files = self.units.get(f"podman-{name}-files", {})
        # The trigger names the derivation of the texts.
        triggers = _files(files) if "restartTriggers" in unit and files else ""
        return json.dumps([self.command(name), repr(unit), triggers])

    def command(self, name: str) -> list[str]:
        """What the unit of a container runs, as in nixpkgs' oci-containers.nix."""
        stated = self.containers[name]
        return [
            *("podman", "run", f"--name={name}", "-d", "--replace", "--pull=never"),
            *(w for k, v in stated.get("environment", {}).items() for w in ("-e", f"{k}={v}")),
            *(w for f in stated.get("environmentFiles", []) for w in ("--env-file", f)),
            *(w for p in stated.get("ports", []) for w in ("-p", p)),
            *(w for v in stated.get("volumes", []) for w in ("-v", v)),
            *(f"--network={n}" for n in stated.get("networks", [])),
            *stated.get("extraOptions", []),
            stated["image"],
            *stated.get("cmd", []),
        ]

    def tmpfiles(self, directory: Path) -> Path:
        """The directories of containers, as a file of systemd-tmpfiles."""
        lines = [
            f"{kind} {path} {rule['mode']} {rule['user']} {rule['group']} - -"
            for name, made in self._tmpfiles.items()
            if name.startswith("10-container-")
            for path, rules in made.items()
            for kind, rule in rules.items()
        ]
        file = directory / f"{hashlib.sha256(repr(lines).encode()).hexdigest()[:8]}.conf"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file


def _files(body: Mapping[str, Any]) -> str:
    """The specification of a container's files, as the unit's script reads it."""
    text = body["environment"]["FILES"]
    assert text.function == "pkgs.writeText"
    _, known = text.args
    assert known.function == "builtins.toJSON"
    return json.dumps(known.args[0])


@contextmanager
def engine(*addresses: str) -> Iterator[Engine]:
    """A new engine on a host with these addresses. Skips where Podman cannot run."""
    if os.geteuid():
        pytest.skip("podman of a plain user wants user namespaces")
    podman, busybox = at("podman"), at("busybox")
    for program in ("ip", "iptables", "jq", "nsenter", "systemd-tmpfiles", "unshare"):
        at(program)
    # Podman requires a short path.
    with tempfile.TemporaryDirectory(prefix="pod", ignore_cleanup_errors=True) as made:
        place = Path(made)
        holder = subprocess.Popen(
            ["unshare", "--mount", "--net", "--propagation=private", "sh", "-c", "echo; read x"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            assert holder.stdout is not None
            if not holder.stdout.readline():
                pytest.skip("this machine does not let root have namespaces")
            yield _prepared(Engine(place, holder.pid), podman, busybox, addresses)
        finally:
            if holder.poll() is None:
                running = Engine(place, holder.pid)
                running.run("podman", "rm", "--all", "--force", "--time=0")
                running.run("umount", "--recursive", "--lazy", f"{place}/store")
            holder.communicate()


def _prepared(made: Engine, podman: str, busybox: str, addresses: tuple[str, ...]) -> Engine:
    place = made.place
    (place / "bin").mkdir()
    shim = place / "bin/podman"
    options = f"--root={place}/store --runroot={place}/state --storage-driver=vfs"
    shim.write_text(_SHIM.format(podman=f"{podman} {options}"), encoding="utf-8")
    shim.chmod(0o755)
    (place / "containers.conf").write_text(_CONF.format(at=place), encoding="utf-8")
    # No cgroup: Podman of tests needs none, and cannot use those of every machine.
    for directory in ("/sys/fs/cgroup", "/run", "/var/lib", "/srv", "/mnt"):
        made.do("mount", "-t", "tmpfs", "none", directory)
    made.do("ip", "link", "set", "lo", "up")
    for address in addresses:
        made.do("ip", "address", "add", f"{address}/32", "dev", "lo")
    made.image = _image(made, busybox)
    tried = made.run("podman", "run", "--rm", "--pull=never", made.image, "sh", "-c", ":")
    if tried.returncode:
        pytest.skip(f"podman cannot run a container on this machine: {tried.stderr.strip()}")
    return made


def _image(made: Engine, busybox: str) -> str:
    """An image that consists of a static busybox."""
    files = made.place / "image"
    (files / "bin").mkdir(parents=True)
    shutil.copy(busybox, files / "bin/busybox")
    for applet in _APPLETS:
        (files / "bin" / applet).symlink_to("busybox")
    archive = made.place / "image.tar"
    subprocess.run(["tar", "-C", files, "-cf", archive, "."], check=True)
    made.do("podman", "import", "--change=ENV PATH=/bin", str(archive), "localhost/box:1")
    digest = made.do("podman", "image", "inspect", "--format={{.Digest}}", "localhost/box:1")
    return f"localhost/box:1@{digest.strip()}"
