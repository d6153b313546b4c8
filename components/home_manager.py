"""A machine that is not ours: a user's home is rendered for it, and nothing connects to it."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.components.component import Component
from homelab.deploy.model import Release


class HomeArgs(TypedDict):
    """What a home needs."""

    release: Release


class HomeManagerHost(Component):
    """The files of a home-manager machine, so that a preview shows what changes in them.

    `homelab render` writes them out; the machine itself runs home-manager when its owner likes.
    """

    def __init__(
        self, name: str, args: HomeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        release = args["release"]
        super().__init__("homelab:home:Home", name, {"files": shown(release)}, opts)
        self.register_outputs({})


def shown(release: Release) -> dict[str, str]:
    """A release's files as inputs: text as it is, anything else by its size."""
    return {
        path: content if isinstance(content, str) else f"{len(content)} bytes, not text"
        for path, content in release.files
    }
