"""The files of a host, each as a component of its own."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.components.component import Component
from homelab.deploy.model import Release


class FileArgs(TypedDict):
    """What a file needs."""

    text: str


class File(Component):
    """A file of a host. It makes nothing; the engine compares it.

    Pulumi shows a component that changed with everything in it, changed or not. With one component
    for each file a preview names those that change, and `--diff` shows the lines of those alone.
    """

    def __init__(
        self, name: str, args: FileArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("homelab:host:File", name, {"text": args["text"]}, opts)
        self.register_outputs({})


def show_files(host: str, release: Release, parent: pulumi.Resource, *, held: bool = False) -> None:
    """A component for each file of a host: text as it is, anything else by its size.

    Of a held host the text stays what it was; a file that comes or goes is shown, for a component
    cannot be kept without its text.
    """
    opts = pulumi.ResourceOptions(parent=parent, ignore_changes=["text"] if held else None)
    for path, content in release.files:
        text = content if isinstance(content, str) else f"{len(content)} bytes, not text"
        File(f"{host}/{path}", {"text": text}, opts)
