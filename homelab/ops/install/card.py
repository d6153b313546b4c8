"""Put the host key and the WiFi password on the firmware partition of a new SD card."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from homelab.config.host_options import VARIABLE
from homelab.ops.hosts import known_host
from homelab.ops.install.prepare import host_key
from homelab.ops.project.stack import check_stack
from homelab.ops.secrets.lookup import resolve
from homelab.problems import HomelabError, UsageError
from homelab.secret_paths import sops_file
from homelab.system.iwd import profile_name, profile_text

_MARK = "config.txt"
"""A file that the firmware partition of every image for a Raspberry Pi has."""


def write_card(
    directory: Path,
    stack: str,
    name: str,
    card: Path,
    *,
    key_file: Path | None,
    ssid: str,
    password: Callable[[str], str | None],
) -> list[str]:
    """Write the files that the first start of the card takes. Returns lines for the person.

    `card` is where its firmware partition is mounted. `ssid` is empty for the network of the stack.
    `password` asks for the password of a network that the stack does not have.
    """
    plan, _ = check_stack(directory, stack)
    host = known_host(plan, name)
    if host.config.bootstrap != "sd-image":
        raise UsageError(
            f"{name} does not start from an SD card; write hosts.{name}.bootstrap: sd-image, or "
            f"install it: homelab install {name}"
        )
    if not (card / _MARK).is_file():
        raise UsageError(
            f"{card} is not the firmware partition of a card, it has no {_MARK}; mount the "
            "partition FIRMWARE of the card with the image, and name that directory"
        )
    private, public = host_key(plan, directory, host, key_file)
    files = {"ssh_host_ed25519_key": private}
    wifi = host.config.wifi
    network = ssid or (wifi.ssid if wifi is not None else None) or ""
    if wifi is not None and not network:
        raise UsageError(f"hosts.{name}.wifi has no ssid; name the network: --wifi NETWORK")
    if network:
        stated = ""
        if wifi is not None and wifi.psk is not None and network == wifi.ssid:
            file = sops_file(plan.stack, name, wifi.psk.sops or "")
            secret = resolve(wifi.psk, directory, file).strip()
            stated = secret.removeprefix(f"{VARIABLE}=")
        given = stated or password(network)
        if not given:
            raise UsageError(
                f"nobody typed the password of {network}; name a file with it: "
                "--wifi-password-file FILE"
            )
        files[f"wifi/{profile_name(network)}"] = profile_text(given)
    _written(card / "homelab", files)
    lines = [f"{card}/homelab: the SSH host key, {public}"]
    lines += [f"{card}/homelab: the WiFi network {network}"] if network else []
    return [
        *lines,
        "the card has secrets in plain text until its first start: keep it, and start it soon",
        f"next: unmount {card}, and start {name} from the card",
    ]


def _written(top: Path, files: dict[str, str]) -> None:
    try:
        for name, text in files.items():
            path = top / name
            path.parent.mkdir(parents=True, exist_ok=True)
            # FAT ignores the mode; another file system would not.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        raise HomelabError(
            f"{error.filename or top}: cannot be written ({error.strerror}); is the card mounted "
            "for you, and writable?"
        ) from None
