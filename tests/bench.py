"""Time budgets, measured as ratios within one run: `make bench`.

Absolute times belong to a machine and an hour; a ratio of two medians of interleaved runs does
not. Processor seconds, unlike those of a clock, leave out what else a machine does. Exit code 1 when a budget is broken. Nothing here is a test: tests never look at a clock.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from homelab.checks import run_checks
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.planner import make_plan
from homelab.render import render
from tests import bench_engine, build
from tests.fleet import grown

ROOT = build.ROOT
SDK = "import pulumi, pulumi_command, pulumi_tailscale"
MOCKED = """
import json
from pathlib import Path
from homelab.config.document import read_document
from homelab.testing.mocks import run
settings = read_document(Path("tests/shipped/Pulumi.home.yaml")).settings
config = {k: v if isinstance(v, str) else json.dumps(v) for k, v in settings.items()}
recorded = run(Path("tests/shipped").resolve(), "home", config, preview=True)
assert recorded.resources and not recorded.error, recorded.error
"""
BY_HAND = f"""
import asyncio
from pathlib import Path
import pulumi
from pulumi.runtime import mocks, settings
from pulumi.runtime.stack import run_in_stack
class Echo(pulumi.runtime.Mocks):
    def call(self, args):
        return {{}}
    def new_resource(self, args):
        return args.name, args.inputs
def program():
    exec({bench_engine.BY_HAND!r}, {{}})
loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
mocks.set_mocks(Echo(), preview=True)
settings.set_root_resource(None)
loop.run_until_complete(run_in_stack(program))
"""


@dataclass(frozen=True)
class Budget:
    """One ratio and its limit."""

    name: str
    ratio: float
    limit: float
    detail: str

    @property
    def holds(self) -> bool:
        return self.ratio <= self.limit


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each kind")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    budgets = [
        *program_budgets(options.runs),
        *previews(options.runs),
        scaling(options.runs),
        *growth(options.runs),
        *connections(),
    ]
    if options.json:
        print(json.dumps([b.__dict__ for b in budgets], indent=2))
    else:
        for b in budgets:
            mark = "holds" if b.holds else "BROKEN"
            print(f"{mark:7} {b.name}: {b.ratio:.3f} (at most {b.limit}); {b.detail}")
    return 0 if all(b.holds for b in budgets) else 1


def program_budgets(runs: int) -> list[Budget]:
    """The time of homelab's own code, relative to the imports of the Pulumi SDK."""
    with tempfile.TemporaryDirectory() as name:
        resources = bench_engine.recorded_resources()
        (Path(name) / "resources.json").write_text(json.dumps(resources), "utf-8")
        sdk, by_hand, whole = interleaved(
            runs, [lambda: fresh(SDK), lambda: fresh(BY_HAND, Path(name)), lambda: fresh(MOCKED)]
        )
    own = [opened() for _ in range(runs + 1)][1:]
    journey = statistics.median(own)
    return [
        Budget(
            "load, plan, check and render against the SDK's imports",
            journey / statistics.median(sdk),
            0.30,
            f"{journey * 1000:.0f} ms against {statistics.median(sdk) * 1000:.0f} ms",
        ),
        Budget(
            "the whole program under mocks against one by hand that registers the same resources",
            statistics.median(w / b for w, b in zip(whole, by_hand, strict=True)),
            # Neither includes the engine, whose start and plugins take most of a real preview;
            # `previews` measures with one, and has the limit that an owner notices. Of this one, half
            # is the import of the models and of the SDK; it was 4.0 to 4.7.
            5.0,
            f"{statistics.median(whole):.2f} s against {statistics.median(by_hand):.2f} s "
            f"for {len(resources)} resources",
        ),
    ]


def previews(runs: int) -> list[Budget]:
    """A preview of the home stack by the real engine, where that is on PATH."""
    if names := bench_engine.lacking():
        print(f"not measured: previews by the real engine; not on PATH: {', '.join(names)}")
        return []
    with bench_engine.projects() as (home, by_hand):
        ours, theirs = interleaved(runs, [home.preview, by_hand.preview])
    return [
        Budget(
            "a preview by the real engine against a program of as many resources",
            statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            1.5,
            f"{statistics.median(ours):.1f} processor seconds against "
            f"{statistics.median(theirs):.1f}",
        )
    ]


def interleaved(runs: int, kinds: list[Callable[[], float]]) -> list[list[float]]:
    """Times of each kind, measured in turns after one warm-up run."""
    for kind in kinds:
        kind()
    times: list[list[float]] = [[] for _ in kinds]
    for _ in range(runs):
        for kind, out in zip(kinds, times, strict=True):
            out.append(kind())
    return times


def fresh(code: str, directory: Path = ROOT) -> float:
    """Processor seconds that a new interpreter takes for some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], cwd=directory, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def opened() -> float:
    """Processor seconds from the stack file to every byte of generated Nix."""
    begin = time.process_time()
    build.open_stack(build.SHIPPED, "home")
    return time.process_time() - begin


def scaling(runs: int) -> Budget:
    """Growth with twice the hosts and services."""
    once, twice = interleaved(runs, [journey(grown(20)), journey(grown(40))])
    return Budget(
        "twice the hosts and services",
        statistics.median(b / a for a, b in zip(once, twice, strict=True)),
        2.2,
        f"{statistics.median(once) * 1000:.0f} ms for 20 hosts with 120 services, "
        f"{statistics.median(twice) * 1000:.0f} ms for 40 with 240",
    )


def growth(runs: int) -> list[Budget]:
    """Growth with ten times the hosts and services, monitored, backed up and in a tailnet."""
    small = [fleet(100) for _ in range(max(runs // 2, 1))]
    seconds, memory = fleet(1000)
    once = statistics.median(s for s, _ in small)
    return [
        Budget(
            "ten times the hosts and services of a fleet",
            seconds / once,
            12,
            f"{once:.2f} s for 100 hosts with 1,000 services, "
            f"{seconds:.2f} s for 1,000 with 10,000",
        ),
        Budget(
            "memory of the largest fleet against 500 MiB",
            memory / 500,
            1,
            f"{memory:.0f} MiB for 1,000 hosts with 10,000 services",
        ),
    ]


FLEET = """
import json, resource, sys
from tests.bench import journey
from tests.fleet import large
timed = journey(large(int(sys.argv[1])))
seconds = timed()
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def fleet(hosts: int) -> tuple[float, float]:
    """Seconds and MiB that a new interpreter takes for a fleet of this size."""
    done = subprocess.run(
        [sys.executable, "-c", FLEET, str(hosts)], cwd=ROOT, check=True, capture_output=True
    )
    seconds, memory = json.loads(done.stdout)
    return seconds, memory


def journey(changes: dict[str, object]) -> Callable[[], float]:
    """CPU seconds for load, plan, check and render of a stack."""
    document = build.document(changes)
    sources = build.sources(build.plan(changes))

    def timed() -> float:
        begin = time.process_time()
        plan = make_plan(load_stack_config(document), Lock())
        run_checks(plan)
        render(plan, sources)
        return time.process_time() - begin

    return timed


def connections() -> list[Budget]:
    """Hosts that an `up` contacts: none without changes, else only the changed ones."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "stack"
        shutil.copytree(build.SHIPPED, copy)
        lab(copy)
        noop = lab(copy)["connections"]
        stack = copy / "Pulumi.home.yaml"
        text = stack.read_text()
        stack.write_text(
            text.replace("miniflux: {host: aurora,", "miniflux: {host: aurora, port: 8099,")
        )
        changed = lab(copy)
        concerned = {"aurora", "pi"}
        lab(copy, "destroy")
    return [
        Budget("connections of an up without changes", sum(noop.values()), 0, "home stack"),
        Budget(
            "hosts contacted beyond those whose text changed",
            len(set(changed["connections"]) - concerned),
            0,
            f"one port changed: {', '.join(sorted(changed['connections']))} were contacted",
        ),
    ]


def lab(directory: Path, action: str = "up") -> dict[str, dict[str, int]]:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "homelab",
            "lab",
            action,
            "-s",
            "home",
            "-C",
            str(directory),
            "--json",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, dict[str, int]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    sys.exit(main())
