"""Checks of flakes: each is known, used, imported, and can be fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.check import check, file_check
from homelab.deploy.private_inputs import sendable
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.flakes import OURS, inputs, inputs_of
from homelab.system.model import Host
from homelab.system.own import inputs_asked, own_settings

FLAKE_IMPORTED = file_check(
    "flake-imported", "error", "An option that no imported module declares fails the evaluation."
)
FLAKE_UNUSED = file_check(
    "flake-unused",
    "warning",
    "An input that no host needs is in no host's flake, so it has no effect.",
    whole=True,
)

Sources = Mapping[str, str | bytes]

_PRIVATE = re.compile(r"(git\+)?(ssh|file)://|[^/:]+@[^/:]+:")
_ALWAYS = ("nixpkgs", "self")
_OPTIONS = (
    ("age.secrets", "agenix", "agenix.nixosModules.default", "github:ryantm/agenix"),
    (
        "boot.lanzaboote",
        "lanzaboote",
        "lanzaboote.nixosModules.lanzaboote",
        "github:nix-community/lanzaboote",
    ),
    ("disko.devices", "disko", "disko.nixosModules.disko", "github:nix-community/disko"),
    ("microvm.vms", "microvm", "microvm.nixosModules.host", "github:astro/microvm.nix"),
    ("stylix.enable", "stylix", "stylix.nixosModules.stylix", "github:nix-community/stylix"),
)
"""Options from flakes other than nixpkgs: option, repository, module, reference. From the README of
each."""


@check("flake-module-known")
def flake_module_known(plan: Plan) -> Iterator[Problem]:
    """A module from an undeclared flake fails the evaluation."""
    for host in plan.hosts.values():
        known = inputs(plan.stack, host.release)
        for i, module in enumerate(host.config.flakes):
            name = module.partition(".")[0]
            if name not in known:
                yield Problem(
                    f"{host.source}.flakes[{i}]",
                    f'homelab:flakes has no "{name}"',
                    did_you_mean(name, known, "flakes") + f"; {_added(name)}",
                )


def _added(name: str) -> str:
    return f'or add flakes: {{{name}: {{url: "…"}}}}, and lock it'


@check("flake-private")
def flake_private(plan: Plan) -> Iterator[Problem]:
    """The deployer sends private Git repositories to hosts, and no other private flakes."""
    for name, flake in sorted(plan.stack.flakes.items()):
        if not _PRIVATE.match(flake.url) or flake.private is not None or sendable(flake.url):
            continue
        users = sorted({s.host for s in plan.services if name in s.flake_inputs})
        users += [
            h.name
            for h in plan.hosts.values()
            if any(m.startswith(f"{name}.") for m in h.config.flakes) and h.name not in users
        ]
        # The machine that evaluates fetches it, for the deployer with the owner's own access.
        known = {h: plan.hosts[h].config.build.copy_from or h for h in users if h in plan.hosts}
        if users and {*known.values()} == {"deployer"}:
            continue
        users = [*{known.get(h, h) for h in users} - {"deployer"}]
        who = f"root of {', '.join(sorted(users))}" if users else "root of each host that needs it"
        yield Problem(
            f"flakes.{name}.url",
            f"{who} has to fetch {flake.url}, and nothing here gives it a key",
            "write it as git+ssh://…, without submodules and lfs, and the deployer sends it; "
            "or put a read-only deploy key of the forge in /root/.ssh there, with the forge in "
            'known_hosts, before the first `pulumi up`, and add private: "how…"',
        )


def check_flakes(plan: Plan, sources: Sources, *, sound: bool = True) -> Iterator[Problem]:
    """Flakes that hand-written modules need, and flakes that nothing needs. Who needs which follows
    from a host's modules, which only a `sound` plan has.
    """
    for host in plan.hosts.values():
        yield from _known(plan, host, sources)
        yield from _imported(plan, host, sources)
    if sound:
        yield from _unused(plan, sources)


def _known(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    known = inputs(plan.stack, host.release)
    for name in sorted(inputs_asked(host, sources) - known.keys() - {*_ALWAYS}):
        yield Problem(
            host.source,
            f"a module of {host.name} asks for inputs.{name}, and homelab:flakes has none",
            did_you_mean(name, known, "flakes") + f"; {_added(name)}",
            check="flake-module-known",
        )


def _imported(plan: Plan, host: Host, sources: Sources) -> Iterator[Problem]:
    known = inputs(plan.stack, host.release)
    asked = inputs_asked(host, sources) | {m.partition(".")[0] for m in host.config.flakes}
    there = " ".join([*asked, *(known[n].url for n in asked if n in known)])
    paths = {s.path[:2] for s in own_settings(host, sources)}
    for option, repository, module, url in _OPTIONS:
        if tuple(option.split(".")) in paths and repository not in there:
            has = "" if repository in known else f'flakes: {{{repository}: {{url: "{url}"}}}}, and '
            yield Problem(
                host.source,
                f"a module of {host.name} sets {option}, and nothing imports what has it",
                f"add {has}{host.source}.flakes: [{module}]" + (", and lock it" if has else ""),
                check=FLAKE_IMPORTED,
            )


def _unused(plan: Plan, sources: Sources) -> Iterator[Problem]:
    from homelab.render import modules_of

    if not plan.stack.flakes:
        return
    used = {*OURS}
    for host in plan.hosts.values():
        used |= set(inputs_of(plan, host, modules_of(plan, host), sources))
    for name in sorted(plan.stack.flakes.keys() - used):
        yield Problem(
            f"flakes.{name}",
            f"nothing needs {name}, so no host's flake has it",
            f"name it in a service (flake: {{input: {name}}}), in hosts.….flakes, or as "
            f"inputs.{name} in a module of yours; or take it out",
            check=FLAKE_UNUSED,
            severity="warning",
        )
