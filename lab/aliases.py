"""Finds a resource under a URN that it had before.

Aliases resolve as in Pulumi's engine (`step_generator.go` of version 3.260, `generateAliases` and
`getOldResource`): the resource's own URN first, then its aliases in their order, then those that
follow from the alias under which its parent was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homelab.lab.registration import Alias, ResourceRegistration
from homelab.lab.state import Record
from homelab.lab.urn import make_urn, name_of, type_of


class DuplicateAliasError(Exception):
    """Two resources of a run claim one old resource. The message is Pulumi's."""


class Aliases:
    """The aliases that one run uses."""

    def __init__(self, project: str, stack: str) -> None:
        self._project, self._stack = project, stack
        self.found: dict[str, str] = {}
        """Former URN of each resource that was found by an alias, by its URN."""
        self._claimed: dict[str, str] = {}
        """The reverse."""

    @property
    def claimed(self) -> Mapping[str, str]:
        """URN of the resource that took over each former URN."""
        return self._claimed

    def find(
        self,
        registration: ResourceRegistration,
        urn: str,
        olds: Mapping[str, Record],
        registered: Mapping[str, object],
    ) -> Record | None:
        """The old record of a resource; None for a new one.

        `registered` are the URNs of this run so far. Raises DuplicateAliasError.
        """
        if urn in self._claimed:
            raise DuplicateAliasError(
                f"Duplicate resource URN '{urn}' conflicting with alias on resource with URN "
                f"'{self._claimed[urn]}'"
            )
        if urn in olds:
            return olds[urn]
        for former in self.urns(registration):
            if former not in olds or former == urn:
                continue
            rival = urn if former in registered else self._claimed.get(former)
            if rival is not None:
                raise DuplicateAliasError(
                    f"Duplicate resource alias '{former}' applied to resource with URN '{urn}' "
                    f"conflicting with resource with URN '{rival}'"
                )
            self.found[urn] = former
            self._claimed[former] = urn
            return olds[former]
        return None

    def urns(self, registration: ResourceRegistration) -> Iterator[str]:
        """The URNs that a resource may have had."""
        own = [self._collapse(alias, registration) for alias in registration.aliases]
        yield from own
        above = self.found.get(registration.parent)
        if above is not None:
            yield self._inherited(registration.type, registration.name, registration, above)
            for urn in own:
                yield self._inherited(type_of(urn), name_of(urn), registration, above)

    def _collapse(self, alias: Alias, registration: ResourceRegistration) -> str:
        if alias.urn:
            return alias.urn
        parent = registration.parent
        if alias.parent:
            parent = self.found.get(alias.parent, alias.parent)
        return make_urn(
            alias.stack or self._stack,
            alias.project or self._project,
            "" if alias.no_parent else parent,
            alias.type or registration.type,
            alias.name or registration.name,
        )

    def _inherited(
        self, type_: str, name: str, registration: ResourceRegistration, above: str
    ) -> str:
        """The URN of a child below the former URN of its parent.

        A name that starts with its parent's name is taken to follow from it.
        """
        parent = name_of(registration.parent)
        if name.startswith(parent):
            name = name_of(above) + name.removeprefix(parent)
        return make_urn(self._stack, self._project, above, type_, name)
