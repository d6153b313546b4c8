"""Compare hosts with the present lock files and with new ones."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from homelab.config.document import Document
from homelab.deploy import scripts
from homelab.evaluation.failures import WHERE
from homelab.evaluation.versions import changes
from homelab.ops.evaluate import Evaluation, evaluate, run_nix
from homelab.ops.hosts import named
from homelab.ops.project.documents import read_stack_document
from homelab.ops.project.stack import Stack, located_in
from homelab.ops.update.lock import Request, Say, Update
from homelab.problems import Problem
from homelab.update.model import HostUpdate, steps
from homelab.update.obsolete import Use, obsolete_options, uses
from homelab.update.unbuilt import read_unbuilt


def compare_hosts(update: Update, request: Request, report: Say) -> Iterator[HostUpdate]:
    """What the new lock files change on each host that uses them, one host after the other."""
    pins = {p.pin for p in update.pins}
    hosts = [
        h
        for h in update.new.releases
        if update.new.plan.hosts[h].config.nixpkgs in pins and request.host in ("", h)
    ]
    for host in hosts:
        before = _evaluated(update.old, host, request, report) if update.old else None
        after = _evaluated(update.new, host, request, report)
        yield _compared(update, host, before, after, request)


def _evaluated(stack: Stack, host: str, request: Request, report: Say) -> Evaluation:
    found = evaluate(
        stack,
        [host],
        on=request.on,
        memory_mib=request.memory_mib,
        versions=True,
        report=report,
    )
    return next(found)


def _compared(
    update: Update, host: str, before: Evaluation | None, after: Evaluation, request: Request
) -> HostUpdate:
    plan = update.new.plan
    known = {(p.where, p.what) for p in before.problems} if before else set()
    problems = tuple(p for p in after.problems if (p.where, p.what) not in known)
    used = _uses(update, host, before, after)
    texts = {_without_directories(use.obsolete.text) for use in used}
    problems = tuple(
        p for p in problems if not any(text in _without_directories(p.what) for text in texts)
    )
    old = before.answer.report.versions if before and before.answer.report else None
    new = after.answer.report.versions if after.answer.report else None
    found = changes(plan, plan.hosts[host], old, new) if old and new else ()
    unbuilt = None
    if after.answer.toplevel:
        builder = named(plan, request.on) if request.on is not None else None
        done = run_nix(scripts.unbuilt_script(after.answer.toplevel), builder)
        if done.exit == 0:
            unbuilt = read_unbuilt(done.stderr)
        else:
            problems = (*problems, _not_listed(done.stderr))
    compared = old is not None and new is not None
    needed = tuple(steps(plan, found))
    return HostUpdate(host, compared, found, needed, problems, unbuilt, used)


def _without_directories(text: str) -> str:
    """A message with file names alone: a problem has other paths than the report of Nix."""
    return re.sub(r"[^\s`'\u2018\u2019]*/", "", text)


def _uses(
    update: Update, host: str, before: Evaluation | None, after: Evaluation
) -> tuple[Use, ...]:
    """Where the owner sets renamed options, and options that are gone with the new lock file."""
    reports = [e.answer.report if e else None for e in (before, after)]
    old, new = (obsolete_options(r) if r else () for r in reports)
    gone = {o.option for o in old if o.new is None}
    plan, files = update.new.plan, dict(update.new.releases[host].files)
    found = uses(plan, plan.hosts[host], files, [o for o in new if o.option not in gone])
    document = read_stack_document(update.new.directory, update.new.name)
    return tuple(dict.fromkeys(_located(use, document) for use in found))


def _located(use: Use, document: Document) -> Use:
    """With the line of the stack file."""
    if use.is_module:
        return use
    found = located_in(Problem(use.where, ""), document)
    return replace(use, file=found.file, line=found.line)


def _not_listed(stderr: str) -> Problem:
    last = [line.strip() for line in stderr.splitlines() if line.strip()][-1:]
    return Problem(
        WHERE,
        f"what would be compiled is not known: {' '.join(last) or 'nix-store failed'}",
        "build one host first and look",
        severity="warning",
    )
