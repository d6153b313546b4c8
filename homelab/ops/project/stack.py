"""Open a stack: from the files on disk to a checked plan."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from homelab.backup.disk_checks import check_backup_disks
from homelab.certificates.root import check_root, root_ends
from homelab.checks import every_rule, run_checks, settled
from homelab.cloudflare.checks import ended
from homelab.config.document import Document
from homelab.config.expansion import expanded
from homelab.config.load import document_of, load_stack_config
from homelab.config.scalar import Value
from homelab.config.stack import StackConfig
from homelab.dashboard.icons import check_icons
from homelab.deploy.git import GitState, check_git
from homelab.deploy.model import Release
from homelab.disks.file_checks import check_file_systems
from homelab.fillings import FILLINGS
from homelab.neighbours import Neighbour, check_neighbours
from homelab.openings.checks import check_openings
from homelab.ops.install.service_test import stale_tests
from homelab.ops.project.documents import read_stack_document, with_facts
from homelab.ops.project.git import git_state
from homelab.ops.project.locks import first_stack, read_lock, stack_names
from homelab.ops.project.neighbours import keys_of, read_neighbours
from homelab.ops.project.own_docs import check_host_folders, check_own_docs
from homelab.ops.project.pages import stale_pages
from homelab.ops.project.rehearsed import is_rehearsed
from homelab.ops.project.sources import read_sources
from homelab.ops.starter.dev_shells import stale_shells
from homelab.plan import Plan
from homelab.planner import make_plan
from homelab.policy.exceptions import excepted
from homelab.policy.tinker_checks import check_tinker
from homelab.problems import (
    HomelabError,
    InvalidStackError,
    Problem,
    UsageError,
    did_you_mean,
    is_unread,
)
from homelab.proxy.checks import outlived
from homelab.remainder import completed, in_each, rest_of, unrelated
from homelab.render import render, render_images
from homelab.secrets.ages import check_ages
from homelab.secrets.deployer import check_deployer
from homelab.secrets.literal_checks import check_literals
from homelab.secrets.recipients import check_sops_files
from homelab.secrets.stand_in import for_rehearsal, stand_ins
from homelab.services.lock_checks import check_lock
from homelab.services.own_checks import unused_everywhere
from homelab.storage.mount_checks import check_mounts, check_targets
from homelab.system.arguments import check_arguments
from homelab.system.checks import check_own_modules
from homelab.system.disk_checks import check_disks
from homelab.system.flake_checks import check_flakes
from homelab.system.home_checks import check_homes
from homelab.system.kernel_checks import check_kernel
from homelab.system.manage_checks import check_extended, check_managed
from homelab.system.name_checks import check_names
from homelab.system.nix_checks import check_locks
from homelab.system.own import check_own_files
from homelab.system.path_checks import check_flake_paths
from homelab.system.persistence_checks import check_persistence
from homelab.system.pin_checks import check_pin_ages
from homelab.system.placeholders import check_placeholders
from homelab.system.site_literals import check_site_literals
from homelab.system.size_checks import check_module_sizes
from homelab.system.upkeep_checks import check_build_dirs
from homelab.system.wiped_checks import check_wiped


@dataclass(frozen=True)
class Stack:
    """A stack that passed every check, with the files it generates."""

    name: str
    directory: Path
    plan: Plan
    warnings: tuple[Problem, ...]
    releases: Mapping[str, Release]
    images: Mapping[str, Release]
    """Trees of planned hosts, each with its installation image only."""


def open_stack(
    directory: Path | str, name: str, values: Mapping[str, Value] | None = None
) -> Stack:
    """Load, plan, check and render a stack.

    `values` come from Pulumi; the file then only gives the line of each value.
    Raises InvalidStackError with all problems, before anything is written or contacted.
    """
    return open_document(Path(directory), name, _document(Path(directory), name, values))


def open_document(
    directory: Path, name: str, document: Document, instead: Mapping[str, str] | None = None
) -> Stack:
    """As `open_stack`, for values that are read already, and texts `instead` of files."""
    plan, sources, problems = _planned(directory, name, document, instead)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise InvalidStackError(problems)
    releases, images = render(plan, sources), render_images(plan, sources)
    return Stack(name, directory, plan, tuple(problems), releases, images)


def open_config(directory: Path | str, name: str, config: StackConfig) -> Stack:
    """As `open_stack`, for a config that a program made of the models instead of a file.

    It goes the way of a file, through the same checks. Files that it names are beside `directory`,
    and so is the lock of the stack `name`.
    """
    return open_document(Path(directory), name, document_of(config))


def check_stack(directory: Path, name: str) -> tuple[Plan, tuple[Problem, ...]]:
    """A plan and all its problems. Raises only if the stack cannot be planned."""
    return check_document(directory, name, _document(directory, name, None))


def check_document(
    directory: Path, name: str, document: Document
) -> tuple[Plan, tuple[Problem, ...]]:
    """As `check_stack`, for values that are read already."""
    plan, _, problems = _planned(directory, name, document)
    return plan, tuple(problems)


def find_stack(directory: Path, name: str | None) -> str:
    """The named stack, else PULUMI_STACK, else the only one, else the first: the one that
    `homelab.lock.yaml` belongs to. Raises UsageError.
    """
    if not directory.is_dir():
        raise UsageError(f"there is no directory {directory}; name that of the stack file with -C")
    known = stack_names(directory)
    variable = "" if name else "PULUMI_STACK: "
    name = name or os.environ.get("PULUMI_STACK") or None
    if name is None:
        if len(known) > 1 and (first := first_stack(directory)) in known:
            return first
        if len(known) == 1:
            return known[0]
        if known:
            raise UsageError(f"there are several stacks here; name one with -s: {', '.join(known)}")
        raise UsageError(
            f"there is no Pulumi.<stack>.yaml in {directory.resolve()}; name its directory with "
            "-C, or make one: homelab init"
        )
    if name not in known:
        way_out = did_you_mean(name, known, "stacks") if known else "name its directory with -C"
        raise UsageError(
            f'{variable}there is no stack "{name}" in {directory.resolve()}; {way_out}'
        )
    return name


def meant_stacks(directory: Path, name: str | None) -> list[str]:
    """The stacks of a command that takes several at once: all of them if none is named."""
    every = stack_names(directory)
    return every if name is None and len(every) > 1 else [find_stack(directory, name)]


def _document(directory: Path, name: str, values: Mapping[str, Value] | None) -> Document:
    path = directory / f"Pulumi.{name}.yaml"
    if values is None:
        return read_stack_document(directory, name)
    if not path.exists():
        return with_facts(Document(dict(values)), directory)
    document = read_stack_document(directory, name)
    # The file shows which text YAML reads as a date; Pulumi's values do not.
    agreed = {
        k: document.values[k] if document.values.get(k) == v else v for k, v in values.items()
    }
    unknown = {k: v for k, v in document.values.items() if k not in values}
    return replace(document, values={**unknown, **agreed})


def _planned(
    directory: Path, name: str, document: Document, instead: Mapping[str, str] | None = None
) -> tuple[Plan, dict[str, str | bytes], list[Problem]]:
    document = expanded(document)
    try:
        site = load_stack_config(document)
    except InvalidStackError as error:
        raise InvalidStackError(
            sorted({*error.problems, *_of_the_rest(directory, name, document)})
        ) from None
    lock, day = read_lock(directory, name), today()
    plan = make_plan(site, lock.lock)
    sources, missing = read_sources(directory, plan, instead)
    found = {*run_checks(plan), *missing}
    sound = not any(p.severity == "error" for p in found)
    # What is in an unread file is not known, so nothing is said that would follow from it.
    if not any(map(is_unread, missing)):
        found |= {*check_sources(plan, sources, sound=sound), *check_deployer(plan, sources)}
    if sound:
        found |= {*stale_pages(directory, name, plan)}
        found |= {*check_own_docs(directory, plan), *check_host_folders(directory, plan)}
        found |= {*stale_shells(directory, name, plan)}
        found |= {*stale_tests(directory, name, plan, sources)}
    found |= {
        *check_lock(plan, lock.name, is_there=lock.is_there),
        *outlived(plan, day),
        *ended(plan, day),
        *root_ends(plan, sources, day),
        *check_ages(plan, sources, day),
        *check_pin_ages(plan, sources, day),
        *check_tinker(plan, day),
        *check_git(plan, _git_state(directory, name, plan, document, sources, lock.name)),
    }
    neighbours = read_neighbours(directory, name, plan)
    found |= {*check_neighbours(plan, keys_of(directory, plan), neighbours)}
    found = {*_facts_of_the_project(found, document, neighbours)}
    if is_rehearsed():
        sources |= stand_ins(plan, sources)
        found = {for_rehearsal(p, plan) for p in found}
    problems = excepted(plan, settled(_each_once(found)), day)
    return plan, sources, [located_in(p, document) for p in problems]


def _git_state(
    directory: Path,
    name: str,
    plan: Plan,
    document: Document,
    sources: Mapping[str, str | bytes],
    lock: str,
) -> GitState | None:
    """What Git says of every file that the release is made of; None if the stack does not ask."""
    if not plan.stack.deploy.require_clean_git:
        return None
    program = (f"Pulumi.{name}.yaml", "Pulumi.yaml", "__main__.py", lock)
    return git_state(directory, {*program, *document.files.values(), *sources})


def today() -> str:
    """The present day in UTC, `2026-12-31`."""
    return datetime.now(UTC).date().isoformat()


def _of_the_rest(directory: Path, name: str, document: Document) -> list[Problem]:
    """Problems besides values that cannot be read, so that all are reported at once."""
    whole = {rule.id for rule in every_rule() if rule.whole}
    lock = read_lock(directory, name).lock
    each: list[list[Problem]] = []
    seen: list[StackConfig] = []
    for filling in FILLINGS:
        rest = rest_of(document, filling)
        if rest is None:
            return []
        site, left_out = rest
        if site in seen:
            continue
        seen.append(site)
        plan = make_plan(site, lock)
        found = _each_once({*run_checks(plan), *read_sources(directory, plan)[1]})
        # What nothing uses shows when all of the stack can be read.
        found = [p for p in found if p.check not in whole]
        each.append([completed(p, left_out, document) for p in unrelated(found, left_out)])
    return [located_in(p, document) for p in in_each(each)]


def _facts_of_the_project(
    problems: Iterable[Problem], document: Document, neighbours: Iterable[Neighbour]
) -> list[Problem]:
    """The problems without `facts-used` of a file that another stack of the project uses."""
    shared = {str(place[1]) for place in document.files if place[:1] == ("catalog",)}
    # The stack file of the same project is in the same directory.
    others = [n.plan for n in neighbours if Path(n.file).parent == Path()]
    return unused_everywhere(problems, shared, others)


def _each_once(problems: Iterable[Problem]) -> list[Problem]:
    """The problems in order, each cause once: two checks may find the same cause."""
    seen: dict[tuple[str, str], Problem] = {}
    for problem in sorted(problems):
        seen.setdefault((problem.where, problem.what), problem)
    return [*seen.values()]


def located_in(problem: Problem, document: Document) -> Problem:
    """The problem, with the line of its place in the stack file. A place that is no key of a stack
    config, such as a page of the owner, has none there.
    """
    if problem.line or problem.file or not document.lines:
        return problem
    section = problem.where.partition(".")[0].partition("[")[0]
    if section not in StackConfig.model_fields and (section,) not in document.lines:
        return problem
    path: list[str | int] = []
    for part in problem.where.replace("]", "").replace("[", ".").split("."):
        path.append(int(part) if part.isdigit() else part)
    # A key may contain dots, as option names do: then the rest of the place is one key.
    whole = [(*path[:i], ".".join(map(str, path[i:]))) for i in range(1, len(path))]
    known = [w for w in whole if w in document.lines]
    place = (known or [tuple(path)])[0]
    return replace(problem, file=document.file_of(place), line=document.line(place))


def line_in(document: Document, where: str) -> str:
    """`Pulumi.home.yaml:12` for a place; empty where the stack file does not have it."""
    found = located_in(Problem(where, ""), document)
    return f"{found.file}:{found.line}" if found.line else ""


def check_sources(
    plan: Plan, sources: Mapping[str, str | bytes], *, sound: bool = True
) -> list[Problem]:
    """Problems of the files themselves. The inputs that a flake lock needs follow from a host's
    modules, which only a `sound` plan has.
    """
    return [
        *(check_locks(plan, sources) if sound else ()),
        *(check_managed(plan) if sound else ()),
        *check_extended(plan, sources),
        *check_own_modules(plan, sources),
        *check_own_files(plan, sources),
        *check_flake_paths(plan, sources),
        *check_arguments(plan, sources),
        *check_site_literals(plan, sources),
        *check_module_sizes(plan, sources),
        *check_homes(plan, sources),
        *check_disks(plan, sources),
        *check_placeholders(plan, sources),
        *check_kernel(plan, sources),
        *check_flakes(plan, sources, sound=sound),
        *check_literals(plan, sources),
        *check_openings(plan, sources),
        *check_build_dirs(plan, sources),
        *check_mounts(plan, sources),
        *check_file_systems(plan, sources),
        *check_targets(plan, sources),
        *check_backup_disks(plan, sources),
        *check_icons(plan, sources),
        *check_root(plan, sources),
        *check_persistence(plan, sources, sound=sound),
        *check_wiped(plan, sources, sound=sound),
        *check_names(plan, sources),
        *check_sops_files(plan, sources),
    ]


__all__ = [
    "HomelabError",
    "Stack",
    "check_document",
    "check_sources",
    "check_stack",
    "find_stack",
    "line_in",
    "located_in",
    "meant_stacks",
    "open_config",
    "open_document",
    "open_stack",
    "read_sources",
]
