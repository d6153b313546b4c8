"""The base of all components: it keeps the names of two homelabs in one program apart."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi


class Component(pulumi.ComponentResource):
    """A component whose name, and those of its children, start with the `lead` of its homelab.

    A URN contains the types of the parents and not their names, so two hosts called `pi` would have
    the same URN. The homelab of Pulumi's own stack has an empty `lead`.
    """

    lead: str

    def __init__(
        self,
        type_: str,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.lead = lead_of(opts)
        super().__init__(type_, f"{self.lead}{name}", {**inputs}, opts)


def lead_of(opts: pulumi.ResourceOptions | None) -> str:
    """The prefix of a child's name, taken from its parent. Empty for other parents."""
    parent = opts.parent if opts is not None else None
    return parent.lead if isinstance(parent, Component) else ""
