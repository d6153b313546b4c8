"""The unit that writes files with secrets before another unit starts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from homelab.nix import Attrs, Call, Nix, Path, Raw, attrs

SCRIPT = (resources.files("homelab.services") / "write-files.sh").read_text(encoding="utf-8")
WRITER = "write-files.sh"
"""Its script, beside the services' modules."""


def files_unit(
    name: str, *, before: str, directory: str, what: str, known: Mapping[str, object]
) -> Attrs:
    """The unit that writes files to a directory below /run, and removes them when it stops.

    `known` is what its script reads: paths of secrets, and files with their pieces.
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
    text = Call("builtins.toJSON", (_nix(known),))
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


def _nix(value: object) -> Nix:
    if isinstance(value, Mapping):
        return {str(k): _nix(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_nix(v) for v in value]
    assert isinstance(value, str | int)
    return value
