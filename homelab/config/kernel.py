"""The kernel of a host: modules that it does not load, settings, parameters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from homelab.config.base import Model, Str, pattern

KernelModule = Annotated[
    Str,
    pattern(
        r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}",
        "this is not the name of a kernel module; write it as lsmod shows it: btusb",
    ),
]
Sysctl = Annotated[
    Str,
    pattern(
        r"[a-z0-9_-]+(\.[a-zA-Z0-9_-]+)+",
        "this is not a setting of the kernel; write it as `sysctl -a` shows it: vm.swappiness",
    ),
]
SysctlText = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_.:-]+( [A-Za-z0-9_.:-]+)*",
        "this is not a value of a kernel setting; write a number, or words with single blanks",
    ),
]
Parameter = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9_.-]+(=[A-Za-z0-9_.,:@+-]+)?",
        "this is not a plain kernel parameter; write NAME or NAME=VALUE without blanks, quotes and "
        "slashes, or set boot.kernelParams in a module of yours",
    ),
]
UNSAFE = ("mitigations=off", "nokaslr", "nosmap", "nosmep")
"""Parameters that turn off the kernel's protection (rule SEC-KERN-002)."""


class Kernel(Model):
    """Kernel of a host."""

    blacklist: list[KernelModule] = Field(default_factory=list)
    """Modules that are not loaded by themselves, for hardware that is not used: `[btusb]`. This
    saves memory and time at boot. A module that the host needs is an error."""
    sysctl: dict[Sysctl, int | SysctlText] = Field(default_factory=dict)
    """Settings: `{vm.swappiness: 10}`."""
    params: list[Parameter] = Field(default_factory=list)
    """Parameters of the command line: `[quiet]`. They apply after a restart."""

    @model_validator(mode="after")
    def _protected(self) -> Kernel:
        wrong = [p for p in self.params if p in UNSAFE]
        if wrong:
            raise ValueError(
                f"{wrong[0]} turns off protection of the kernel; leave it out, or set it in a "
                "module of yours, with an exception from SEC-KERN-002 in policy.disable"
            )
        return self
