"""A network of iwd, as a file of `/var/lib/iwd`: iwd.network(5)."""

from __future__ import annotations

import re

from homelab.problems import UsageError

_PLAIN = re.compile(r"[A-Za-z0-9 _-]+")
_RAW = re.compile(r"[0-9a-fA-F]{64}")
_PASSWORD = re.compile(r"[ -~]{8,63}")


def profile_name(ssid: str) -> str:
    """The name of the file: the network's, or in hexadecimal if it has other characters."""
    return f"{ssid}.psk" if _PLAIN.fullmatch(ssid) else f"={ssid.encode().hex()}.psk"


def profile_text(password: str) -> str:
    """The text of the file, for a password or a raw key. Raises UsageError for what is neither."""
    if _RAW.fullmatch(password):
        return f"[Security]\nPreSharedKey={password.lower()}\n"
    if not _PASSWORD.fullmatch(password):
        raise UsageError(
            "a WiFi password has 8 to 63 characters of ASCII, a raw key 64 hexadecimal digits"
        )
    text = password.replace("\\", "\\\\")
    # Blanks at the start of a value would be left out.
    rest = text.lstrip(" ")
    blanks = "\\s" * (len(text) - len(rest))
    return f"[Security]\nPassphrase={blanks}{rest}\n"
