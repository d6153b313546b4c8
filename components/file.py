"""The files of a host, one component per file."""

from __future__ import annotations

from typing import TypedDict

import pulumi

from homelab.components.component import Component
from homelab.deploy.model import Release


class FileArgs(TypedDict):
    """What a file needs."""

    text: str


class File(Component):
    """A file of a host. It creates nothing: the engine compares its text.

    Pulumi shows all inputs of a changed component, also the unchanged ones. With one component per
    file, a preview names the files that change, and `--diff` shows their lines and no others.
    """

    token = "homelab:hosts:File"
    former = ("homelab:host:File",)

    def __init__(
        self, name: str, args: FileArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(name, {"text": args["text"]}, opts)
        self.register_outputs({})


def show_files(host: str, release: Release, parent: pulumi.Resource, *, left: bool = False) -> None:
    """Register a component for each file of a host. A binary file is shown by its size.

    `left`: the host does not switch in this run, so its files keep their text, and a later preview
    shows what will change. A preview still shows files that are added or removed.
    """
    opts = pulumi.ResourceOptions(parent=parent, ignore_changes=["text"] if left else None)
    for path, content in release.files:
        text = content if isinstance(content, str) else f"{len(content)} bytes, not text"
        File(f"{host}/{path}", {"text": text}, opts)
