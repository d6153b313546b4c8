"""Graphics hardware of a host."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import Model
from homelab.config.types import DeviceNode

Architecture = Literal["maxwell", "pascal", "volta", "turing", "ampere", "ada", "blackwell"]
"""Generations of NVIDIA's cards, oldest first."""
BEFORE_TURING: tuple[Architecture, ...] = ("maxwell", "pascal", "volta")
"""Architectures without open kernel modules."""


class Gpu(Model):
    """A GPU that services may use."""

    vendor: Literal["nvidia", "intel", "amd"]
    open: bool | None = None
    """NVIDIA: use the open kernel modules. They support cards from Turing on (GeForce 16 and
    RTX 20), and are required from Blackwell on (RTX 50). Older cards need false. Default: what
    suits `architecture`."""
    architecture: Architecture | None = None
    """NVIDIA: architecture of the card. maxwell: GeForce 750 and 900; pascal: GeForce 10, Quadro P;
    volta: Titan V; turing: GeForce 16, RTX 20, T4; ampere: RTX 30; ada: RTX 40; blackwell: RTX 50.
    It selects kernel modules and driver: from NixOS 26.05 on, cards before Turing need an older
    driver."""
    generation: Annotated[int, Field(ge=2, le=30)] | None = None
    """Intel: generation of a Core processor older than the 11th: 8 for an i5-8500T. Leave it out
    for an N100 and for newer processors."""
    devices: list[DeviceNode] = Field(default_factory=list)
    """Device nodes that services get. Default: the usual ones of the vendor."""
    shared: bool = True
    """Several services may use it. With false, a second one is an error: two language models may
    not fit into its memory together."""

    @property
    def open_modules(self) -> bool | None:
        """Whether NVIDIA's open kernel modules are used; None for other vendors."""
        if self.open is None and self.architecture is not None:
            return self.architecture not in BEFORE_TURING
        return self.open

    @model_validator(mode="after")
    def _of_the_vendor(self) -> Gpu:
        if self.vendor == "nvidia" and self.open is None and self.architecture is None:
            raise ValueError(
                "the kernel modules for the card are not chosen; add architecture: ampere, or as "
                "the card is, or only open: true (GeForce 16, RTX and newer) or open: false "
                "(older ones)"
            )
        if self.vendor != "nvidia" and self.open is not None:
            raise ValueError("open applies only to NVIDIA's kernel modules; leave it out")
        if self.vendor != "nvidia" and self.architecture is not None:
            raise ValueError("architecture applies only to NVIDIA's cards; leave it out")
        if self.vendor != "intel" and self.generation is not None:
            raise ValueError("generation applies only to Intel's processors; leave it out")
        if self.architecture in BEFORE_TURING and self.open:
            raise ValueError(
                f"the open kernel modules do not support {self.architecture} cards; leave open out"
            )
        if self.architecture == "blackwell" and self.open is False:
            raise ValueError("blackwell cards need the open kernel modules; leave open out")
        return self
