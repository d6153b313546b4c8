"""The steps of `homelab move`. Each may run again: hosts, stack and lock say what is done."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from homelab.backup.moving import Move, former_from, former_of, move_of, the_service, units_of
from homelab.config.document import parse_document
from homelab.config.service_modules import CatalogService
from homelab.config.stack_edit import with_host
from homelab.databases.model import Database
from homelab.databases.moved import file_kinds
from homelab.databases.plan import catalog_databases
from homelab.deploy.scripts import move_script
from homelab.ops.hosts import link_to, named
from homelab.ops.machine.host import HostLink
from homelab.ops.machine.ssh import DialMap
from homelab.ops.move.copying import Copier, Report
from homelab.ops.project.documents import with_facts
from homelab.ops.project.files import write_lock
from homelab.ops.project.stack import check_document, check_stack
from homelab.ops.whole import replace_file
from homelab.plaintext import UnreadableError, json_data, mapping
from homelab.plan import Plan
from homelab.problems import HomelabError, InvalidStackError, Problem, UsageError
from homelab.services.memory import has_state
from homelab.services.own import original_entry


@dataclass(frozen=True)
class Seen:
    """What one host knows of a move."""

    departure: str
    """held or left; empty for none."""
    to: str
    arrival: str
    """copying, ready or arrived; empty for none."""
    origin: str
    """Host that the arrival comes from."""
    holds: bool
    """Whether its release keeps the units of a departure stopped after a reboot."""
    free: int
    """Bytes."""
    paths: Mapping[str, tuple[str, int]]
    """directory, file or missing, and the bytes, by path."""
    jobs: Mapping[str, object]


class Mover:
    """The move of one service of a stack.

    Raises UsageError and InvalidStackError for what prevents it, HomelabError for what fails.
    """

    def __init__(self, directory: Path, stack: str, name: str, report: Report) -> None:
        self.directory, self.stack, self.name, self.report = directory, stack, name, report
        self.plan, self.problems = check_stack(directory, stack)
        self.service = the_service(self.plan, name)
        self._dial_map = DialMap.from_environment()

    @property
    def pending(self) -> str:
        """Host from which the service comes, if the stack has its new host and `up` is next."""
        return self.service.arrives_from

    # --- before `up` -----------------------------------------------------------------------------

    def prepare(self, to: str | None) -> tuple[Move | None, str]:
        """The move, and the text of the stack file after it; the text is empty if the stack has the
        new host already. No move for a service without state. Reads only.
        """
        service, memory = self.service, self.service.memory
        if to is not None and to != service.host:
            if memory is not None and memory.host != service.host:
                raise UsageError(
                    f"{self.name} moves from {memory.host} to {service.host}; go on with homelab "
                    f"move {self.name}, or end it: homelab move {self.name} --undo"
                )
            return self._to(named(self.plan, to).name)
        if memory is None:
            raise UsageError(f"the lock does not have {self.name}; run homelab lock first")
        described = self._seen(memory.host, ()).jobs
        if memory.host == service.host and memory.name not in described:
            raise UsageError(self._nowhere(to))
        former = former_from(described, service)
        changed = {*former.units} != {*units_of(service)} or {*former.paths} != {*service.state}
        if memory.host == service.host and not changed:
            raise UsageError(self._nowhere(to))
        self._check(self.plan, self.problems)
        return move_of(former, self.plan, self.name, changed=changed), ""

    def _nowhere(self, to: str | None) -> str:
        if to is None:
            return f"{self.name} is on {self.service.host}; name another host: --to HOST"
        return f"{self.name} is on {to} already"

    def _to(self, host: str) -> tuple[Move | None, str]:
        file = f"Pulumi.{self.stack}.yaml"
        text = (self.directory / file).read_text(encoding="utf-8")
        place = self.service.host_at
        edited = with_host(text, tuple(place.split(".")), host)
        if not edited:
            raise UsageError(
                f"{file}: {place} is no value of its own that can be changed; write {host} there "
                f"yourself, then homelab move {self.name}"
            )
        files = file_kinds(self.plan, self.service)
        there = [d for d in self.service.databases if d.host == host and d.kind not in files]
        # A database of any other service, or in place of a file, stays under databases, on
        # whichever host.
        if there and isinstance(self.service.config, CatalogService):
            raise UsageError(self._to_its_database(file, host, there))
        document = with_facts(parse_document(edited, file), self.directory)
        after, problems = check_document(self.directory, self.stack, document)
        self._check(after, problems)
        if not has_state(self.service):
            return None, edited
        former = former_of(self.plan, self.service)
        return move_of(former, after, self.name, changed=False), edited

    def _to_its_database(self, file: str, host: str, there: Sequence[Database]) -> str:
        """How a service of the catalog goes to the host of its database. Its module uses the
        database there if it has the name that the module gives it.
        """
        entry = original_entry(self.plan.stack, self.name, self.service.config, host)
        own = {*catalog_databases(entry)} if entry is not None else set()
        if other := [d for d in there if (d.kind, d.name) not in own or d.user != d.name]:
            return (
                f"{self.name} has its {other[0].kind} database on {host} as {other[0].name}, and "
                "its module would make one of another name there; keep it on another host, or "
                "copy the database by hand, which homelab move does not"
            )
        kinds = " and ".join(f"databases.{d.kind}" for d in there)
        return (
            f"{self.name} has its database on {host} already, and uses it without {kinds} there; "
            f"in {file}, write {host} at {self.service.host_at} and leave {kinds} out, then "
            f"homelab move {self.name}"
        )

    def _check(self, plan: Plan, problems: Sequence[Problem]) -> None:
        """Raise what else is wrong with the stack: after the move, nothing may stop an `up`."""
        service = the_service(plan, self.name)
        meant = {("move-stateful", service.host_at), ("state-path", service.source)}
        errors = [p for p in problems if p.severity == "error" and (p.check, p.where) not in meant]
        if errors:
            raise InvalidStackError(errors)

    def carry_out(self, move: Move | None, edited: str) -> None:
        """Copy and compare the state, and write the new host into the stack and the lock."""
        if move is not None:
            asyncio.run(self._carried(move))
        file = f"Pulumi.{self.stack}.yaml"
        if edited:
            for line in replace_file(self.directory / file, edited):
                self.report(f"{file}: {line}")
        moving = {self.name: move.source} if move is not None else {}
        for line in write_lock(self.directory, self.stack, (self.name,), (), moving):
            self.report(line)
        self.report(
            f"next: pulumi up, then homelab move {self.name}" if move else "next: pulumi up"
        )

    async def _carried(self, move: Move) -> None:
        source, target = self._link(move.source), self._link(move.target)
        copier = Copier(self.name, source, target, self.report)
        try:
            here, there = await asyncio.gather(
                self._look(source, [old for old, _ in move.paths]), self._look(target, ())
            )
            self._possible(move, here, there)
            # A mark `left` is of an earlier move.
            held = here.departure == "held"
            if there.arrival == "ready" and there.origin == move.source and held:
                self.report(f"{target.name}: the state of {self.name} is here already")
                return
            if there.arrival == "arrived":
                await self._do(target, "discard")
            await self._do(target, "begin", [move.source])
            pairs = [
                (old, f"arrival/files{new}")
                for old, new in move.paths
                if here.paths[old][0] == "directory"
            ]
            if not held:
                for old, new in pairs:
                    self.report(f"{source.name}: copying {old} while {self.name} runs")
                    await copier.bring(old, new, last=False)
            await self._final(move, copier, pairs)
        finally:
            await source.close()
            await target.close()

    async def _final(self, move: Move, copier: Copier, pairs: Sequence[tuple[str, str]]) -> None:
        source, target = copier.source, copier.target
        databases = [
            *(f"postgresql:{d}" for d in move.postgresql),
            *(f"mysql:{d}" for d in move.mysql),
        ]
        texts = {
            "PATHS": _lines(old for old, _ in move.paths),
            "DATABASES": _lines(databases),
        }
        await self._do(source, "hold", [move.target, *move.units], texts)
        every = list(pairs)
        if databases:
            await self._do(source, "dump", databases)
            every += [(f"departure/{d}", f"arrival/{d}") for d in ("dumps", "rows")]
        for place, arrival in every:
            count = await copier.bring(place, arrival, last=True)
            self.report(f"{target.name}: {count} files of {place} are the same on both hosts")
        owners = await copier.owners([old for old, _ in pairs])
        if move.owner:
            owners = "".join(f"{line.split()[0]} {move.owner}:\n" for line in owners.splitlines())
        moved = {old for old, _ in pairs}
        texts = {
            "PATHS": _lines(new for old, new in move.paths if old in moved),
            "OWNERS": owners,
            "POSTGRESQL": _lines(move.postgresql),
            "MYSQL": _lines(move.mysql),
        }
        await self._do(target, "ready", (), texts)

    def _possible(self, move: Move, here: Seen, there: Seen) -> None:
        if not here.holds:
            raise HomelabError(
                f"{move.source} runs a release that cannot keep {self.name} stopped after a "
                "reboot; run pulumi up first"
            )
        if here.departure == "held" and here.to != move.target:
            raise HomelabError(
                f"{self.name} leaves {move.source} for {here.to}; go on with homelab move "
                f"{self.name} --to {here.to}, or end that: homelab move {self.name} --undo"
            )
        for path, (kind, _) in here.paths.items():
            if kind == "file":
                raise HomelabError(f"{move.source}: {path} is a file; only directories are moved")
        needed = sum(size for _, size in here.paths.values())
        if needed > there.free and there.arrival == "":
            raise HomelabError(
                f"{move.target}: /var/lib has {there.free // 1_000_000} MB free, and the state has "
                f"{needed // 1_000_000} MB"
            )

    # --- after `up`, and back --------------------------------------------------------------------

    def finish(self) -> None:
        """After `up`: make sure that the state is in its place, and end the move."""
        asyncio.run(self._finished(self.pending, self.service.host))
        for line in write_lock(self.directory, self.stack, (), (), {self.name: None}):
            self.report(line)
        self.report(
            f"{self.name} runs on {self.service.host}. What it left on {self.pending} stays: "
            f"homelab orphans {self.pending}"
        )

    async def _finished(self, origin: str, host: str) -> None:
        source, target = self._link(origin), self._link(host)
        try:
            there = await self._look(target, ())
            if there.arrival != "arrived":
                raise HomelabError(
                    f"{host} has not put the state of {self.name} in its place; run pulumi up, and "
                    f"see journalctl -u homelab-arrive-{self.name}; or end the move: homelab move "
                    f"{self.name} --undo"
                )
            # The mark of the arrival stays: until the next `up`, the unit asks for it.
            await self._do(source, "left")
        finally:
            await source.close()
            await target.close()

    def undo(self, to: str | None) -> None:
        """End a move whose state has not been put in its place: the service stays where it was."""
        service, memory = self.service, self.service.memory
        origin = self.pending or (memory.host if memory is not None else service.host)
        target = asyncio.run(self._undoable(origin, to))
        if service.host == target != origin:
            file = f"Pulumi.{self.stack}.yaml"
            text = (self.directory / file).read_text(encoding="utf-8")
            edited = with_host(text, tuple(service.host_at.split(".")), origin)
            if not edited:
                raise UsageError(f"{file}: write {origin} at {service.host_at}, then run it again")
            for line in replace_file(self.directory / file, edited):
                self.report(f"{file}: {line}")
        if self.pending:
            for line in write_lock(self.directory, self.stack, (self.name,), (), {self.name: None}):
                self.report(line)
        asyncio.run(self._undone(origin, target))
        self.report(f"{self.name} stays on {origin}; next: pulumi up, if one has run meanwhile")

    async def _undoable(self, origin: str, to: str | None) -> str:
        source = self._link(origin)
        try:
            here = await self._look(source, ())
        finally:
            await source.close()
        target = here.to or to or (self.service.host if self.service.host != origin else "")
        if here.departure != "held" and not self.pending and not to:
            raise UsageError(f"no move of {self.name} has begun; there is nothing to undo")
        link = self._link(target or self.service.host)
        try:
            there = await self._look(link, ())
        finally:
            await link.close()
        if there.arrival == "arrived":
            raise HomelabError(
                f"{self.name} has its state on {link.name} already, and may have changed it; move "
                f"it back: homelab move {self.name}, then homelab move {self.name} --to {origin}"
            )
        return link.name

    async def _undone(self, origin: str, target: str) -> None:
        source, link = self._link(origin), self._link(target)
        try:
            await self._do(link, "discard")
            await self._do(source, "release")
        finally:
            await source.close()
            await link.close()

    # --- hosts -----------------------------------------------------------------------------------

    def _link(self, host: str) -> HostLink:
        return link_to(named(self.plan, host), self._dial_map)

    def _seen(self, host: str, paths: Sequence[str]) -> Seen:
        link = self._link(host)

        async def look() -> Seen:
            try:
                return await self._look(link, paths)
            finally:
                await link.close()

        return asyncio.run(look())

    async def _look(self, link: HostLink, paths: Sequence[str]) -> Seen:
        output = (await link.exchange(move_script(self.name, "look", paths))).decode()
        said: dict[str, str] = {}
        found: dict[str, tuple[str, int]] = {}
        for line in output.splitlines():
            key, _, value = line.partition(" ")
            if key == "path":
                kind, size, path = value.split(" ", 2)
                found[path] = (kind, int(size or 0))
            else:
                said[key] = value
        try:
            jobs = mapping(json_data(said.get("jobs") or "{}"))
        except UnreadableError:
            jobs = {}
        return Seen(
            said.get("departure", ""),
            said.get("to", ""),
            said.get("arrival", ""),
            said.get("from", ""),
            said.get("holds") == "yes",
            int(said.get("free") or 0),
            found,
            jobs,
        )

    async def _do(
        self,
        link: HostLink,
        step: str,
        arguments: Sequence[str] = (),
        texts: Mapping[str, str] | None = None,
    ) -> None:
        output = await link.exchange(move_script(self.name, step, arguments, texts))
        for line in output.decode(errors="replace").splitlines():
            self.report(f"{link.name}: {line}")


def _lines(texts: Iterable[str]) -> str:
    return "".join(f"{text}\n" for text in texts)
