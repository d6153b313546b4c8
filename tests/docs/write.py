"""Generate `docs/reference` and the pictures of the guide from the code: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from homelab.catalog import ENTRIES
from homelab.catalog.reference import catalog_page
from homelab.check import Check, FileCheck
from homelab.checks import all_checks, file_checks
from homelab.cli.app import app
from homelab.config.schema import service_schema, stack_schema
from homelab.policy.baseline import BASELINE
from tests.catalog.table import page
from tests.docs import pictures
from tests.docs.limits_page import limits_page
from tests.docs.requirements_page import requirements_page
from tests.docs.stack_page import stack_page

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "docs" / "reference"


def pages() -> dict[str, Callable[[], str]]:
    """What generates each reference page, by its file name. The same code gives the same bytes."""
    return {
        "catalog.md": lambda: catalog_page(ENTRIES),
        "catalog-table.md": page,
        "checks.md": checks_page,
        "cli.md": cli_page,
        "limits.md": limits_page,
        "pictures.md": pictures.pictures_page,
        "requirements.md": requirements_page,
        "security.md": security_page,
        "service.schema.json": lambda: json.dumps(service_schema(), indent=2) + "\n",
        "stack.md": stack_page,
        "stack.schema.json": lambda: json.dumps(stack_schema(), indent=2) + "\n",
    }


def main() -> None:
    """Write the pages that differ."""
    written = {PLACE / name: generate() for name, generate in pages().items()}
    written |= {pictures.PLACE / name: text for name, text in pictures.files().items()}
    for path, text in written.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"{path.relative_to(ROOT)} written")


# --- checks ---------------------------------------------------------------------------------------

_CHECKS = """\
# Checks

Generated from the checks in `homelab/*/checks.py` with `make docs`; do not edit.

`homelab check` runs all checks and prints all problems together. `pulumi preview` and `pulumi up` run
them too, before the first resource registers. An error stops the run; a warning does not. Each problem
ends with the id of its check in square brackets.
"""

_SHAPES = """\
Unknown keys and values of the wrong type are found while the file is read, before any check. These
problems have no id; see [the stack config](../guide/stack.md#errors).
"""


def checks_page() -> str:
    """Every check by package, with its reason."""
    parts = [_CHECKS]
    packages: dict[str, list[str]] = {}
    for check in all_checks():
        package = check.rule.__module__.split(".")[1]
        packages.setdefault(package, []).append(_check(check))
    for package, rows in sorted(packages.items()):
        parts.append(f"## {package}\n\n| Check | Why |\n| --- | --- |\n" + "\n".join(rows) + "\n")
    parts.append("## File checks\n\n| Check | Why |\n| --- | --- |")
    parts.append("\n".join(_check(rule) for rule in file_checks()) + "\n")
    parts.append(_SHAPES)
    return "\n".join(parts)


def _check(rule: Check | FileCheck) -> str:
    kind = "" if rule.severity == "error" else f" ({rule.severity})"
    return f"| `{rule.id}`{kind} | {_cell(rule.why)} |"


# --- the security baseline --------------------------------------------------------------------------

_SECURITY = """\
# Security baseline

Generated from the rules in `homelab/policy` with `make docs`; do not edit.

Each rule is about options of one NixOS host after all modules are merged. An id is never used for another rule.

- `homelab eval` asks Nix for the merged options, and reports each *required* rule that a host breaks as an error.
  `homelab eval --security` prints all rules.
- `homelab check --security` prints all rules as far as the stack config and the text of its modules show them, without
  Nix. A value that only Nix can compute is *unknown*.

The score of a host is the share of the known rules that hold. Accepting a broken rule with `policy.disable` does not
raise it. See [the guide](../guide/policy.md).
"""


def security_page() -> str:
    """Every rule of the security baseline."""
    parts = [_SECURITY]
    for rule in BASELINE:
        kind = "required" if rule.required else "recommended"
        options = ", ".join(f"`{o}`" for o in rule.options)
        parts.append(
            f"## {rule.id}\n\n**{rule.title}** ({kind}). {rule.why}\n\n"
            f"Options: {options}. Way out: {rule.way_out}.\n"
        )
    return "\n".join(parts)


# --- the command line -------------------------------------------------------------------------------

_CLI = """\
# Command line

Generated from `homelab/cli` with `make docs`; do not edit.

`make lab` installs `homelab` into `.venv/bin`; the [README](../../README.md#try-it) shows how to put it on PATH.
Every command reads `Pulumi.<stack>.yaml` in the current directory. Exit codes: 0 success, 1 problems found,
2 usage error.
"""


def cli_page() -> str:
    """Every command with its arguments and options."""
    parts = [_CLI]
    for name, command in commands().items():
        if getattr(command, "commands", None):
            continue
        parts.append(f"## {name}\n\n{command.help}\n\n```console\n$ {_usage(name, command)}\n```\n")
        rows = [_row(p) for p in command.params]
        if rows:
            head = "| Argument or option | Default | |\n| --- | --- | --- |\n"
            parts.append(head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def commands() -> dict[str, Any]:
    """Every command and group by its full name: `homelab lab up`."""

    def walk(name: str, command: Any) -> Iterator[tuple[str, Any]]:
        yield name, command
        for word, inner in getattr(command, "commands", {}).items():
            yield from walk(f"{name} {word}", inner)

    return dict(walk("homelab", typer.main.get_command(app)))


def _usage(name: str, command: Any) -> str:
    words = [name]
    for parameter in command.params:
        if parameter.opts[0].startswith("-"):
            continue
        word = parameter.name.upper()
        words.append(word if parameter.required else f"[{word}]")
    options = any(p.opts[0].startswith("-") for p in command.params)
    return " ".join([*words, *(["[OPTION…]"] if options else [])])


def _row(parameter: Any) -> str:
    option = parameter.opts[0].startswith("-")
    word = ", ".join(f"`{o}`" for o in parameter.opts) if option else f"`{parameter.name.upper()}`"
    default = parameter.default
    shown = "" if default in (None, False, "", ()) else f"`{default}`"
    # A test asks each repeatable option to show its value with dots: NAME….
    many = " Repeatable." if getattr(parameter, "multiple", False) and _repeats(parameter) else ""
    return f"| {word} | {shown} | {_cell(parameter.help or '')}{many} |"


def _repeats(parameter: Any) -> bool:
    return str(parameter.metavar or "").endswith("…")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
