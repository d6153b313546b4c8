"""Hardening: the planned sandboxes."""

from __future__ import annotations

from dataclasses import dataclass

from homelab.hardening.paths import below, for_systemd
from homelab.nix import Nix


@dataclass(frozen=True)
class UnitHardening:
    """The sandbox of one systemd unit."""

    service: str
    host: str
    unit: str
    has_baseline: bool
    """The baseline applies. It does not where nixpkgs' own module is as strict, or for an exempt
    unit."""
    settings: tuple[tuple[str, Nix], ...]
    """serviceConfig, in the order of the baseline."""
    forced: tuple[str, ...]
    """Settings that override nixpkgs: they have a recorded exception, or the plain value of nixpkgs
    is weaker."""
    exceptions: tuple[tuple[str, str], ...]
    """(name of the relaxed part, reason)."""
    outranked: tuple[tuple[str, str], ...]
    """(setting, weaker value of nixpkgs)."""
    source: str

    def shows(self, path: str) -> bool:
        """Whether the unit sees a directory with data: no empty directory of its sandbox is above
        it, or one that is bound lies between.
        """
        emptied = self._above(path, "TemporaryFileSystem")
        bound = (*self._above(path, "BindPaths"), *self._above(path, "BindReadOnlyPaths"))
        return max(map(len, emptied), default=0) <= max(map(len, bound), default=0)

    def _above(self, path: str, setting: str) -> list[str]:
        """The directories of a setting that contain a path, as unit files write them."""
        value = dict(self.settings).get(setting)
        listed = value if isinstance(value, list | tuple) else ()
        words = [w.removesuffix(":ro").strip('"') for w in listed if isinstance(w, str)]
        return [w for w in words if below(for_systemd(path).strip('"'), (w,))]
