"""Copy directories from one host to another through the deployer, and compare them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from homelab.deploy.scripts import move_script
from homelab.ops.machine.host import HostLink
from homelab.problems import HomelabError

Report = Callable[[str], None]
_FIELDS = 8
"""Tabs before a name: `find` prints eight facts of each entry."""
_TELL = 256 * 1024 * 1024
"""Bytes between two lines of progress."""


@dataclass(frozen=True)
class Entry:
    """One file or directory below a directory."""

    kind: str
    mode: str
    numbers: str
    """uid:gid."""
    names: str
    """user:group, on its host."""
    size: str
    time: str
    link: str

    @property
    def facts(self) -> tuple[str, ...]:
        """What must be the same on both hosts; a directory's size and time are its host's own."""
        size = self.size if self.kind == "f" else ""
        return (self.kind, self.mode, self.numbers, size, self.link)

    @property
    def newness(self) -> tuple[str, ...]:
        """What shows that a file has changed."""
        return (*self.facts, self.time if self.kind == "f" else "")


Listing = Mapping[bytes, Entry]


@dataclass
class Copier:
    """Copies of one service's directories."""

    service: str
    source: HostLink
    target: HostLink
    report: Report

    async def bring(self, place: str, arrival: str, *, last: bool) -> int:
        """Make the directory `arrival` of the target like `place` of the source. The number of
        files; with `last`, all of them are compared by their digests.

        Raises HomelabError if they differ in the end.
        """
        here = await self._sync(place, arrival)
        if last:
            wrong = await self._different(place, arrival, here)
            if wrong:
                # A file that changed without a new time, or a copy that was cut off.
                await self._send(place, arrival, wrong)
                wrong = await self._different(place, arrival, await self._list(self.source, place))
            if wrong:
                name = min(wrong).decode(errors="replace")
                raise HomelabError(
                    f"{self.target.name}: {len(wrong)} files of {place} differ, the first is "
                    f"{name}; nothing was switched, run it again"
                )
        return sum(e.kind == "f" for e in here.values())

    async def _sync(self, place: str, arrival: str) -> Listing:
        here, there = await asyncio.gather(
            self._list(self.source, place), self._list(self.target, arrival)
        )
        gone = [name for name, e in there.items() if name not in here or here[name].kind != e.kind]
        if gone:
            await self.target.exchange(
                move_script(self.service, "drop", [arrival]), _ended(sorted(gone, reverse=True))
            )
        new = [
            name
            for name, entry in here.items()
            if name not in there or there[name].newness != entry.newness
        ]
        await self._send(place, arrival, new)
        return here

    async def _send(self, place: str, arrival: str, names: Iterable[bytes]) -> None:
        data = _ended(sorted(names))
        if not data:
            return
        reported = total = 0

        def passed(count: int) -> None:
            nonlocal reported, total
            total += count
            if total - reported >= _TELL:
                reported = total
                self.report(f"{self.target.name}: {total // 1_000_000} MB of {place}")

        await self.source.pass_to(
            move_script(self.service, "send", [place]),
            data,
            self.target,
            move_script(self.service, "receive", [arrival]),
            passed,
        )

    async def _list(self, host: HostLink, place: str) -> Listing:
        output = await host.exchange(move_script(self.service, "list", [place]))
        texts = output.split(b"\0")[:-1]
        found = {}
        for line, link in zip(texts[::2], texts[1::2], strict=True):
            *facts, name = line.split(b"\t", _FIELDS)
            kind, mode, uid, gid, user, group, size, time = (f.decode() for f in facts)
            found[name] = Entry(
                kind, mode, f"{uid}:{gid}", f"{user}:{group}", size, time, link.hex()
            )
        return found

    async def _different(self, place: str, arrival: str, here: Listing) -> set[bytes]:
        there, mine, its = await asyncio.gather(
            self._list(self.target, arrival),
            self._sums(self.source, place),
            self._sums(self.target, arrival),
        )
        names = here.keys() | there.keys()
        return {
            name
            for name in names
            if name not in here
            or name not in there
            or here[name].facts != there[name].facts
            or mine.get(name) != its.get(name)
        }

    async def _sums(self, host: HostLink, place: str) -> Mapping[bytes, bytes]:
        output = await host.exchange(move_script(self.service, "sums", [place]))
        lines = (line.partition(b"  ") for line in output.split(b"\0")[:-1])
        return {name: digest for digest, _, name in lines}

    async def owners(self, places: Iterable[str]) -> str:
        """The users and groups of the files: `992:992 miniflux:miniflux`, one pair on a line."""
        found: dict[str, str] = {}
        for place in places:
            for entry in (await self._list(self.source, place)).values():
                found[entry.numbers] = entry.names
        return "".join(f"{numbers} {names}\n" for numbers, names in sorted(found.items()))


def _ended(names: Iterable[bytes]) -> bytes:
    return b"".join(name + b"\0" for name in names)
