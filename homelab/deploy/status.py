"""What `status.sh` reports of a host, compared with the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from homelab.status import Section


@dataclass(frozen=True)
class HostFacts:
    """The answer of `status.sh`; a missing key reads as an empty text."""

    facts: Mapping[str, str]
    log: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> HostFacts:
        """Lines of «key value»."""
        pairs = [line.partition(" ")[::2] for line in text.splitlines()]
        facts = {key: value for key, value in pairs if key != "log"}
        return cls(facts, tuple(value for key, value in pairs if key == "log"))

    def __getitem__(self, key: str) -> str:
        return self.facts.get(key, "")

    @property
    def release(self) -> str:
        """The committed release; empty before the first."""
        return self["release"]

    @property
    def drifted(self) -> bool:
        """Whether it runs a system that homelab did not commit."""
        return bool(self["committed"]) and self["running"] != self["committed"]

    @property
    def is_provisional(self) -> bool:
        """Whether the last `test` or `boot` explains what runs and what the next boot starts."""
        system = self["provisional-system"]
        return bool(system) and {self["running"], self["default"]} <= {system, self["committed"]}

    @property
    def awaits_confirmation(self) -> bool:
        """Whether the release of the last `test` or `boot` runs, or the next boot starts it."""
        system = self["provisional-system"]
        return bool(system) and system in (self["running"], self["default"])

    @property
    def boots_another(self) -> bool:
        """Whether a reboot would start another system than the one that runs."""
        return bool(self["running"]) and (self["default"] != self["running"] or self.misled)

    @property
    def misled(self) -> bool:
        """Whether the boot loader's default is another system than the profile's."""
        return self["loader"] == "another"

    @property
    def boots(self) -> str:
        """What the next boot would start, in words."""
        default = self["default"] or "unknown"
        return f"another system than {default} (by its boot loader)" if self.misled else default

    @property
    def wants_reboot(self) -> bool:
        """Whether the booted kernel or initrd is not the running system's."""
        return self["reboot"] == "wanted"


@dataclass(frozen=True)
class HostStatus:
    """One host: what the stack wants, and what was found."""

    name: str
    wanted: str
    """Release that the stack wants; empty for a host that is held."""
    facts: HostFacts | None
    """None for a host that did not answer."""
    error: str = ""
    sleeps: bool = False
    """It is an offline host, so no answer is not a fault."""
    relay: str = ""
    """The host that keeps its bundle, if any."""
    bundle: HostFacts | None = None
    """The relay's answer about its bundle; asked only if the host itself does not answer."""

    @property
    def ok(self) -> bool:
        """Whether nothing about it needs attention."""
        if self.facts is None:
            return self.sleeps and not self._kept().startswith("!")
        return not any(line.startswith("!") for line in self.notes())

    def notes(self) -> Iterator[str]:
        """Remarks, one per line; `!` marks those that need attention."""
        facts = self.facts
        if facts is None:
            yield f"{'' if self.sleeps else '! '}does not answer: {self.error}"
            if self._kept():
                yield self._kept()
            return
        if not facts.release:
            yield "runs no release of homelab yet"
        elif self.wanted and self.wanted not in (facts.release, facts["provisional-release"]):
            ready = (
                "built here" if facts["built"] else "staged" if facts["staged"] else "not here yet"
            )
            yield f"the stack wants {self.wanted} ({ready}); the next `up` switches it" + (
                f', once the stack has deploy.again: {{{self.name}: "…"}}'
                if facts["again"].startswith(BY_HAND)
                else ""
            )
        if facts["phase"] in _OPEN:
            deployment = (
                f"deployment {facts['deployment']} for release {facts['deployment-release']}"
            )
            if facts["supervised"]:
                yield f"{deployment} is {facts['phase']}"
            else:
                phase = facts["phase"]
                yield f"! {deployment} stopped while {phase}: homelab unlock {self.name}"
        elif facts.is_provisional:
            yield self._provisional(facts)
        elif facts.drifted:
            yield (
                f"! runs {facts['running']}, which homelab did not commit: add that change to the "
                f"stack and set deploy.again, or homelab rollback {self.name} --to current"
            )
        elif facts.boots_another:
            yield f"! a reboot starts {facts.boots}, not the system that runs now"
        if facts.wants_reboot:
            yield "a reboot is needed: the booted kernel or initrd is older than the running system"
        if facts["failed"]:
            yield f"! failed units: {facts['failed']}"
        if facts["backups"]:
            yield f"! backups are too old: {facts['backups'].removeprefix('late ')}"
        if facts["replicas"]:
            yield f"! replicas are too old: {facts['replicas'].removeprefix('late ')}"

    def _provisional(self, facts: HostFacts) -> str:
        """A remark on the release of the last `test` or `boot`."""
        release = f"release {facts['provisional-release']}"
        if facts["provisional"] == "test":
            if facts["running"] == facts["provisional-system"]:
                keep = f"homelab confirm {self.name} keeps it"
                return f"runs {release} as a test, until a reboot; {keep}"
            return f"the test of {release} ended with a reboot"
        if facts["running"] == facts["provisional-system"]:
            return f"! has booted {release}, which is not confirmed: homelab confirm {self.name}"
        return f"{release} starts at the next boot"

    def _kept(self) -> str:
        """What its relay says of its bundle; empty without one."""
        bundle = self.bundle
        if bundle is None or not bundle["RELEASE"]:
            return ""
        release = f"release {bundle['RELEASE']}"
        fetched = f"fetched {release} from {self.relay}"
        reported = bundle["report-phase"] if bundle["report-id"] == bundle["DEPLOYMENT_ID"] else ""
        if reported == "committed":
            return f"{fetched} and committed it; the next `up` records it"
        if reported in WENT_BACK:
            why = f" ({bundle['report-reason']})" if bundle["report-reason"] else ""
            return f"! {fetched}, and it {WENT_BACK[reported]}{why}"
        waits = f"{release} waits for it on {self.relay} since {bundle['SINCE']}"
        return f"! {waits}; it could not apply it: {bundle['report-reason']}" if reported else waits


NEEDS_A_LOOK = "failed, and so did its rollback: check the host by hand"
"""The outcome of a switch whose rollback failed."""
WENT_BACK = {
    "rolled_back": "was rolled back; the host is as before",
    "failed_rollback": NEEDS_A_LOOK,
}
"""Outcomes of a release that a host fetched and did not keep, as a sentence continues."""
BY_HAND = "rollback "
"""The beginning of the `again` value that a rollback by hand leaves on a host."""
_OPEN = ("armed", "activating", "rebooting", "awaiting", "committing", "rolling_back")


def section(hosts: tuple[HostStatus, ...]) -> Section:
    """The hosts' part of `homelab status`."""
    width = max((len(h.name) for h in hosts), default=0)
    lines = ["hosts"]
    data: dict[str, JsonValue] = {}
    for host in hosts:
        release = (host.facts.release or "none") if host.facts else "unknown"
        lines.append(f"  {host.name.ljust(width)}  {release}")
        lines += [f"  {' ' * width}  {note}" for note in host.notes()]
        data[host.name] = {
            "answers": host.facts is not None,
            "ok": host.ok,
            "wanted": host.wanted,
            "release": host.facts.release if host.facts else None,
            "notes": list(host.notes()),
        }
    return Section("hosts", "\n".join(lines), data, all(h.ok for h in hosts))
