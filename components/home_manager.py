"""A machine with home-manager: its configuration is rendered, and nothing connects to it."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.components.component import Component
from homelab.components.file import show_files
from homelab.deploy.model import Release


class HomeManagerHostArgs(TypedDict):
    """What a home-manager machine needs."""

    release: Release


class HomeManagerHost(Component):
    """The files of a home-manager machine, so that a preview shows what changes in them.

    `homelab render` writes them to disk; the owner runs home-manager on the machine.
    """

    token = "homelab:hosts:HomeManagerHost"
    former = ("homelab:home:Home",)

    def __init__(
        self, name: str, args: HomeManagerHostArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        release = args["release"]
        super().__init__(name, {"release": release.id}, opts)
        show_files(name, release, self)
        self.register_outputs({"release": release.id})
