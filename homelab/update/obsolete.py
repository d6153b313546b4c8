"""Options that a newer nixpkgs has under another name or no more, and where the owner sets them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from homelab.config.stack_edit import Place
from homelab.evaluation.messages import split_path
from homelab.evaluation.model import Report
from homelab.evaluation.own_settings import own_settings
from homelab.nix.renaming import joined
from homelab.plan import Plan
from homelab.services.own import place_of_option
from homelab.system.model import Host

Option = tuple[str, ...]
_NAME = r"[`\u2018](?P<{}>[^'\u2019`\n]+)['\u2019]"
_OLD, _NEW = _NAME.format("old"), _NAME.format("new")
_IN = r"(?P<files>.+?)"
_FILE = re.compile(r"[`\u2018]([^'\u2019`\n]+)['\u2019]")
_FORMS = (
    # lib.mkRenamedOptionModule, lib.mkChangedOptionModule and lib.mkRemovedOptionModule.
    re.compile(
        rf"The option {_OLD} defined in {_IN} has been (?:renamed|moved) to {_NEW}", re.DOTALL
    ),
    re.compile(
        rf"The option {_OLD} defined in {_IN} has been changed to {_NEW} that has", re.DOTALL
    ),
    re.compile(
        rf"The option definition {_OLD} in {_IN} no longer has any effect; please remove it\.?"
        r"(?P<why>.*)",
        re.DOTALL,
    ),
)


@dataclass(frozen=True)
class Obsolete:
    """An option that this nixpkgs has under another name, or no more."""

    option: Option
    new: Option | None
    """None if it is gone."""
    same_type: bool
    """Whether the new one takes the same value."""
    why: str
    """What nixpkgs says about an option that is gone."""
    files: tuple[str, ...]
    """Files that set it, as Nix names them: paths, or `<unknown-file>`."""
    text: str
    """The whole message, in one line."""

    @property
    def what(self) -> str:
        """The change, for people."""
        if self.new is None:
            return f"{joined(self.option)} is gone{f': {self.why}' if self.why else ''}"
        other = "" if self.same_type else ", which takes another value"
        return f"{joined(self.option)} is now {joined(self.new)}{other}"


@dataclass(frozen=True)
class Use:
    """A place where the owner sets an obsolete option."""

    obsolete: Obsolete
    where: str
    """Place in the stack config: of the option, or of the module."""
    file: str = ""
    """The stack file, a file of its facts, or a module; beside the stack file."""
    line: int = 0
    place: Place = ()
    """Of the key in the stack file; empty elsewhere."""
    is_module: bool = False


def obsolete_options(report: Report) -> tuple[Obsolete, ...]:
    """The obsolete options among the warnings and failed assertions of a host."""
    texts = [said.text for said in (*report.warnings, *report.assertions)]
    return tuple(dict.fromkeys(found for t in texts if (found := read_obsolete(t)) is not None))


def read_obsolete(text: str) -> Obsolete | None:
    """The option that a message of nixpkgs is about; None for any other message."""
    for form in _FORMS:
        if found := form.search(text):
            parts = found.groupdict()
            new = split_path(parts["new"]) if "new" in parts else None
            return Obsolete(
                split_path(parts["old"]),
                new,
                form is _FORMS[0],
                " ".join(parts.get("why", "").split()).rstrip("."),
                tuple(_FILE.findall(parts["files"])),
                " ".join(text.split()),
            )
    return None


def uses(
    plan: Plan, host: Host, files: Mapping[str, str | bytes], obsolete: Iterable[Obsolete]
) -> Iterator[Use]:
    """Where the stack's options and the owner's modules in the host's tree set these options.

    A module whose text does not show the option has no line: only Nix names its file.
    """
    settings = own_settings(files)
    for each in obsolete:
        for service in plan.on(host.name):
            for key in service.config.options:
                if _is_below(split_path(key), each.option):
                    where = place_of_option(plan.stack, service.name, key)
                    own = where == f"services.{service.name}.options.{key}"
                    place = ("services", service.name, "options", key) if own else ()
                    yield Use(each, where, place=place)
        named = {f for f in files if f.startswith("own/") and _is_named(f, each.files)}
        # A module that a function makes has no file for Nix: then the text alone decides.
        every = any(not f.startswith("/") for f in each.files)
        lines = {
            (own.file, own.setting.line)
            for own in settings
            if _is_below(own.setting.path, each.option) and (every or own.file in named)
        }
        lines |= {(f, 0) for f in named - {file for file, _ in lines}}
        for file, line in sorted(lines):
            yield Use(each, f"{host.source}.modules", file.removeprefix("own/"), line, (), True)


def new_key(key: str, obsolete: Obsolete) -> str:
    """The key of `options` with the new name. Its path may go on below the option."""
    parts = split_path(key)
    return joined((*(obsolete.new or ()), *parts[len(obsolete.option) :]))


def _is_named(file: str, named: Iterable[str]) -> bool:
    return any(f.endswith(f"/{file}") for f in named)


def _is_below(path: Sequence[str], option: Option) -> bool:
    return tuple(path[: len(option)]) == option
