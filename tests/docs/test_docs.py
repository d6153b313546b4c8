"""Generated pages are current, and commands, checks and tests that pages name exist."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from textwrap import indent
from typing import get_args

import pytest
import yaml

from homelab.catalog import ENTRIES
from homelab.checks import all_checks, every_rule, run_checks
from homelab.config.document import Document, Value, parse_document
from homelab.config.load import load_stack_config
from homelab.config.lock import Lock
from homelab.lab.host import Fault
from homelab.planner import make_plan
from tests.docs import pictures, write

ROOT = write.ROOT
WRITTEN = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    + [p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "reference"]
)
PAGES = sorted([*WRITTEN, *write.PLACE.glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(text_of(path)) if kind == language]


def commands(path: Path) -> list[str]:
    """The commands of a page: lines after a prompt, and inline code."""
    text = text_of(path)
    typed = [
        line[2:]
        for body in blocks(path, "console")
        for line in body.splitlines()
        if line[:2] == "$ "
    ]
    prose = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    words = [w.partition("#")[0].partition(">")[0] for w in typed] + prose
    return [part.strip() for line in words for part in re.split(r"&&|;", line)]


@pytest.mark.parametrize("name", sorted(write.pages()))
@pytest.mark.requirement("S0-78")
def test_a_reference_page_is_current(name: str) -> None:
    page = write.PLACE / name
    assert page.exists(), "run: make docs"
    assert text_of(page) == write.pages()[name](), "run: make docs"


def test_the_pictures_of_the_guide_are_current() -> None:
    written = {path.name: text_of(path) for path in pictures.PLACE.iterdir()}
    assert written == pictures.files(), "run: make docs"


def test_the_reference_contains_only_generated_pages() -> None:
    assert sorted(p.name for p in write.PLACE.iterdir()) == sorted(write.pages())


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_links_of_a_page_exist(path: Path) -> None:
    text = FENCE.sub("", text_of(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        page = (path.parent / file).resolve() if file else path
        assert page.exists(), target
        if anchor:
            assert anchor in anchors(page), target


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as on GitHub."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(path)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in found}


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_commands_that_a_page_names_exist(path: Path) -> None:
    known = write.commands()
    for line in commands(path):
        words = re.sub(r"^(uv run )", "", line).split()
        if not words or words[0] != "homelab" or len(words) == 1 or words[1] == "…":
            continue
        whole, options = [words[0]], words[1:]
        while options and " ".join([*whole, options[0]]) in known:
            whole.append(options.pop(0))
        # `homelab --version` is whole without a command.
        assert len(whole) > 1 or all(o.startswith("-") for o in options), line
        group = known[" ".join(whole)]
        if options and getattr(group, "commands", None) and not options[0].startswith(("-", "…")):
            # A short form, as the group itself resolves it.
            whole.append(group.resolve_command(None, [*options])[0])
        command = known[" ".join(whole)]
        flags = {o for p in command.params for o in p.opts}
        assert [o for o in options if o.startswith("-") and o not in flags] == [], line
        if getattr(command, "commands", None) and len(whole) > 1:
            assert options in ([], ["…"]), line


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_make_targets_that_a_page_names_exist(path: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    named = {
        w
        for line in commands(path)
        if line.startswith("make ")
        for w in shlex.split(line.partition("…")[0])[1:]
        if "=" not in w  # a variable
    }
    assert named <= set(targets)


def test_every_make_target_is_in_the_contributing_guide() -> None:
    targets = re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE)
    guide = text_of(ROOT / "CONTRIBUTING.md")
    assert [t for t in targets if f"`make {t}`" not in guide] == []


@pytest.mark.requirement("S0-62")
def test_every_label_of_a_problem_is_listed_once() -> None:
    """`homelab check --list` and the page list the id at the end of each message."""
    ids = [rule.id for rule in every_rule()]
    assert len(ids) == len(set(ids))
    registered = {c.id for c in all_checks()}
    assert set(_given()) - registered == set(ids) - registered


def _given() -> Iterator[str]:
    """Ids that the code passes to `Problem`, as fourth argument or by keyword."""
    for path in (ROOT / "homelab").rglob("*.py"):
        text = text_of(path)
        for node in ast.walk(ast.parse(text)) if "Problem(" in text else ():
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem":
                given = [k.value for k in node.keywords if k.arg == "check"] or node.args[3:4]
                yield from (str(g.value) for g in given if isinstance(g, ast.Constant))
                yield from (
                    g.id.lower().replace("_", "-")
                    for g in given
                    if isinstance(g, ast.Name) and g.id.isupper()
                )


@pytest.mark.parametrize("path", WRITTEN, ids=name_of)
def test_checks_and_tests_that_a_page_names_exist(path: Path) -> None:
    text = FENCE.sub("", text_of(path))
    known = {rule.id for rule in every_rule()}
    for id_ in re.findall(r"\(`([a-z]+(?:-[a-z0-9]+)+)`\)", text):
        assert id_ in known, id_
    for id_ in re.findall(r"\[([a-z]+(?:-[a-z0-9]+)+)\]$", text_of(path), re.MULTILINE):
        assert id_ in known, id_
    for named in re.findall(r"`((?:tests|homelab|components|lab|hosts)/[\w/.]*)`", text):
        assert (ROOT / named).exists(), named


def test_every_guarantee_of_the_guide_names_an_existing_test() -> None:
    files = (ROOT / "tests").rglob("test_*.py")
    known = {n for f in files for n in re.findall(r"^def (test_\w+)", f.read_text(), re.MULTILINE)}
    named = {n for path in WRITTEN for n in re.findall(r"`(test_[a-z0-9_]+)`", text_of(path))}
    assert named
    assert sorted(named - known) == []


@pytest.mark.parametrize("path", PAGES, ids=name_of)
def test_no_page_names_the_machine_on_which_it_was_written(path: Path) -> None:
    absolute = r"(?<![\w.>-])(?:/work|/root|/tmp|/Users|/home)/\w[\w/.-]*"
    # An app of the catalog may keep its state in the home directory of its user.
    state = tuple(p for entry in ENTRIES.values() for p in entry.state)
    found = [p for p in re.findall(absolute, text_of(path)) if not p.startswith(state)]
    assert found == []


STACK = "tests/shipped/Pulumi.home.yaml"
EXAMPLES = [
    # The first two of a page are quick; `make test-lab` has all.
    pytest.param(p, body, id=name_of(p), marks=() if number < 2 else (pytest.mark.long,))
    for p in WRITTEN
    for number, body in enumerate(blocks(p, "yaml"))
]


@pytest.mark.parametrize(("path", "body"), EXAMPLES)
def test_an_example_fits_into_the_home_stack(path: Path, body: str) -> None:
    """Each example, merged over the shipped stack, gives a stack without errors. Facts of a service
    start with the name of their file, and their service is added.
    """
    whole = body if "config" in yaml.safe_load(body) else "config:\n" + indent(body, "  ")
    if file := re.match(r"(?:# yaml-language-server.*\n)?# services/([a-z0-9-]+)\.yaml\n", body):
        placed = f"  homelab:services: {{{file[1]}: {{host: aurora}}}}\n  homelab:catalog:\n"
        whole = f"config:\n{placed}    {file[1]}:\n{indent(body, '      ')}"
    example = parse_document(whole, name_of(path)).values
    assert example, "an example of the stack config starts with homelab:<section>"
    home = parse_document(text_of(ROOT / STACK), STACK).values
    # An example of `identity` replaces the section of the shipped stack.
    under = {k: v for k, v in home.items() if k != "identity"}
    values = {**home, **{k: laid_over(under.get(k), v) for k, v in example.items()}}
    problems = run_checks(make_plan(load_stack_config(Document(values)), Lock()))
    assert [str(p) for p in problems if p.severity == "error"] == []


def laid_over(under: Value, over: Value) -> Value:
    if isinstance(under, dict) and isinstance(over, dict):
        return {**under, **{k: laid_over(under.get(k), v) for k, v in over.items()}}
    return over


def test_the_lab_page_lists_every_fault() -> None:
    page = text_of(ROOT / "docs/guide/lab.md")
    named = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert sorted(named) == sorted(get_args(Fault))


def test_the_readme_is_short() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.parametrize("folder", ["guide", "decisions"])
def test_an_index_links_every_page_of_its_folder(folder: str) -> None:
    place = ROOT / "docs" / folder
    linked = re.findall(r"\]\(([^)/#]+\.md)\)", text_of(place / "README.md"))
    assert sorted(linked) == sorted(p.name for p in place.glob("*.md") if p.name != "README.md")
