"""Each entry of the catalog, held against what nixpkgs' modules say in the releases of today."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import update_wrapper

import pytest

from homelab.catalog import ENTRIES, upstream
from homelab.catalog.model import Entry
from homelab.catalog.options import options_of
from homelab.catalog.upstream import Release, Unit

RELEASES = ("25.11", "26.05")

ASKED = {
    f"{entry.name} at {release}": (entry.at(release), release)
    for entry in ENTRIES.values()
    for release in RELEASES
    if entry.since <= release
}


def each(test: Callable[[Entry, str], None]) -> Callable[[], None]:
    """The test for every entry and release, as one that names each entry where it fails. Thousands
    of tests take pytest much longer than what they look at.
    """

    def whole() -> None:
        failed = []
        for name, (entry, release) in ASKED.items():
            try:
                test(entry, release)
            except AssertionError as error:
                error.add_note(f"in {name}")
                failed.append(error)
        if failed:
            raise ExceptionGroup(f"{len(failed)} of {len(ASKED)}", failed)

    update_wrapper(whole, test)
    # pytest would read the arguments of the test itself.
    del whole.__wrapped__  # type: ignore[attr-defined]
    return whole


def facts(entry: Entry, release: str) -> tuple[Release, ...]:
    """What the entry's modules say."""
    found = [upstream.release_of(m, release) for m in upstream.modules_of(entry)]
    return tuple(f for f in found if f is not None)


def units(entry: Entry, release: str) -> dict[str, Unit]:
    """The entry's units as nixpkgs has them, by the entry's name."""
    found: dict[str, Unit] = {}
    for module in upstream.modules_of(entry):
        for name in (*entry.units, *entry.helpers):
            unit = upstream.unit_of(module, name, release)
            if unit is not None:
                found.setdefault(name, unit)
    return found


def said(entry: Entry, release: str) -> set[str]:
    """Every option that the entry says, by its full path, inside attribute sets too."""

    def walk(path: str, fact: object) -> Iterator[str]:
        yield path
        match fact:
            case {"$last": items}:
                yield from walk(path, items)
            case Mapping():
                for key, value in fact.items():
                    yield from walk(f"{path}.{key}", value)
            case str():
                return
            case Sequence():
                for value in fact:
                    yield from walk(path, value)

    return {p for path, fact in options_of(entry, release).items() for p in walk(path, fact)}


@each
@pytest.mark.requirement("S0-79")
def test_every_unit_that_the_entry_names_exists(entry: Entry, release: str) -> None:
    """systemd takes settings for a unit that does not exist without a word."""
    assert {*entry.units, *entry.helpers} == set(units(entry, release))


@each
def test_its_user_is_the_one_that_runs_it(entry: Entry, release: str) -> None:
    """A file given to another user, a state directory at another place: nothing would say so."""
    main = units(entry, release)[entry.units[0]]
    if entry.state:
        assert main.is_dynamic == entry.dynamic_user
    else:
        # It has no directory whose place depends on that, which may differ between releases.
        assert entry.dynamic_user in {
            units(entry, r)[entry.units[0]].is_dynamic for r in RELEASES if r >= entry.since
        }
    if main.user != "root" and entry.user:
        assert main.user == entry.user or entry.user in dict(_users(entry, release))
    if main.user == "root":
        assert entry.user in ("", "root", *dict(_users(entry, release)))
    steps_down = main.user == "root" and entry.user not in ("", "root")
    assert entry.switches_user == (steps_down and not entry.hardening.exempt)


def _users(entry: Entry, release: str) -> Iterator[tuple[str, object]]:
    for fact in facts(entry, release):
        yield from fact.users.items()
    yield from ((u.user, u) for u in units(entry, release).values())


@each
@pytest.mark.requirement("S0-37")
def test_all_of_its_state_is_known(entry: Entry, release: str) -> None:
    """What the catalog does not know of is in no backup and on no disk that persists."""
    there = {path for fact in facts(entry, release) for path in fact.made}
    there |= {p for u in units(entry, release).values() for p in u.state_directories}
    known = {*entry.state, *entry.persist, *entry.scratch}
    assert not [path for path in there if not any(_inside(path, k) for k in known)]


@each
@pytest.mark.requirement("S0-55")
def test_the_state_that_its_sandbox_opens_is_made_before_it_starts(
    entry: Entry, release: str
) -> None:
    """systemd starts no unit whose ReadWritePaths are not there."""
    there = {path for fact in facts(entry, release) for path in fact.made}
    there |= {p for u in units(entry, release).values() for p in u.state_directories}
    made = [path for path in entry.state if not any(_inside(t, path) for t in there)]
    assert bool(made) == bool(entry.own_state)


def _inside(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}/")


@each
@pytest.mark.requirement("S0-54")
def test_every_unit_that_opens_its_state_is_known(entry: Entry, release: str) -> None:
    """One that does not wait for the disk starts on an empty directory, and fills it."""
    for fact in facts(entry, release):
        opening = {u.name for u in fact.units.values() if u.opens_state and not u.only_with}
        named = {
            unit.name
            for unit in fact.units.values()
            for name in (*entry.units, *entry.helpers)
            if unit.name == name or upstream.matches(unit.name, name)
        }
        assert opening <= named


@each
def test_every_option_without_default_is_said(entry: Entry, release: str) -> None:
    """The module would not evaluate; what only the owner knows is demanded by a check."""
    if entry.infrastructure:
        return  # Other packages configure it; a whole stack is asked below.
    options = said(entry, release)
    for fact in facts(entry, release):
        for path in fact.required:
            assert path.replace("{server}", "main") in options
        for choice in fact.required_one_of:
            assert set(choice) & options or choice in entry.requires_one_of


@each
def test_its_port_moves_where_an_option_moves_it(entry: Entry, release: str) -> None:
    """`port:` on a service whose module has no such option moves all but the app."""
    web = entry.ports.get("web")
    main = upstream.release_of(upstream.modules_of(entry)[0], release)
    if web is None or main is None or entry.infrastructure:
        return
    # Where the module has no option, commands before the start may write it into the app's file.
    written = any(o.endswith(".preStart") for o in said(entry, release))
    assert entry.moves_port(release) == (bool(main.port) or written)
    if main.port:
        assert main.port.replace("{server}", "main") in said(entry, release) or main.port in {
            p.rpartition(".")[0] for p in said(entry, release)
        }


@each
@pytest.mark.requirement("S0-55")
def test_what_nixpkgs_relaxes_for_the_app_is_relaxed_here(entry: Entry, release: str) -> None:
    """What a module leaves out on purpose is what the app cannot bear."""
    if entry.hardening.exempt:
        return
    for name, unit in units(entry, release).items():
        if name in entry.helpers:
            continue
        write_execute = unit.service.get("MemoryDenyWriteExecute")
        if write_execute is not None and write_execute.value is False:
            assert entry.hardening.jit, name
        families = set(unit.text("RestrictAddressFamilies").split())
        if "AF_NETLINK" in families and not entry.hardening.upstream:
            assert entry.hardening.netlink, name
        ours = set(entry.hardening.capabilities)
        theirs = {c.upper() for c in unit.text("AmbientCapabilities").split()}
        assert theirs <= ours or entry.hardening.upstream, name


@each
@pytest.mark.requirement("S0-55")
def test_the_capabilities_of_what_starts_as_root_are_known(entry: Entry, release: str) -> None:
    """A master process gives its workers away, and needs what that takes."""
    for fact in facts(entry, release):
        assert set(fact.capabilities) <= set(entry.hardening.capabilities)


@each
@pytest.mark.requirement("S0-54")
def test_what_others_file_is_written_for_their_group(entry: Entry, release: str) -> None:
    """A dataset that several services write keeps its group by the directory's bit, and
    its mode by the umask of whoever writes. Documents are for nobody beside the group.
    """
    shared = set(entry.writes_datasets) - set(entry.state_in)
    if not shared or entry.hardening.confined:
        return
    assert entry.hardening.umask == ("0007" if entry.name == "paperless" else "0002")


@each
@pytest.mark.requirement("S0-55")
def test_a_worker_opens_the_data_of_its_service(entry: Entry, release: str) -> None:
    """A unit beside the main one that its module lets into the state also sees it on a disk below
    /mnt, where a sandbox hides everything else.
    """
    for fact in facts(entry, release):
        for name, unit in fact.units.items():
            opened = unit.text("ReadWritePaths").split()
            made = [f"/var/lib/{d}" for d in unit.text("StateDirectory").split()]
            if name in entry.units[1:] and {*opened, *made} & {*entry.state}:
                assert name in entry.hardening.data_units, name
