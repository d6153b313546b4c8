"""The cost of a deployment, compared with a plain script in the same run: `make bench-deploy`.

It uses lab hosts over SSH on loopback. Builds and activations are stand-ins, so the figures show
the overhead alone. Ratios and counts can be compared between machines, seconds cannot. This is not
a test, and no figure fails.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from homelab.deploy import scripts
from homelab.deploy.plan import policy_of
from homelab.deploy.probes import probes_of
from homelab.deploy.spec import paths_of, switch_spec
from homelab.lab.hosts import LabHosts
from homelab.ops.deploy.runner import write_runner
from homelab.ops.deploy.server import serve_switches
from homelab.ops.project.stack import Stack
from tests import build, stackdir
from tests.fleet import write_fleet

HOST, PLAIN = "pi", "plain"
PLAIN_ADDRESS = "192.0.2.1"
BUILD = 'nixos-rebuild build --flake "$PWD/config#pi" --no-update-lock-file'
SWITCH = """system=$(readlink -f result)
nix-env -p "$HOMELAB_ROOT/nix/var/nix/profiles/system" --set "$system"
"$system/bin/switch-to-configuration" switch"""


@dataclass(frozen=True)
class Figure:
    """Measurements of one kind of run."""

    name: str
    seconds: float
    connections: int
    detail: str = ""
    hosts: int = 1
    """Hosts contacted."""
    mebibytes: int = 0
    """Peak resident memory of its largest process; 0 if not measured."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind, for one host")
    parser.add_argument("--hosts", type=int, default=50, help="machines of the fleet")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = [*one_host(options.runs), *fleet(options.hosts)]
    if options.json:
        print(json.dumps([asdict(f) for f in figures], indent=2))
        return
    print(f"{'':34}{'seconds':>9}{'hosts':>7}{'SSH':>6}{'MiB':>6}")
    for f in figures:
        memory = str(f.mebibytes or "")
        print(f"{f.name:34}{f.seconds:>9.2f}{f.hosts:>7}{f.connections:>6}{memory:>6}  {f.detail}")


# --- one changed host -----------------------------------------------------------------------------


def one_host(runs: int) -> list[Figure]:
    """One changed host, deployed by `pulumi up` and by a plain script, in turns."""
    opened = build.open_stack(build.SHIPPED, "home")
    pi = opened.plan.hosts[HOST]
    addresses = {HOST: [str(p["address"]) for p in paths_of(pi)], PLAIN: [PLAIN_ADDRESS]}
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as place, LabHosts(Path(place), addresses) as lab:
        # As the program does.
        runner = write_runner(Path(place), serve_switches())
        for run in range(runs + 1):
            files = dict(opened.releases[HOST].files) | {"mark.nix": f"{{ }} # {run}\n"}
            ours.append(as_pulumi(lab, opened, runner, f"run{run}", files))
            theirs.append(plainly(lab, Path(place), files))
        counts = [lab.connections[name] // (runs + 1) for name in (HOST, PLAIN)]
    # The first run of each fills the caches.
    mine, plain = (summary(times[1:]) for times in (ours, theirs))
    ratio = statistics.median(
        sum(a.values()) / sum(b.values()) for a, b in zip(ours[1:], theirs[1:], strict=True)
    )
    return [
        Figure("one changed host", mine[0], counts[0], f"{ratio:.1f} times plain; {mine[1]}"),
        Figure("the same by ssh and nixos-rebuild", plain[0], counts[1], plain[1]),
    ]


def summary(times: list[dict[str, float]]) -> tuple[float, str]:
    """Median of the whole, and a text with the median of each step."""
    steps = {step: statistics.median(t[step] for t in times) for step in times[0]}
    words = ", ".join(f"{step} {seconds:.2f}" for step, seconds in steps.items())
    return statistics.median(sum(t.values()) for t in times), words


def timed(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Seconds of each step, in order."""
    out = {}
    for name, step in steps.items():
        begin = time.perf_counter()
        step()
        out[name] = time.perf_counter() - begin
    return out


def as_pulumi(
    lab: LabHosts, opened: Stack, runner: Path, release: str, files: dict[str, str | bytes]
) -> dict[str, float]:
    """Run all commands of one host's resources."""
    plan, host = opened.plan, opened.plan.hosts[HOST]
    rules = policy_of(plan.stack, host, probes_of(plan, host))
    way = {"host": host.lan, "port": 22, "user": "root", "hostKey": host.config.ssh.host_key}
    spec = switch_spec(host, release, plan.stack.deploy, rules) | {"secrets_version": "1"}

    def remote(script: str) -> None:
        code, output, errors = lab.run_remote(way, scripts.shell(), script, {})
        assert code == 0, output + errors

    def switch() -> None:
        subprocess.run(
            ["sh", str(runner), "switch", HOST],
            input=json.dumps(spec),
            env={**os.environ, **lab.environment()},
            check=True,
            capture_output=True,
            text=True,
        )

    return timed(
        {
            "files": lambda: remote(scripts.stage_script(release, files)),
            "secrets": lambda: remote(scripts.secrets_script(release, {"token": release})),
            "build": lambda: remote(scripts.build_script(release, rules)),
            "switch": switch,
        }
    )


def plainly(lab: LabHosts, place: Path, files: dict[str, str | bytes]) -> dict[str, float]:
    """Copy the tree, build, set the profile and switch, with one connection each."""
    tree = place / "tree"
    for name, content in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    port = lab.hosts[PLAIN].ports[PLAIN_ADDRESS]
    known = place / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {lab.hosts[PLAIN].host_key}\n")
    words = ["ssh", "-F", "none", "-i", str(place / "client_key"), "-p", str(port)]
    words += ["-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes", "root@127.0.0.1"]
    ssh = shlex.join(words)

    def run(script: str) -> None:
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], check=True, capture_output=True)

    unpack = "rm -rf config && mkdir config && tar -C config -x"
    copy = f"tar -C {shlex.quote(str(tree))} -c . | {ssh} {shlex.quote(unpack)}"
    return timed(
        {
            "copy": lambda: run(copy),
            "build": lambda: run(f"{ssh} {shlex.quote(BUILD)}"),
            "switch": lambda: run(f"{ssh} {shlex.quote('set -e; ' + SWITCH)}"),
        }
    )


# --- a fleet --------------------------------------------------------------------------------------


def fleet(hosts: int) -> list[Figure]:
    """Many machines in one stack: a first `up`, one without changes, one with a changed service."""
    with tempfile.TemporaryDirectory() as place:
        stack = write_fleet(Path(place) / "stack", hosts)
        up = lab_up(f"up of {hosts} hosts", stack)
        noop = lab_up("up without changes", stack)
        before = build.open_stack(stack, stackdir.NAME).releases
        write_fleet(stack, hosts, {"services": {"miniflux-box0": {"port": 8099}}})
        after = build.open_stack(stack, stackdir.NAME).releases
        changed = sorted(h for h in after if after[h].id != before[h].id)
        words = f"the text of {', '.join(changed)} changed"
        return [up, noop, lab_up("one port of a service changed", stack, words)]


def lab_up(name: str, stack: Path, detail: str = "") -> Figure:
    """Run `homelab lab up` as a process, and measure it."""
    words = [sys.executable, "-m", "homelab", "lab", "up", "-C", str(stack), "--json"]
    with tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(words, cwd=build.ROOT, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    if process.returncode != 0:
        sys.exit(f"{name}: {text[-4000:]}")
    connections: dict[str, int] = json.loads(text)["connections"]
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return Figure(
        name,
        seconds,
        sum(connections.values()),
        detail,
        hosts=sum(n > 0 for n in connections.values()),
        mebibytes=usage.ru_maxrss // unit,
    )


if __name__ == "__main__":
    main()
