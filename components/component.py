"""The base of our components: names that stay apart where a program holds two homelabs."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi


class Component(pulumi.ComponentResource):
    """A component whose name, and those of its children, start with the `lead` of its homelab.

    The URN of a child has the types of its parents and not their names. So two hosts `pi` in one
    program would be one resource. The homelab of Pulumi's own stack has no lead.
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
    """What the name of a child starts with, by its parent; nothing where that is not ours."""
    parent = opts.parent if opts is not None else None
    return parent.lead if isinstance(parent, Component) else ""
