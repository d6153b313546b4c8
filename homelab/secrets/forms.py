"""The form that a stored secret must have: what the program that reads it demands.

Each function takes a value and returns what is wrong with it, and the way out, without the value.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable

from homelab.config.host_options import NETRC, PASSWORD, WIFI
from homelab.plaintext import UnreadableError, mapping, yaml_data
from homelab.secret_paths import secret_name
from homelab.secrets.deployer import MASTER
from homelab.secrets.inventory import DEPLOYER, Row
from homelab.secrets.model import ONEPASSWORD

Form = Callable[[str], str]
_KEY_BYTES = 32


def _pattern(regex: str, message: str) -> Form:
    compiled = re.compile(regex)
    return lambda value: "" if compiled.fullmatch(value) else message


def master_key(value: str) -> str:
    """base64 of 32 bytes or more."""
    return _base64(value, _KEY_BYTES, "homelab secret set secrets.master --generate base64")


def wireguard_key(value: str) -> str:
    """base64 of exactly 32 bytes."""
    wrong = _base64(value, _KEY_BYTES, "copy PrivateKey from the provider's file")
    return wrong or (
        ""
        if len(value) == len(base64.b64encode(bytes(_KEY_BYTES)))
        else "this is longer than a WireGuard key; copy PrivateKey from the provider's file"
    )


def _base64(value: str, least: int, way_out: str) -> str:
    try:
        size = len(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        return f"this is not base64; {way_out}"
    return "" if size >= least else f"this has {size} bytes and needs {least}; {way_out}"


def users_file(value: str) -> str:
    """Authelia's file of users."""
    try:
        users = mapping(mapping(yaml_data(value)).get("users"))
    except UnreadableError:
        users = {}
    if not users:
        return "this is not Authelia's file of users; write users: with each name below"
    bare = [name for name, user in users.items() if "password" not in mapping(user)]
    return (
        f"{bare[0]} has no password; write its hash, as authelia crypto prints it" if bare else ""
    )


LOGINS: dict[str, tuple[str, ...]] = {
    "b2": ("B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"),
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "rest": ("RESTIC_REST_USERNAME", "RESTIC_REST_PASSWORD"),
}
"""The variables of a backup target's environment file, by its kind."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=.+")


def backup_login(value: str, target: str) -> str:
    """The credentials of a backup target of this kind. systemd skips a line that is no variable, so
    the first backup would fail in the night.
    """
    if target == "rclone":
        return (
            "" if re.search(r"(?m)^\[.+\]", value) else "this is not rclone.conf; it has [remote]"
        )
    wanted = LOGINS.get(target, ())
    lines = [line.strip() for line in value.splitlines()]
    lines = [line for line in lines if line and not line.startswith(("#", ";"))]
    stated = {line.partition("=")[0] for line in lines if _VARIABLE.fullmatch(line)}
    if len(stated) == len(lines) and stated.issuperset(wanted):
        return ""
    form = " and ".join(f"{name}=…" for name in wanted) or "NAME=VALUE"
    return f"restic needs {form}, one variable per line; give the lines with --stdin or --from-file"


_LOGIN = _pattern(
    r"\$(y|6|5|2[aby]|7|gy)\$\S+",
    "NixOS needs the hash of the password; make it with: mkpasswd -m yescrypt",
)
FORMS: dict[str, Form] = {
    MASTER: master_key,
    "cloudflare.token": _pattern(
        r"[A-Za-z0-9_-]{40,}",
        "a Cloudflare token has 40 or more letters, digits, - and _; copy it again from the page "
        "API Tokens",
    ),
    "tailnet.client_secret": _pattern(
        r"tskey-client-[A-Za-z0-9-]+",
        "this is not the secret of a Tailscale OAuth client; it starts with tskey-client-",
    ),
    "tailnet.client_id": _pattern(
        r"[A-Za-z0-9]+", "this is not the id of a Tailscale OAuth client; copy it again"
    ),
    secret_name(*ONEPASSWORD): _pattern(
        r"ops_[A-Za-z0-9_-]+",
        "this is not the token of a 1Password service account; it starts with ops_",
    ),
    secret_name(*WIFI): _pattern(
        r"wifi_psk=.{8,63}",
        "wpa_supplicant needs one line wifi_psk= with a password of 8 to 63 characters",
    ),
    secret_name(*PASSWORD): _LOGIN,
    secret_name(*NETRC): _pattern(
        r"(?s)\s*machine\s+\S+\s+(login\s+\S+\s+)?password\s+\S+.*",
        "this is not a netrc; write machine attic.example.org password TOKEN",
    ),
}
"""By name of the secret."""
PLACES: tuple[tuple[re.Pattern[str], Form], ...] = (
    (re.compile(r"vpn\.[^.]+\.key"), wireguard_key),
    (re.compile(r"identity\.users"), users_file),
    (re.compile(r"site\.members\.[^.]+\.account\.password"), _LOGIN),
    (
        re.compile(r"network\.entry\.acme\.key"),
        _pattern(
            r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*-----END [A-Z ]*PRIVATE KEY-----\n?",
            "this is not a private key in PEM; give the whole file with --from-file",
        ),
    ),
)
"""By place in the stack config."""
GENERATED: dict[str, Form] = {
    "hex": _pattern(r"([0-9a-f]{2})+", "this is not hexadecimal; use --generate"),
    "base64": lambda value: _base64(value, 16, "use --generate"),
    "base64url": _pattern(r"[A-Za-z0-9_-]+", "this is not base64url; use --generate"),
    "ssh": _pattern(
        r"(?s)-----BEGIN OPENSSH PRIVATE KEY-----.*-----END OPENSSH PRIVATE KEY-----\n?",
        "this is not an OpenSSH private key; give the whole file with --from-file",
    ),
    "wireguard": wireguard_key,
    "age": _pattern(
        r"AGE-SECRET-KEY-1[0-9A-Z]{58}", "this is not an age key; it starts with AGE-SECRET-KEY-1"
    ),
    "htpasswd": _pattern(
        r"[^:\s]+:\$(2[aby]|apr1|5|6)\$\S+",
        "this is not a line of htpasswd, user: and a hash; use --generate",
    ),
    "argon2": _pattern(
        r"\$argon2id\$\S+", "this is not an Argon2id hash; use --generate, or give the hash"
    ),
}
"""By kind of generator that the stack declares."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


def complaint(
    row: Row, value: str, kind: str = "", *, variable: bool = False, target: str = ""
) -> str:
    """What is wrong with a value for this secret, and the way out; empty if it fits.

    `kind` is the generator that the stack declares for it; `variable` says that it becomes an
    environment variable; `target` is the kind of the backup target whose login it is.
    """
    if not value.strip():
        return "the value is empty"
    if variable and ("\n" in value or _CONTROL.search(value)):
        return "an environment variable has one line without control characters"
    if target:
        return backup_login(value, target)
    where = row.origin.removesuffix(".ref")
    found = FORMS.get(row.name)
    if found is None and row.host != DEPLOYER:
        found = next((form for place, form in PLACES if place.fullmatch(where)), None)
    if found is None:
        found = GENERATED.get(kind)
    return found(value) if found is not None else ""
