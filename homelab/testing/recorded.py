"""What a program registered: resources with their inputs, secrecy and order. Imports no Pulumi."""

from __future__ import annotations

from dataclasses import dataclass, field

from homelab.problems import did_you_mean


@dataclass
class Resource:
    """One registration."""

    type: str
    """Type token: `homelab:hosts:Host`, `cloudflare:index/dnsRecord:DnsRecord`."""
    name: str
    parent: str
    """URN of the parent."""
    custom: bool
    """Whether a provider manages it. A component is not custom."""
    inputs: dict[str, object]
    """Inputs by their names in the protocol (`hostKey`), without secret marks."""
    secrets: set[str]
    """Paths of inputs that are marked secret: `stdin`, `environment.TOKEN`, `list[0]`."""
    needs: set[str]
    """URNs of its dependencies."""
    provider: str
    """Reference of its provider."""
    ignored: list[str]
    """Inputs whose changes are ignored."""
    hidden: list[str]
    """Inputs whose differences a preview does not show."""
    secret_outputs: list[str]
    """Outputs that are marked secret."""
    retained: bool
    """Whether it is kept when the stack is destroyed."""
    imported: str = ""
    """Id of the resource that it imports."""
    aliases: list[str] = field(default_factory=list)
    """Former names."""
    urn: str = ""


@dataclass
class Recorded:
    """The result of one run of a program."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, dict[str, object]] = field(default_factory=dict)
    """Outputs of components and of the stack, by URN."""
    logs: list[str] = field(default_factory=list)
    """Log messages: `WARNING: …`."""
    error: str = ""
    """Text of the RunError that ended it."""

    def __getitem__(self, name: str) -> Resource:
        """The resource of this name that is not a component, or else the component of this name.

        Raises KeyError, which says what there is, unless it is one resource.
        """
        found = [r for r in self.resources if r.name == name]
        custom = [r for r in found if r.custom]
        if len(custom) == 1 or len(found) == 1:
            return (custom if len(custom) == 1 else found)[0]
        if found:
            types = ", ".join(sorted(r.type for r in found))
            raise KeyError(f'several resources are called "{name}" ({types}); use of()')
        known = did_you_mean(name, {r.name for r in self.resources}, "names")
        ended = f"; the run ended early: {self.error}" if self.error else ""
        raise KeyError(f'there is no resource "{name}"; {known}{ended}')

    def of(self, type_: str) -> list[Resource]:
        """Every resource whose type ends with this text: `:Host`, `:DnsRecord`."""
        return [r for r in self.resources if r.type.endswith(type_)]

    def needs(self, resource: Resource) -> set[str]:
        """Names of all direct and indirect dependencies, without components."""
        by_urn = {r.urn: r for r in self.resources}
        seen: set[str] = set()
        pending = [resource.urn]
        while pending:
            for urn in by_urn[pending.pop()].needs:
                if urn in by_urn and urn not in seen:
                    seen.add(urn)
                    pending.append(urn)
        return {by_urn[u].name for u in seen if by_urn[u].custom}

    @property
    def exports(self) -> dict[str, object]:
        """The outputs of the stack."""
        found = [v for urn, v in self.outputs.items() if "::pulumi:pulumi:Stack::" in urn]
        return found[0] if found else {}
