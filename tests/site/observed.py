"""The effects of a stack: files, inputs of resources, and problems."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from homelab.checks import run_checks
from homelab.cloudflare.checks import ended
from homelab.config.lock import Lock
from homelab.config.stack import StackConfig
from homelab.dashboard.icons import wanted
from homelab.deploy.plan import build_flags, build_wake, policy_of
from homelab.deploy.probes import probes_of
from homelab.ops.project.stack import check_sources
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.policy.exceptions import excepted
from homelab.policy.tinker_checks import check_tinker
from homelab.proxy.checks import outlived
from homelab.render import modules_of
from homelab.secrets.ages import check_ages
from homelab.secrets.deployer import check_deployer
from homelab.system import bootstrap
from homelab.system.flakes import flake
from homelab.system.own import own_paths
from tests import build
from tests.site.rich import FORGETS

Effects = Mapping[str, str]
"""Each effect by what it is an effect on."""


def sources(plan: Plan) -> dict[str, str | bytes]:
    """Stand-ins for every file, with a lock that contains each flake."""
    out = build.sources(plan)
    for pin in plan.stack.nixpkgs.values():
        lock = json.loads(out[pin.lock])
        for name, said in plan.stack.flakes.items():
            kind, _, rest = said.url.partition(":")
            owner, _, repo = rest.partition("/")
            original = {"type": kind, "owner": owner, "repo": repo}
            lock["nodes"][name] = {
                "inputs": {"nixpkgs": ["nixpkgs"]},
                "locked": {**original, "rev": "0" * 40, "narHash": "sha256-x", "lastModified": 1},
                "original": original,
            }
            lock["nodes"]["root"]["inputs"][name] = name
        out[pin.lock] = json.dumps(lock)
    out["hosts/box/hardware.nix"] = FORGETS
    return out


def effects(config: StackConfig) -> Iterator[tuple[str, str]]:
    """All effects of a stack by kind, the cheapest first: a reader may stop at a difference."""
    plan = make_plan(config, Lock())
    yield from _resources(plan).items()
    modules = {}
    for name, host in plan.hosts.items():
        live = host.config.state != "planned"
        modules[name] = list(modules_of(plan, host)) if live else []
        # The parts of a module stand for its file; printing each file would take minutes.
        yield from ((f"{name}/{m.file}", repr(m)) for m in modules[name])
    for name, host in plan.hosts.items():
        if (image := bootstrap.image(plan, host)) is not None:
            modules[name].append(image)
            yield f"{name}/{image.file}", repr(image)
    files = sources(plan)
    found = {*run_checks(plan)}
    sound = not any(p.severity == "error" for p in found)
    found |= {*check_sources(plan, files, sound=sound), *check_deployer(plan, files)}
    problems = sorted({*found, *outlived(plan, "2030-06-01"), *ended(plan, "2029-12-20")})
    problems = sorted({*problems, *check_ages(plan, files, "2030-06-01")})
    problems = excepted(plan, {*problems, *check_tinker(plan, "2030-06-01")}, "2030-06-01")
    yield "problems", "\n".join(str(p) for p in problems)
    for name, host in plan.hosts.items():
        if host.config.state != "planned":
            if sound:
                yield f"{name}/flake.nix", flake(plan, host, modules[name], files, "")[0]
            yield f"{name}/own", repr(own_paths(host))
    yield "pictures", repr([*wanted(plan)])


def _resources(plan: Plan) -> Effects:
    """The inputs of the components."""
    out = {
        "cloudflare": repr(plan.cloudflare),
        "tailnet": repr(plan.tailnet),
        "waves": repr(plan.waves),
        "secrets": repr(plan.secrets),
        "deploy": repr(plan.stack.deploy),
    }
    for name, host in plan.hosts.items():
        out[f"host {name}"] = repr(
            (
                host.config.state,
                host.config.ssh,
                host.config.build,
                # Unchanged, in the input of a switch.
                host.config.offline,
                host.config.reboot,
                policy_of(plan.stack, host, probes_of(plan, host), stack="rich"),
                build_flags(plan.stack, plan.hosts, host),
                build_wake(plan.hosts, host),
            )
        )
    return out
