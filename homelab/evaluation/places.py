"""Map an option or a file that Nix names to the place in the stack config that caused it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from homelab.backup.restic import sources as backup_sources
from homelab.evaluation.causes import causes
from homelab.evaluation.files import FILES
from homelab.evaluation.messages import Position
from homelab.evaluation.plan import Path, leaves_of
from homelab.plan import Plan
from homelab.render import modules_of
from homelab.services.own import place_of_option
from homelab.system.home_programs import DIRECTORY as HOMES
from homelab.system.home_programs import key_of
from homelab.system.model import Host

_WORD = re.compile(r'[A-Za-z_][\w-]*(?:\.(?:[\w<>*-]+|"[^"\n]+"))+')
_STORES = re.compile(r"/nix/store/[0-9a-z]{32}-[^/\s]+/")
_STORE = re.compile(r"^/nix/store/[^/]+/")
_NOT_A_NAME = ("alerting",)
"""Sets whose names are kinds of alerts of Gatus, which may be called as a service is."""
_TOP = ("default.nix", "flake.nix")
"""Names that the trees of flakes have as well."""


@dataclass(frozen=True)
class Place:
    """A place in the stack config, and the line of the owner's own file, if it is in one."""

    where: str
    file: str = ""
    line: int = 0


class Places:
    """The places of all options and files of one host."""

    def __init__(self, plan: Plan, host: Host, files: Mapping[str, str | bytes], top: str) -> None:
        """`top` is the directory in which the tree was evaluated; empty if unknown."""
        self._plan, self._host, self._files, self._top = plan, host, files, top.rstrip("/")
        self._names = dict(_names(plan, host))
        self._routes = {r.name: r.source for r in plan.routes if r.host == host.name}
        # What a library sets comes from the same places as the options that it reads.
        self._caused = {
            path: Place(where) for path, where in (*backup_sources(plan, host), *causes(plan, host))
        }
        self._written = {
            (m.file, path): self._of_leaf(m.file, path, stated=stated)
            for m in modules_of(plan, host)
            for path, stated in leaves_of(m)
        }
        # Several files may set one option.
        self._leaves = {path: place for (_, path), place in self._written.items()}

    @property
    def whole(self) -> Place:
        """The host, if no better place is known."""
        return Place(self._host.source)

    @property
    def leaves(self) -> Mapping[Path, Place]:
        """The place of each option that the tree sets."""
        return self._leaves

    def of_position(self, position: Position) -> Place | None:
        """The place of a file that Nix names; None if it is not in the tree."""
        path = self.in_tree(position.file)
        if path is None:
            return None
        if path.startswith("own/") and path not in self._files and not self._below(path):
            # The file is missing: the place that names it is the cause.
            return self._of_word(path.rsplit("/", 1)[-1]) or Place(self._own(path[4:]), path[4:])
        if path.startswith("own/"):
            return Place(self._own(path[4:]), path[4:], position.line)
        return Place(self._of_file(path))

    def in_tree(self, file: str) -> str | None:
        """The path below the top of the tree. A copy in the store is recognised by its files."""
        if self._top and file.startswith(f"{self._top}/"):
            return file[len(self._top) + 1 :]
        path = _STORE.sub("", file)
        if path == file or path in _TOP:
            return None
        return path if path in self._files or path.startswith("own/") else None

    def shortened(self, text: str) -> str:
        """A message of Nix with short paths, also of files of nixpkgs."""
        text = self.within(text)
        for top in _STORES.findall(text):
            text = text.replace(top, "")
        return text

    def within(self, text: str) -> str:
        """A text with paths of the tree relative to it, or to the stack for the owner's files."""
        tree = f"{self._top}/" if self._top else ""
        for top in filter(None, (tree, *_STORES.findall(text))):
            text = text.replace(f"{top}own/", "")
        return text.replace(tree, "")

    def of_option(self, option: Sequence[str]) -> Place | None:
        """The place of an option that the tree sets, or of options below or above it."""
        # Some versions of Nix leave out the quotes around a name with dots.
        wanted = ".".join(option)
        caused = self._of_library(option)
        if caused is not None:
            return caused
        exact = [p for path, p in self._leaves.items() if ".".join(path) == wanted]
        if exact:
            return exact[0]
        below = [p for path, p in self._leaves.items() if ".".join(path).startswith(f"{wanted}.")]
        above = [
            (len(path), p)
            for path, p in self._leaves.items()
            if len(path) > 1 and wanted.startswith(f"{'.'.join(path)}.")
        ]
        if above:
            return max(above, key=lambda a: a[0])[1]
        return shared(below) if len(option) > 1 else None

    def of_file(self, file: str) -> Place:
        """The place of a whole file that homelab generates."""
        return Place(self._of_file(file))

    def of_own(self, path: str) -> Place:
        """The place that names a file of the owner's, by its path in the stack's directory."""
        return Place(self._own(path))

    def of_path(self, file: str, path: Sequence[str]) -> Place:
        """The place of a binding in a generated file. Its path may go on below the option."""
        if file.startswith(f"{HOMES}/"):
            # Options of home-manager may have the names of options of NixOS.
            key = key_of(".".join(path))
            return Place(f"{self._of_file(file)}.{key}" if key else self._of_file(file))
        caused = self._of_library(path)
        if caused is not None:
            return caused
        if not file.startswith("services/"):
            leaf = max(1, self._leaf_of(path))
            for above, part in reversed(list(zip(path[leaf - 1 :], path[leaf:], strict=False))):
                names = self._routes if above == "routes" else self._names
                if part in names and above not in _NOT_A_NAME:
                    return Place(names[part])
        own = (self._written.get((file, tuple(path[:n]))) for n in range(len(path), 0, -1))
        here = next(filter(None, own), None) if file.startswith("services/") else None
        return here or self.of_option(path) or self.of_file(file)

    def _leaf_of(self, path: Sequence[str]) -> int:
        """How many parts of a path are the option's own."""
        return next((n for n in range(len(path), 0, -1) if tuple(path[:n]) in self._leaves), 0)

    def of_text(self, text: str) -> Place | None:
        """The place of the first option that a text names, by its path or the start of it."""
        for word in _WORD.findall(text):
            found = self.near([p.strip('"') for p in re.findall(r'"[^"]+"|[^."]+', word)])
            if found is not None:
                return found
        return None

    def of_name(self, name: str) -> Place | None:
        """The place of what has a name on the host, such as a secret or a unit."""
        return Place(self._names[name]) if name in self._names else None

    def near(self, option: Sequence[str]) -> Place | None:
        """The place that sets an option, in the stack or in a module of the owner.

        If there is none, the place of the set that the option is in.
        """
        for end in range(len(option), 1, -1):
            found = self.of_option(option[:end]) or self._of_word(".".join(option[:end]))
            if found is not None:
                return found
        return None

    def _of_word(self, word: str) -> Place | None:
        """The only line of an owner's file with a word."""
        for path in self._files:
            line = self.line_of(path[4:], (word,)) if path.startswith("own/") else 0
            if line:
                return Place(self._own(path[4:]), path[4:], line)
        return None

    def _below(self, path: str) -> bool:
        return any(p.startswith(f"{path}/") for p in self._files)

    def line_of(self, file: str, words: Sequence[str]) -> int:
        """The only line of an owner's file with all words; 0 for none or several."""
        content = self._files.get(f"own/{file}", "")
        text = content if isinstance(content, str) else content.decode(errors="replace")
        found = [
            number
            for number, line in enumerate(text.splitlines(), 1)
            if words and all(re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", line) for w in words)
        ]
        return found[0] if len(found) == 1 else 0

    def _of_library(self, path: Sequence[str]) -> Place | None:
        """The place of an option that a library reads or sets."""
        return next((p for top, p in self._caused.items() if tuple(path[: len(top)]) == top), None)

    def _of_leaf(self, file: str, path: Path, *, stated: bool) -> Place:
        if file.startswith("services/"):
            where = self._of_file(file)
            key = self._said(file[9:-4], path) if stated else ""
            return Place(place_of_option(self._plan.stack, file[9:-4], key) if key else where)
        caused = self._of_library(path)
        if caused is not None:
            return caused
        known = [
            self._names[part]
            for above, part in reversed([*pairwise(("", *path))])
            if part in self._names and above not in _NOT_A_NAME
        ]
        return Place(known[0] if known else self._of_file(file))

    def _said(self, service: str, path: Path) -> str:
        """The key under `options` that sets it."""
        dotted = ".".join(path)
        for found in self._plan.on(self._host.name):
            if found.name == service:
                for key in found.config.options:
                    plain = key.replace('"', "")
                    if dotted == plain or dotted.startswith(f"{plain}."):
                        return key
        return ""

    def _of_file(self, file: str) -> str:
        if file.startswith("services/"):
            name = file[9:-4]
            sources = [s.source for s in self._plan.on(self._host.name) if s.name == name]
            return sources[0] if sources else "services"
        if file.startswith(f"{HOMES}/"):
            return file.removesuffix(".nix").replace("/", ".", 1)
        if file.startswith("lib/"):
            # A library has the name of the file that sets its options.
            return self._of_file(file[4:])
        if file == "certificates.nix" and self._plan.stack.network.entry.acme is not None:
            return "network.entry.acme"
        return FILES.get(file, self._host.source).replace("{host}", self._host.name)

    def _own(self, path: str) -> str:
        """The place that names an owner's file, or a directory above it."""
        config = self._host.config
        named = [(config.hardware, "hardware"), (config.home, "home")]
        named += [(m, f"modules[{i}]") for i, m in enumerate(config.modules)]
        for name, field in named:
            if name and (path == name or path.startswith(f"{name}/")):
                return f"{self._host.source}.{field}"
        for _, home, place in self._host.member_homes:
            if path == home or path.startswith(f"{home}/"):
                return place
        return f"{self._host.source}.modules"


def shared(places: Sequence[Place]) -> Place | None:
    """One place for several: the same place, or the section that they share."""
    if not places:
        return None
    wheres = list(dict.fromkeys(p.where for p in places))
    if len(wheres) == 1:
        return places[0]
    split = [w.split(".") for w in wheres]
    same = 0
    while all(len(s) > same and s[same] == split[0][same] for s in split):
        same += 1
    return Place(".".join(split[0][:same])) if same else None


def _names(plan: Plan, host: Host) -> Iterator[tuple[str, str]]:
    """Names in the paths of options, and their places. A later one wins."""
    yield plan.stack.site.owner.user, "site.owner"
    for other in plan.hosts.values():
        yield other.name, other.source
    for secret in plan.secrets.on(host.name):
        yield secret.name, secret.origin
    for service in plan.on(host.name):
        for name in (service.name, f"podman-{service.name}", f"container-{service.name}"):
            yield name, service.source
        for unit in service.units:
            yield unit, service.source
    for dataset in plan.datasets:
        if dataset.host == host.name:
            yield dataset.name, dataset.source
            yield dataset.path, dataset.source
    for port in plan.ports_on(host.name):
        yield f"{port.port}/{port.protocol}", port.source
    for route in plan.routes:
        for name in (route.internal, route.public):
            if name:
                yield name, route.source
