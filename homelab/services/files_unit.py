"""Files with secrets that a unit writes before another unit starts.

A file consists of texts and of secrets, each quoted for the language of the file. The texts are in
the Nix store; the secrets are read on the host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from homelab.nix import Attrs, Call, Nix, Path, Raw, attrs
from homelab.services.container_templates import Inserted, Piece

SCRIPT = (resources.files("homelab.services") / "write-files.sh").read_text(encoding="utf-8")
WRITER = "write-files.sh"
"""Its script, beside the services' modules."""


@dataclass(frozen=True)
class SecretFile:
    """A file that the host writes for a container or a unit."""

    name: str
    pieces: tuple[Piece, ...]
    target: str | None = None
    """Its place in a container; None for a file of variables, which Podman reads, or of a unit."""
    owner: str = "0"
    mode: str = "0400"


def secrets_of(files: Iterable[SecretFile]) -> frozenset[str]:
    """The secrets that files have."""
    pieces = (piece for file in files for piece in file.pieces)
    return frozenset(p.secret for p in pieces if isinstance(p, Inserted))


def specification(files: Sequence[SecretFile], paths: Mapping[str, str]) -> Attrs:
    """What the script of the unit reads: paths of secrets, and files with their pieces. `paths` has
    the secrets of the files; one without a path is left out, because a check reports it.
    """
    names = sorted(secrets_of(files) & paths.keys())
    return {
        "secrets": [paths[name] for name in names],
        "files": [
            {
                "name": file.name,
                "owner": file.owner,
                "mode": file.mode,
                "pieces": [
                    {"secret": names.index(p.secret), "quote": p.quote}
                    if isinstance(p, Inserted)
                    else p
                    for p in file.pieces
                    if isinstance(p, str) or p.secret in names
                ],
            }
            for file in files
        ],
    }


def files_unit(name: str, *, before: str, directory: str, what: str, known: Nix) -> Attrs:
    """The unit that writes files to a directory below /run, and removes them when it stops. `known`
    is their `specification`.
    """
    config: Attrs = {
        "CapabilityBoundingSet": "CAP_CHOWN CAP_DAC_READ_SEARCH CAP_FOWNER",
        "NoNewPrivileges": True,
        "PrivateNetwork": True,
        "PrivateTmp": True,
        "ProtectHome": True,
        "ProtectSystem": "strict",
        "RemainAfterExit": True,
        "RuntimeDirectory": directory.removeprefix("/run/"),
        "RuntimeDirectoryMode": "0700",
        "Type": "oneshot",
    }
    text = Call("builtins.toJSON", (known,))
    return attrs(
        f'systemd.services."{name}"',
        {
            "description": f"Files with secrets of {what}",
            "before": [f"{before}.service"],
            "environment": {"FILES": Call("pkgs.writeText", (f"{name}.json", text))},
            "path": [Raw("pkgs.jq")],
            "requiredBy": [f"{before}.service"],
            "script": Call("builtins.readFile", (Path(WRITER),)),
            "serviceConfig": config,
            "unitConfig": {"StopWhenUnneeded": True},
        },
    )
