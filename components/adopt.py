"""Take over what was there before."""

from __future__ import annotations

import pulumi


def adopting(opts: pulumi.ResourceOptions, id_: str) -> pulumi.ResourceOptions:
    """Options that import a resource, where there is an id.

    The engine reads it first, then changes what differs from the stack, all in one `up`; an id that
    stays is heeded no more. What would have to be replaced is refused while the id is there.
    """
    if not id_:
        return opts
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(import_=id_))
