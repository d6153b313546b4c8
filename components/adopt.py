"""Adopt existing resources."""

from __future__ import annotations

import pulumi


def adopting(opts: pulumi.ResourceOptions, id_: str) -> pulumi.ResourceOptions:
    """Options that import a resource, if there is an id.

    In one `up`, the engine reads the resource and then changes it to the stack's state. Afterwards
    the id has no effect, except that a replacement of the resource is refused while it is set.
    """
    if not id_:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(import_=id_))
