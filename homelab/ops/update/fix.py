"""Write the new names of renamed options into the stack file and the owner's modules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from homelab.config.document import parse_document
from homelab.config.stack_edit import with_key
from homelab.nix.renaming import with_renamed
from homelab.ops.project.documents import read_stack_document, with_facts
from homelab.ops.project.stack import open_document
from homelab.ops.update.lock import Update
from homelab.problems import HomelabError, InvalidStackError
from homelab.update.model import HostUpdate
from homelab.update.obsolete import Obsolete, Use, new_key


@dataclass(frozen=True)
class Fixed:
    """An update with the new names, and the places that have them."""

    update: Update
    done: tuple[Use, ...]


def fixed(update: Update, hosts: Sequence[HostUpdate]) -> Fixed:
    """The update, with the new name of each renamed option wherever its form allows that.

    A place stays as it is if a host reads it that does not have the new name: one with another pin,
    or one that this update does not compare. Nothing is written. Raises HomelabError if the stack
    has problems with the new names.
    """
    directory, name = update.new.directory, update.new.name
    files, done = dict(update.files), list[Use]()
    groups: dict[tuple[str, Obsolete, tuple[str, ...]], list[Use]] = {}
    for use in dict.fromkeys(u for h in hosts for u in h.uses):
        each = use.obsolete
        if each.same_type and (use.is_module or use.place) and _all_know(update, hosts, use):
            groups.setdefault((use.file, each, use.place), []).append(use)
    for (file, each, place), found in groups.items():
        path = directory / file
        text = files.get(path) or path.read_text(encoding="utf-8")
        if place:
            edited = with_key(text, place, new_key(place[-1], each))
        else:
            edited = with_renamed(text, each.option, each.new or ())
        if edited:
            files[path] = edited
            done += found
    if not done:
        return Fixed(update, ())
    instead = {p.relative_to(directory).as_posix(): text for p, text in files.items()}
    document = read_stack_document(directory, name)
    stack_file = f"Pulumi.{name}.yaml"
    if stack_file in instead:
        document = with_facts(parse_document(instead[stack_file], stack_file), directory)
    try:
        new = open_document(directory, name, document, instead)
    except InvalidStackError as error:
        raise HomelabError(
            f"with the new names of options, {error}\nnothing was written; leave --fix out, and "
            "write the names yourself"
        ) from None
    return Fixed(replace(update, new=new, files=files), tuple(done))


def _all_know(update: Update, hosts: Sequence[HostUpdate], use: Use) -> bool:
    """Whether every host that reads a place says that its option has the new name."""
    if use.is_module:
        releases = update.new.releases
        readers = {h for h, r in releases.items() if f"own/{use.file}" in dict(r.files)}
    else:
        readers = {s.host for s in update.new.plan.services if s.name == use.place[1]}
    wanted = (use.obsolete.option, use.obsolete.new)
    reporters = {
        h.host for h in hosts for u in h.uses if wanted == (u.obsolete.option, u.obsolete.new)
    }
    return readers <= reporters
