"""The base of all components: it keeps the names of two homelabs in one program apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import pulumi


class Component(pulumi.ComponentResource):
    """A component whose name, and those of its children, start with the `lead` of its homelab.

    A URN contains the types of the parents and not their names, so two hosts called `pi` would have
    the same URN. The homelab of Pulumi's own stack has an empty `lead`.
    """

    token: ClassVar[str]
    """The type token, `homelab:SECTION:Class`: the section of the stack config that the component
    comes from, or `index`. It is part of URNs, so a changed token needs the old one in `former`."""
    former: ClassVar[tuple[str, ...]] = ()
    """Tokens of earlier releases. A resource of such a type is the same resource."""

    lead: str

    def __init__(
        self,
        name: str,
        inputs: Mapping[str, object],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self.lead = lead_of(opts)
        formerly = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=t) for t in self.former])
        super().__init__(
            self.token,
            f"{self.lead}{name}",
            {**inputs},
            pulumi.ResourceOptions.merge(opts, formerly),
        )


def lead_of(opts: pulumi.ResourceOptions | None) -> str:
    """The prefix of a child's name, taken from its parent. Empty for other parents."""
    parent = opts.parent if opts is not None else None
    return parent.lead if isinstance(parent, Component) else ""
