"""Hosts with a temporary root: the mounts of what survives a restart."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from importlib import resources

from homelab.config.host_options import Persistence
from homelab.nix import Attrs, Comment, Library, Module, Nix, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.services.unit import reported
from homelab.system.kept import FILES, OURS, Kept, kept
from homelab.system.model import Host
from homelab.system.switched_on import PRIVATE

_BLANK = Library.of("homelab.system", "blank-root")
_STATE = Library.of("homelab.system", "kept-state")
_BLANK_SCRIPTS = ("blank-root.sh", "old-roots.sh")
_FILE = "lib/persist.sh"
_SHELL = (resources.files("homelab.system") / "persist.sh").read_text(encoding="utf-8")


def modules(plan: Plan, host: Host, made: Sequence[Module]) -> Iterator[Module]:
    """`impermanence.nix`, on a host with a temporary root, and `blank-root.nix`, where the root is
    made from a blank subvolume. `made` are its other modules.
    """
    config = host.config.persistence
    if config is None or not host.is_nixos:
        return
    keep = kept(plan, host, made)
    files: list[Nix] = [*_files(config)]
    yield Module(
        "impermanence.nix",
        "Directories that survive a restart; everything else on the root is lost:\n"
        + "\n".join(f"  {one.path}: {one.why}" for one in keep),
        derived=merge(
            attrs(
                f'environment.persistence."{config.root}"',
                {
                    "hideMounts": True,
                    "directories": [_directory(one) for one in keep],
                    "files": files,
                },
            ),
            _early(config),
            _elsewhere(config),
            attrs(
                "system.activationScripts.carry-to-persistence",
                # The name sorts before impermanence's script that creates the directories.
                {"deps": [], "text": _carry(config, keep)},
            ),
        ),
        flakes=(("impermanence", "nixosModules.impermanence"),),
        library=_STATE,
        extra=((_FILE, _SHELL),),
    )
    if config.blank is not None:
        yield _blank_root(plan, host.name, config, config.blank)


def _blank_root(plan: Plan, host: str, config: Persistence, blank: str) -> Module:
    texts = resources.files("homelab.system")
    failing = reported(plan, host)
    unit = attrs("systemd.services.homelab-old-roots", failing) if failing else {}
    days = int(config.old_roots.removesuffix("d"))
    return Module(
        "blank-root.nix",
        f"Makes the root from {blank} at each boot. The root of the boot before is put aside",
        derived=merge(attrs("homelab.blankRoot", {"blank": blank, "days": days}), unit),
        library=_BLANK,
        extra=tuple(
            (f"lib/{name}", (texts / name).read_text(encoding="utf-8")) for name in _BLANK_SCRIPTS
        ),
    )


def _early(config: Persistence) -> Attrs:
    """Mounts in the initrd. impermanence mounts its own directories later."""
    root, disk = config.root.rstrip("/"), config.disk
    return {
        "fileSystems": {
            OURS: Comment(
                "The activation reads releases and secrets, before other mounts.",
                {
                    "device": f"{root}{OURS}",
                    "fsType": "none",
                    "options": ["bind"],
                    "depends": [disk],
                    "neededForBoot": True,
                },
            ),
            disk: {"neededForBoot": True},
        }
    }


def _elsewhere(config: Persistence) -> Attrs:
    """What units may write beside the directories that are kept."""
    places: list[Nix] = [*sorted({*config.forget, *config.mounted} - {*FILES})]
    return attrs("homelab.keptState.elsewhere", places) if places else {}


def _directory(one: Kept) -> Nix:
    if one.path == PRIVATE:
        return {"directory": PRIVATE, "mode": "0700"}
    if not one.user:
        return one.path
    return {
        "directory": one.path,
        "user": one.user,
        "group": Raw(f"config.users.users.{one.user}.group"),
        "mode": "0750",
    }


def _carry(config: Persistence, keep: Iterable[Kept]) -> Script:
    root = config.root
    calls = "".join(
        f"carry {shlex.join((root, one.path, *(f'{u}.service' for u in one.units)))}\n"
        for one in (Kept(OURS, ""), *keep)
    )
    files = "".join(f"carry_file {shlex.join((root, file))}\n" for file in _files(config))
    disk = f"disk={shlex.quote(config.disk)}\n"
    return Script.of("(\nset -e\n", disk, ". ", Raw(f"./{_FILE}"), f"\n{calls}{files})\n")


def _files(config: Persistence) -> list[str]:
    return sorted({*FILES, *config.files} - {*config.forget})
