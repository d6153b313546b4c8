"""Evaluate hosts with Nix, here or on a host of the stack, and report findings by their place."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from homelab.deploy import scripts
from homelab.deploy.before_build import sent_inputs
from homelab.deploy.model import Release
from homelab.evaluation.failures import EXITED
from homelab.evaluation.failures import WHERE as NIX
from homelab.evaluation.findings import findings
from homelab.evaluation.messages import read_warnings
from homelab.evaluation.model import Answer, Report
from homelab.evaluation.places import Places
from homelab.evaluation.plan import plan_asked
from homelab.evaluation.question import attribute, by_directories, by_flake
from homelab.evaluation.versions import package_options
from homelab.ops.deploy.inputs import InputSpec, bring_inputs
from homelab.ops.hosts import link_to, named
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import Completed, DialMap
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import Stack, located_in, today
from homelab.plan import Plan
from homelab.policy.facts import from_report
from homelab.policy.model import HostScore
from homelab.policy.report import judged
from homelab.problems import HomelabError, Problem, UsageError, did_you_mean
from homelab.system.model import Host

MEMORY_MIB = 4096
"""Memory that Nix may use for one host. A large host with a desktop needs about 2 GiB."""
_TREE = "homelab: the tree is "
_NO_PROGRAM = 127


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of one host: Nix's answer, and the problems found."""

    host: str
    answer: Answer
    problems: tuple[Problem, ...]
    score: HostScore | None = None
    """The security baseline over the merged options; None if Nix stopped, and for a home."""


def evaluate(
    stack: Stack,
    hosts: Sequence[str],
    *,
    on: str | None = None,
    inputs: Mapping[str, str] | None = None,
    memory_mib: int = MEMORY_MIB,
    versions: bool = False,
    report: Callable[[str], None],
) -> Iterator[Evaluation]:
    """Evaluate hosts one after another: all that have files, or the named ones.

    With each tree's own flake and lock, or with `inputs` (name to directory) without flakes; here,
    or `on` a host of the stack, which gets private inputs from here. With `versions`, the
    answers have the versions of packages. Raises HomelabError if the evaluation cannot run at all.
    """
    plan = stack.plan
    if on is not None and inputs:
        raise UsageError("--input names directories of this machine; leave out --on or --input")
    builder = named(plan, on) if on is not None else None
    for host in chosen(stack, hosts):
        release = stack.releases[host.name]
        where = f" on {builder.name}" if builder else ""
        report(f"{host.name}: evaluating release {release.id}{where}")
        packages = package_options(plan, host) if versions else ()
        script = _script(plan, host, release, inputs or {}, memory_mib, packages)
        done = _with_inputs(stack, release, script, builder, report) if builder else _here(script)
        yield _read(stack, host, release, done, inputs or {}, builder)


def chosen(stack: Stack, names: Sequence[str]) -> list[Host]:
    """The named hosts, or all with files. Raises UsageError for one that has no files."""
    known = list(stack.releases)
    for name in names:
        if name not in known:
            raise UsageError(
                f'there is no host "{name}" with files; {did_you_mean(name, known, "hosts")}'
            )
    return [stack.plan.hosts[name] for name in dict.fromkeys(names or known)]


def _script(
    plan: Plan,
    host: Host,
    release: Release,
    inputs: Mapping[str, str],
    memory_mib: int,
    packages: tuple[tuple[str, ...], ...],
) -> str:
    asked = plan_asked(plan, host, packages)
    question = by_directories(plan, host, asked, inputs) if inputs else by_flake(host, asked)
    return scripts.evaluate_script(
        dict(release.files),
        question,
        attribute(plan, host),
        memory_mib=memory_mib,
        by_directories=bool(inputs),
    )


def run_nix(script: str, builder: Host | None) -> Completed:
    """Run a script of Nix on this machine, or on a host of the stack."""
    return _there(builder, script) if builder else _here(script)


def _here(script: str) -> Completed:
    try:
        done = subprocess.run(
            scripts.shell().split(),
            input=script.encode(),
            capture_output=True,
            check=False,
        )
    except OSError as error:
        raise HomelabError(f"bash cannot be run: {error.strerror}; put it on PATH") from None
    return Completed(
        done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )


def _with_inputs(
    stack: Stack, release: Release, script: str, builder: Host, report: Callable[[str], None]
) -> Completed:
    sent = [InputSpec.model_validate(each) for each in sent_inputs(stack.plan.stack, release)]
    return _there(builder, script, lambda link: bring_inputs(sent, link, report))


def _there(
    builder: Host, script: str, first: Callable[[HostLink], Awaitable[None]] | None = None
) -> Completed:
    async def ask() -> Completed:
        link = link_to(builder, DialMap.from_environment())
        try:
            if first is not None:
                await first(link)
            return await link.ask(script, None)
        finally:
            await link.close()

    return asyncio.run(ask())


def _read(
    stack: Stack,
    host: Host,
    release: Release,
    done: Completed,
    inputs: Mapping[str, str],
    builder: Host | None,
) -> Evaluation:
    lines = done.stderr.splitlines()
    needs_program(done, "nix-instantiate" if inputs else "nix", builder)
    top = next((line[len(_TREE) :] for line in lines if line.startswith(_TREE)), "")
    output = "\n".join(line for line in lines if not line.startswith("homelab: "))
    answer = _answer(host, done, output)
    places = Places(stack.plan, host, dict(release.files), top)
    document = read_stack_document(stack.directory, stack.name)
    found = [
        p if p.where == NIX else located_in(p, document)
        for p in findings(stack.plan, host, places, answer, today())
    ]
    score = None
    if answer.report is not None:
        score = judged(from_report(stack.plan, host, answer.report.secured), today())
    return Evaluation(host.name, answer, tuple(dict.fromkeys(sorted(found))), score)


def needs_program(done: Completed, program: str, builder: Host | None) -> None:
    """Raises HomelabError if the script found no such program of Nix."""
    if done.exit != _NO_PROGRAM or done.stdout:
        return
    where, way_out = (
        (builder.name, "name another host of the stack, or leave --on out where Nix is here")
        if builder
        else (
            "this machine",
            "install Nix, or name a host of the stack that has it with --on HOST",
        )
    )
    raise HomelabError(f"Nix: there is no {program} on the PATH of {where}; {way_out}")


def _answer(host: Host, done: Completed, output: str) -> Answer:
    warnings = read_warnings(output)
    if done.exit != 0:
        return Answer(host.name, None, output or f"{EXITED} {done.exit}", warnings)
    try:
        data = json.loads(done.stdout)
        if not host.is_nixos:
            return Answer(host.name, None, "", warnings, toplevel=str(data["toplevel"]))
        found = Report.model_validate(data)
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        kind = type(error).__name__
        raise HomelabError(
            f"{host.name}: the answer of Nix is not a report ({kind}); "
            "check whether nix on PATH is another program"
        ) from None
    reported = {" ".join(w.text.split()) for w in found.warnings}
    own = tuple(w for w in warnings if not any(w in t or t in w for t in reported))
    return Answer(host.name, found, "", own, toplevel=found.toplevel)
