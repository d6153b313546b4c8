"""Output of a rehearsal, for people and as JSON."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from homelab.lab.engine import Result
from homelab.lab.events import Event, Failed, Finished, Message, Op, Skipped, Step
from homelab.lab.host import LabHost
from homelab.lab.provider import Value
from homelab.lab.words import of_the_lab
from homelab.plan import Plan
from homelab.tailnet.drift import Drift
from homelab.tailnet.status import policy_data, policy_lines

_SIGNS: dict[Op, tuple[str, str]] = {
    "create": ("+ ", "green"),
    "update": ("~ ", "yellow"),
    "replace": ("+-", "magenta"),
    "delete": ("- ", "red"),
    "same": ("  ", "dim"),
}
_WOULD = {
    "create": "to create",
    "update": "to update",
    "replace": "to replace",
    "delete": "to delete",
}
_DID = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
_CONTEXT = 2
_FILE = "homelab:hosts:File"
"""The component that shows a file of a host, named `host/path`."""


class Display:
    """Prints a row for each step, the changed lines of each host, and a summary."""

    def __init__(
        self,
        plan: Plan,
        place: Path,
        *,
        as_json: bool,
        console: Console | None = None,
        warned: set[str] | None = None,
    ) -> None:
        """`warned` has the warnings that are printed already, which are not repeated."""
        self._plan, self._place, self._as_json = plan, place, as_json
        self._out = console or Console(highlight=False, soft_wrap=True)
        self._warned: set[str] = set() if warned is None else warned
        self._steps: list[Step] = []
        self._errors: list[str] = []
        self._found: dict[str, list[str]] = {}
        """What the dry run of each host printed."""
        self._new: set[str] = set()
        """URNs of created resources. Files of a new host are not shown."""
        self._gone: dict[str, list[Step]] = {}
        """Deleted files by host. They are not shown if the host is deleted too."""

    def event(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Finished(step, seconds, printed):
                self._finished(step, seconds)
                self._dry_run(step, printed)
            case Failed(step, error):
                error = of_the_lab(error)
                self._errors.append(f"{step.name}: {error}")
                self._row("!!", "red", step, "failed")
                self._print(Text(_indented(error), "red"))
            case Skipped(urn, because):
                name = urn.rpartition("::")[2]
                self._print(
                    Text(
                        f"  ·  {name}: skipped, because {because.rpartition('::')[2]} failed", "dim"
                    )
                )
            case Message(severity, text):
                text = of_the_lab(text)
                if severity == "error":
                    self._errors.append(text)
                if severity == "warning":
                    if text in self._warned:
                        return
                    self._warned.add(text)
                if severity != "debug":
                    style = {"error": "red", "warning": "yellow"}.get(severity, "")
                    self._print(Text(text, style))

    def say(self, line: str) -> None:
        """Print a line, with the lab's commands."""
        self._print(Text(of_the_lab(line)))

    def _finished(self, step: Step, seconds: float) -> None:
        self._steps.append(step)
        if step.op == "same":
            return
        if step.op == "create":
            self._new.add(step.urn)
        self._gone.pop(step.urn, None)
        if step.type == _FILE and step.op == "delete":
            self._gone.setdefault(step.parent, []).append(step)
            return
        if step.type == _FILE and step.parent in self._new:
            return
        sign, style = _SIGNS[step.op]
        took = f"{seconds:.1f} s" if seconds >= 0.05 else ""
        self._row(sign, style, step, took)
        if step.op == "update":
            for line, line_style in _property_changes(step):
                self._print(Text(f"       {line}", line_style))

    def _dry_run(self, step: Step, printed: str) -> None:
        """What a dry run found. Pulumi prints it too, and it is all that a dry run is for."""
        host = step.name.removesuffix("-dry")
        if not printed or host == step.name or host not in self._plan.hosts:
            return
        lines = of_the_lab(printed).splitlines()
        self._found[host] = lines
        for line in lines:
            self._print(Text(f"       {line}"))

    def _row(self, sign: str, style: str, step: Step, note: str) -> None:
        kind = step.type.rpartition(":")[2]
        row = Text(f"  {sign} ", style)
        row.append(f"{step.name:<28}", "bold" if not step.custom else "")
        row.append(f" {kind:<28} {note}", "dim")
        self._print(row)

    def _print(self, text: Text) -> None:
        if not self._as_json:
            self._out.print(text)

    def summary(self, action: str, result: Result, connections: Mapping[str, int]) -> None:
        """Print the hosts, the names and the counts of resources."""
        counts = {op: n for op, n in result.changes.items() if n}
        for step in (s for files in self._gone.values() for s in files):
            self._row(*_SIGNS["delete"], step, "")
        if self._as_json:
            print(json.dumps(self._data(result, counts, connections), indent=2))
            return
        if action == "up" and result.ok:
            if {*counts} - {"same"}:
                self._tree()
            self._hosts(connections)
            self._urls()
        if action != "destroy" and result.ok and result.outputs:
            self._out.print(Text("\nOutputs:", "bold"))
            for name, value in sorted(result.outputs.items()):
                text = json.dumps(value, sort_keys=True, default=str)
                self._out.print(f"    {name:<14} {text}", markup=False)
        self._out.print(Text("\nResources:", "bold"))
        words = _WOULD if action == "preview" else _DID
        for op, word in words.items():
            if op in counts:
                sign, style = _SIGNS[op]
                self._out.print(Text(f"    {sign.strip()} {counts[op]} {word}", style))
        if counts.get("same"):
            self._out.print(f"    {counts['same']} unchanged")
        if not result.ok:
            errors = f"{len(self._errors)} error{'' if len(self._errors) == 1 else 's'}"
            self._out.print(Text(f"    {errors}; fix the cause and run it again", "red"))

    def _data(
        self, result: Result, counts: Mapping[Op, int], connections: Mapping[str, int]
    ) -> dict[str, object]:
        return {
            "ok": result.ok,
            "changes": dict(counts),
            "steps": [
                {"op": s.op, "urn": s.urn, "diff": list(s.diff)}
                for s in self._steps
                if s.op != "same"
            ],
            "files": self._files(),
            "dry_runs": self._found,
            "connections": dict(connections),
            "errors": self._errors,
            "outputs": dict(result.outputs),
        }

    def _files(self) -> dict[str, list[str]]:
        """The changed lines in files of each host that existed before."""
        found: dict[str, list[str]] = {}
        for step in sorted(self._steps, key=lambda s: s.name):
            if step.type == _FILE and step.op != "same" and step.parent not in self._new:
                host, _, path = step.name.partition("/")
                lines = found.setdefault(host, [])
                lines.append(f"{_SIGNS[step.op][0].strip()} {path}")
                if step.op == "update":
                    lines += [line for line, _ in _property_changes(step)]
        return found

    def _tree(self) -> None:
        """Print all components and resources as a tree."""
        below: dict[str, list[Step]] = {}
        gone = {s.urn for s in self._steps if s.op == "delete"}
        for step in self._steps:
            if step.urn not in gone and step.type != _FILE:
                below.setdefault(step.parent, []).append(step)

        def grow(branch: Tree, urn: str) -> None:
            for step in sorted(below.get(urn, []), key=lambda s: (s.custom, s.name)):
                label = Text(step.name, "" if step.custom else "bold")
                label.append(f"  {step.type.rpartition(':')[2]}", "dim")
                grow(branch.add(label), step.urn)

        for top in below.get("", []):
            root = Tree(Text(f"\n{top.name}", "bold"))
            grow(root, top.urn)
            self._out.print(root)

    def _hosts(self, connections: Mapping[str, int]) -> None:
        self._out.print(Text("\nHosts:", "bold"))
        for name, root in self._roots():
            release = _text(root / "var/lib/homelab/current") or "nothing yet"
            count = connections.get(name, 0)
            talk = f"{count} connections" if count else "not contacted"
            self._out.print(f"    {name:<14} runs {release}  ({talk})")
            flake = root / "var/lib/homelab/releases" / release / "flake"
            if flake.exists():
                self._out.print(Text(f"      {flake}", "dim"))

    def not_switched(self, wanted: Mapping[str, str], connections: Mapping[str, int]) -> None:
        """Name the hosts that run another release than the stack's and that `up` did not contact.

        A rollback is not recorded, neither here nor by Pulumi: the switch counts as done.
        """
        for name, root in self._roots():
            host, runs = self._plan.hosts[name], _text(root / "var/lib/homelab/current")
            mode = host.config.mode or self._plan.stack.deploy.mode
            waits = not host.is_deployed or not host.always_on or mode != "switch"
            if waits or not runs or connections.get(name) or runs == wanted.get(name, runs):
                continue
            again = f'deploy.again: {{{name}: "…any new text"}}'
            self.say(
                f"{name} was rolled back: it runs release {runs}, and the stack has "
                f"{wanted[name]}; change the stack, or switch to it again with {again}"
            )

    def _urls(self) -> None:
        self._out.print(Text("\nNames:", "bold"))
        for route in self._plan.routes:
            where = f"{route.service} on {route.host}"
            self._out.print(f"    {route.url:<40} {where:<28} {route.audience}, {route.publish}")

    def status(self, policy: Drift | None) -> None:
        """Print what every lab host runs, its faults, and the state of the tailnet's policy."""
        faults = {n: LabHost(n, (), root.parent).named_faults() for n, root in self._roots()}
        rows = {
            name: {
                "release": _text(root / "var/lib/homelab/current"),
                "system": _link(root / "run/current-system"),
                "faults": faults[name],
            }
            for name, root in self._roots()
        }
        if self._as_json:
            tailnet = {"tailnet": {"policy": policy_data(policy)}} if policy else {}
            print(json.dumps({"hosts": rows, **tailnet}, indent=2))
            return
        for name, row in rows.items():
            self._out.print(f"  {name:<14} {row['release'] or 'nothing yet':<14} {row['system']}")
            if faults[name]:
                listed = ", ".join(faults[name])
                self._out.print(f"  {'':<14} fault: {listed}; homelab lab clear {name}")
        if policy and self._plan.tailnet:
            self._out.print()
            for line in policy_lines(self._plan.tailnet.name, policy):
                self.say(line)

    def _roots(self) -> Iterator[tuple[str, Path]]:
        for host in self._plan.hosts.values():
            root = self._place / "hosts" / host.name / "root"
            if root.exists():
                yield host.name, root


def _property_changes(step: Step) -> Iterator[tuple[str, str]]:
    for name in step.diff:
        if name in step.hide:
            continue
        before, after = _shown(step.old.get(name)), _shown(step.new.get(name))
        if "\n" not in before + after and len(before) + len(after) < 120:
            yield f"{name}: {before} => {after}", ""
            continue
        yield f"{name}:", ""
        diff = difflib.unified_diff(
            before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT
        )
        for line in list(diff)[2:]:
            if not line.startswith("@@"):
                yield f"    {line}", {"+": "green", "-": "red"}.get(line[:1], "")


def _shown(value: Value) -> str:
    return (
        value
        if isinstance(value, str)
        else json.dumps(value, indent=2, default=str, sort_keys=True)
    )


def _indented(text: str) -> str:
    return "\n".join(f"       {line}" for line in text.splitlines())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return path.readlink().name
    except OSError:
        return ""
