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
_WEAKENING = frozenset(
    (
        *("nokaslr", "norandmaps", "nosmap", "nosmep", "nopku", "nopti", "no_hash_pointers"),
        *("nospectre_v1", "nospectre_v2", "nospectre_bhb", "nospec_store_bypass_disable"),
        *("no_entry_flush", "no_uaccess_flush", "nousershstk"),
        *("arm64.nobti", "arm64.nomte", "arm64.nopauth"),
    )
)
"""Parameters without a value that turn off protection."""
_PROTECTION = frozenset(
    (
        *("mitigations", "pti", "kpti", "spectre_v2", "spectre_v2_user", "spectre_bhi", "ibt"),
        *("spec_store_bypass_disable", "spec_rstack_overflow", "ssbd", "l1tf", "mds", "srbds"),
        *("tsx_async_abort", "mmio_stale_data", "retbleed", "gather_data_sampling", "vmscape"),
        *("reg_file_data_sampling", "indirect_target_selection", "tsa", "kvm.nx_huge_pages"),
        *("kvm_intel.vmentry_l1d_flush", "noexec", "noexec32", "rodata", "hardened_usercopy"),
        *("randomize_kstack_offset", "apparmor", "selinux", "module.sig_enforce"),
    )
)
"""Parameters whose value turns off protection, if it is one of `_OFF`. From the kernel's
admin-guide/kernel-parameters and admin-guide/hw-vuln."""
_FEATURES = frozenset(("smap", "smep", "295", "308"))
"""Features of the processor that `clearcpuid` must not turn off, also by their numbers."""
_OFF = frozenset(("off", "0", "n", "no", "false", "never", "force-off"))


def weakens(parameter: str) -> bool:
    """Whether a kernel parameter turns off protection (rule SEC-KERN-002). The kernel takes `-` for
    `_` in names.
    """
    name, given, value = parameter.partition("=")
    name = name.replace("-", "_")
    if name in _WEAKENING:
        return True
    if given and name == "clearcpuid":
        return bool(_FEATURES & {*value.split(",")})
    # mitigations=auto,nosmt has several values.
    return bool(given) and name in _PROTECTION and bool(_OFF & {*value.lower().split(",")})


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
        wrong = [p for p in self.params if weakens(p)]
        if wrong:
            raise ValueError(
                f"{wrong[0]} turns off protection of the kernel; leave it out, or set it in a "
                "module of yours, with an exception from SEC-KERN-002 in policy.disable"
            )
        return self
