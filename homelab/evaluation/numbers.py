"""Accounts or groups that have the same number, with the place of each."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.evaluation.messages import Position
from homelab.evaluation.model import Numbered, Report, SharedNumber
from homelab.evaluation.places import Place, Places
from homelab.problems import Problem

UNIQUE = "UIDs and GIDs must be unique!"
"""What the module `config/users-groups.nix` of nixpkgs says; it does not name them."""
_SETS = {"uid": "users", "gid": "groups"}


def clashes(places: Places, report: Report, what: str) -> Iterator[Problem]:
    """A problem for each number, at one of its owners, which the message names with the others."""
    for each in report.numbers:
        known = [(owner.name, _place(places, each, owner), owner) for owner in each.owners]
        names = " and ".join(f"{name} ({_called(place, own)})" for name, place, own in known)
        found = [place for _, place, _ in known if place is not None]
        # A number that the owner wrote is easier to change than one of a module.
        at = next((p for p in found if p.file or ".options." in p.where), None)
        at = at or next(iter(found), places.whole)
        yield Problem(
            at.where,
            f"{what} {each.kind} {each.number} is that of {names}",
            "give one of them another number",
            file=at.file,
            line=at.line,
        )


def _place(places: Places, shared: SharedNumber, owner: Numbered) -> Place | None:
    option = ("users", _SETS[shared.kind], owner.name, shared.kind)
    for file in reversed(owner.files):
        own = places.of_position(Position(file))
        if own is not None and own.file:
            lines = (
                places.line_of(own.file, words)
                for words in ((owner.name, shared.kind), (owner.name,))
            )
            return Place(own.where, own.file, next(filter(None, lines), 0))
    in_tree = any(places.in_tree(file) is not None for file in owner.files)
    return places.of_option(option) if in_tree else None


def _called(place: Place | None, owner: Numbered) -> str:
    if place is None:
        return ", ".join(module_name(file) for file in owner.files) or "no module"
    if place.file:
        return f"{place.file}:{place.line}" if place.line else place.file
    return place.where


def module_name(file: str) -> str:
    """A short name of a file: its path in nixpkgs or in the stack, or its file name."""
    for mark in ("/nixos/modules/", "/own/"):
        if mark in file:
            return file.split(mark, 1)[1]
    return file.rsplit("/", 1)[-1] if file.startswith("/") else "a module"
