"""From a file, a line or an option of a host's tree to the place in the stack config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from homelab.evaluation.messages import split_path
from homelab.evaluation.own_settings import OwnSetting, own_settings
from homelab.evaluation.places import Place, Places, shared
from homelab.nix.bindings import Binding, bindings, elements, innermost
from homelab.plan import Plan
from homelab.render import modules_of
from homelab.system.model import Host

LIBRARY = "library: the same text on every host of every stack"
FRAME = "frame of the file: it sets no option"
DIGEST = "digest of every other file of the host"

_IMPORT = re.compile(r"\./([\w./-]+)")
_URL = re.compile(r'(?:\w+://|"(?!\w+://))([\w.-]+)')
_MATCHER = re.compile(r"\s*@\S+ host ([\w.-]+)$")
"""A named matcher of Caddy. The block after it handles this host name."""
_NAME = re.compile(r'"([\w.-]+)"')
_PLACED = re.compile(r"\s*place ([\w.-]+) ")
_PORT = re.compile(r"(?<![\w./-])\d+(?![\w.-]|/\d)")
_SET = 2
"""Parts of an option that two neighbouring lines must share to be told as one."""


@dataclass(frozen=True)
class Origin:
    """Where lines of a file come from: a place in the stack config, or a reason for none."""

    file: str
    first: int
    last: int
    """Lines, from 1. Both are 0 where the whole file is meant."""
    option: str = ""
    """The option that the lines set."""
    place: Place | None = None
    reason: str = ""
    """Why no place in the stack config decides these lines. Empty where there is one."""

    @property
    def at(self) -> str:
        """Its lines and its option, to follow the name of the file."""
        return at_lines(self.first, self.last, self.option)


def at_lines(first: int, last: int, option: str) -> str:
    """Lines of a file and the option that they set: `:12-14: services.blocky.settings`. Empty where
    the whole file is meant, and no option.
    """
    lines = f":{first}" if first else ""
    lines += f"-{last}" if last > first else ""
    return lines + (f": {option}" if option else "")


class Origins:
    """The origins of everything in the tree of one host."""

    def __init__(self, plan: Plan, host: Host, files: Mapping[str, str | bytes]) -> None:
        self._plan, self._host, self._files = plan, host, files
        self._places = Places(plan, host, files, "")
        self._routes = {
            name: r.source for r in plan.routes for name in (r.internal, r.public) if name
        }
        self._extra = {path: m.file for m in modules_of(plan, host) for path, _ in m.extra}

    def of_file(self, file: str) -> Origin:
        """The origin of a whole file."""
        if file.startswith("lib/"):
            return Origin(file, 0, 0, reason=LIBRARY)
        if file == "release-id.nix":
            return Origin(file, 0, 0, reason=DIGEST)
        return Origin(file, 0, 0, place=self._of_file(file))

    def of_line(self, file: str, line: int) -> Origin:
        """The origin of one line, with the lines of the binding that it belongs to."""
        whole = self.of_file(file)
        if file.startswith("own/"):
            where = whole.place.where if whole.place else ""
            return Origin(file, line, line, place=Place(where, file[len("own/") :], line))
        if whole.reason or not file.endswith(".nix"):
            return Origin(file, line, line, place=whole.place, reason=whole.reason)
        text = str(self._files[file])
        lines = _lines(text)
        binding = innermost(text, line)
        path = binding.path if binding else ()
        if path[:1] == ("imports",):
            return self._of_import(file, line, lines[line - 1])
        option = path[1:] if path[:1] == ("config",) else path
        if binding is None or not option:
            place = self._of_port(("networking", "firewall", ""), lines[line - 1])
            if file == "firewall.nix" and place is not None:
                # Its head lists the ports of the host.
                return Origin(file, line, line, place=place)
            return Origin(file, line, line, reason=FRAME)
        found = self._of_binding(file, binding, option)
        place = (
            self._of_handle(lines[binding.first - 1 : line])
            or self._of_secret(lines[line - 1])
            or self._of_entry(text, line)
            or self._of_port(option, lines[line - 1])
        )
        return found if place is None else Origin(file, line, line, found.option, place)

    def of_lines(self, file: str) -> Iterator[Origin]:
        """The origins of a file from top to bottom; neighbouring lines of one origin are one."""
        content = self._files[file]
        if isinstance(content, bytes) or not content or file.startswith("own/"):
            yield self.of_file(file)
            return
        last = self.of_line(file, 1)
        last = Origin(file, 1, 1, last.option, last.place, last.reason)
        for line in range(2, len(content.splitlines()) + 1):
            found = self.of_line(file, line)
            option = _common(last, found)
            if option is not None:
                last = Origin(file, last.first, line, option, last.place, last.reason)
            else:
                yield last
                last = Origin(file, line, line, found.option, found.place, found.reason)
        yield last

    def of_option(self, option: Sequence[str]) -> list[Origin]:
        """Every line that sets an option, or options below it; your own modules come first.

        If there is none, the binding that holds the option in a value that Nix computes.
        """
        wanted = ".".join(option)
        exact: list[Origin] = []
        below: list[Origin] = []
        around: list[tuple[int, Origin | None]] = []
        for file, path, binding in self._bound():
            name = ".".join(path)
            if name == wanted:
                exact.append(self._of_binding(file, binding, path))
            elif name.startswith(f"{wanted}."):
                # Of nested sets the outermost is enough.
                if not any(o.file == file and binding.last <= o.last for o in below[-1:]):
                    below.append(self._of_binding(file, binding, path))
            elif len(path) > 1 and wanted.startswith(f"{name}."):
                # A set in braces has no other keys than those that are written.
                around.append(
                    (len(path), None if binding.is_set else self._of_binding(file, binding, path))
                )
        deepest = max((depth for depth, _ in around), default=0)
        held = [o for depth, o in around if depth == deepest and o is not None]
        own = [self._of_own(s) for s in self._own if s.sets(option)]
        may = [self._of_own(s) for s in self._own if s.holds(option)]
        return list(dict.fromkeys([*own, *(exact or below)] or [*may, *held]))

    @cached_property
    def _own(self) -> tuple[OwnSetting, ...]:
        return own_settings(self._files)

    def _of_own(self, own: OwnSetting) -> Origin:
        path, line = own.file[len("own/") :], own.setting.line
        place = Place(self._places.of_own(path).where, path, line)
        return Origin(own.file, line, line, own.setting.name, place)

    def options(self) -> list[str]:
        """Every option that the tree sets, by name."""
        own = {s.name for s in self._own if s.name}
        return sorted(own | {".".join(path) for _, path, _ in self._bound()})

    def _bound(self) -> Iterator[tuple[str, tuple[str, ...], Binding]]:
        modules = modules_of(self._plan, self._host)
        for module in (each for m in modules for each in (m, *m.nested)):
            for binding in bindings(str(self._files[module.file])):
                path = binding.path[1:] if binding.path[:1] == ("config",) else binding.path
                if path and path[0] != "imports":
                    yield module.file, path, binding

    def _of_binding(self, file: str, binding: Binding, option: Sequence[str]) -> Origin:
        place = self._of_path(file, option)
        return Origin(file, binding.first, binding.last, _name(option), place)

    def _of_entry(self, text: str, line: int) -> Place | None:
        """The route that an item of a list is about: a host name, or a set with one (a tile)."""
        item = _NAME.fullmatch(_lines(text)[line - 1].strip())
        if item and (source := self._routes.get(item.group(1))):
            return Place(source)
        within = [(first, last) for first, last in elements(text) if first <= line <= last]
        for first, last in reversed(within):
            lines = "\n".join(_lines(text)[first - 1 : last])
            names = {name for url in _URL.findall(lines) if (name := self._routes.get(url))}
            if len(names) == 1:
                return Place(names.pop())
        return None

    def _of_handle(self, lines: Sequence[str]) -> Place | None:
        """The route whose matcher or `handle` block in a Caddyfile has the last of these lines."""
        at = len(lines) - 1
        if lines[at].strip() == "}":
            at = _above(lines, at, _indentation(lines[at]))
        while at > 0:
            head = lines[at - 1] if lines[at].lstrip().startswith("handle @") else lines[at]
            if found := _MATCHER.match(head):
                source = self._routes.get(found.group(1))
                return Place(source) if source else None
            at = _above(lines, at, _indentation(lines[at]) - 1)
        return None

    def _of_port(self, option: Sequence[str], line: str) -> Place | None:
        """The service whose port a line of the firewall opens."""
        if tuple(option[:2]) != ("networking", "firewall"):
            return None
        protocol = "udp" if "UDP" in option[-1] or re.search(r"\budp\b", line) else "tcp"
        ports = {int(n) for n in _PORT.findall(line)}
        found = {
            use.source
            for use in self._plan.ports_on(self._host.name)
            if use.protocol == protocol and use.port in ports
        }
        return shared([Place(where) for where in sorted(found)])

    def _of_secret(self, line: str) -> Place | None:
        """The secret that a line of a script places."""
        found = _PLACED.match(line)
        return self._places.of_name(found.group(1)) if found else None

    def _of_path(self, file: str, option: Sequence[str]) -> Place:
        if file == "flake.nix":
            return Place(self._of_input(option))
        return self._places.of_path(file, option)

    def _of_input(self, path: Sequence[str]) -> str:
        name = path[1] if path[0] == "inputs" and len(path) > 1 else ""
        if name in self._plan.stack.flakes:
            return f"flakes.{name}"
        return f"nixpkgs.{self._host.config.nixpkgs}" if name == "nixpkgs" else self._host.source

    def _of_import(self, file: str, line: int, text: str) -> Origin:
        found = _IMPORT.search(text)
        path = found.group(1) if found else ""
        if path.startswith("own/"):
            return Origin(file, line, line, place=self._places.of_own(path[len("own/") :]))
        if path in self._files and path != file:
            named = self.of_file(path)
            return Origin(file, line, line, place=named.place, reason=named.reason)
        if file == "default.nix" or not text.strip(" []{}=;") or text.strip().startswith("imports"):
            return Origin(file, line, line, reason=FRAME)
        return Origin(file, line, line, place=self._of_file(file))

    def _of_file(self, file: str) -> Place:
        if file.startswith("own/"):
            return self._places.of_own(file[len("own/") :])
        if file == "flake.lock":
            return Place(f"nixpkgs.{self._host.config.nixpkgs}.lock")
        return self._places.of_file(self._extra.get(file, file))


def _above(lines: Sequence[str], at: int, most: int) -> int:
    """The nearest line above with at most this indentation; -1 if there is none."""
    return next((n for n in range(at - 1, -1, -1) if _indentation(lines[n]) <= most), -1)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip())


@lru_cache(maxsize=512)
def _lines(text: str) -> list[str]:
    return text.splitlines()


def _common(one: Origin, other: Origin) -> str | None:
    """The set that the options of two neighbours are in, if both have one origin; else None."""
    if (one.place, one.reason) != (other.place, other.reason):
        return None
    first, second = split_path(one.option), split_path(other.option)
    if first == second:
        return one.option
    same = 0
    while same < min(len(first), len(second)) and first[same] == second[same]:
        same += 1
    return _name(first[:same]) if same >= _SET else None


def _name(option: Sequence[str]) -> str:
    return ".".join(f'"{p}"' if "." in p or "/" in p else p for p in option)
