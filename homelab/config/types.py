"""Types of values that other programs read: each accepts what its program accepts, without special
characters of that program.

Free text has no type here. It goes through the writer of its language.
"""

from __future__ import annotations

import re
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import AfterValidator, Field

from homelab.config.base import DOMAIN, STRAIGHT, Str, pattern
from homelab.config.calendar import is_calendar, missing_day

_STRAIGHT_REQUEST = r"(?![^?]*//)(?!([^?]*/)?\.\.?([/?].*)?\Z)"
"""As STRAIGHT, for a path that may have a query."""

TimeZone = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}",
        "this is not a time zone; write its name in the tz database, Europe/Oslo",
    ),
]
Locale = Annotated[Str, Field(pattern=r"^(C|[a-z]{2,3}_[A-Z]{2})\.UTF-8(@[a-z]+)?$")]
Keymap = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._+-]*",
        "this is not a keyboard layout; write one of `localectl list-keymaps`: de-latin1",
    ),
]
UserName = Annotated[
    Str,
    # NixOS refuses a name of more than 31 characters.
    pattern(r"[a-z_][a-z0-9_-]{0,30}", "this is not a user's name; write root, or deploy"),
]


def _public_address(value: str) -> str:
    with suppress(ValueError):
        found = ip_address(value)
        if not isinstance(found, IPv6Address) or found.scope_id is None:
            return str(found)
    if re.fullmatch(DOMAIN, value) and not value.rpartition(".")[2].isdigit():
        return value
    raise ValueError(
        "this is neither an IP address nor a DNS name; write 203.0.113.40 or vps.example.net"
    )


PublicAddress = Annotated[Str, AfterValidator(_public_address)]
"""An IPv4 or IPv6 address, or a DNS name."""
_NO_CALENDAR = "this is not a calendar expression of systemd; write weekly, or Mon *-*-* 03:00:00"

EXISTING_DAY = "write a day that exists, or *-*~01 for the last day of each month"


def _calendar(text: str) -> str:
    if not is_calendar(text):
        raise ValueError(_NO_CALENDAR)
    if missing := missing_day(text):
        raise ValueError(f"no year has the day {missing}, so this never starts; {EXISTING_DAY}")
    return text


Calendar = Annotated[
    Str,
    pattern(r"[A-Za-z0-9*][A-Za-z0-9*,:./~_+ -]*", _NO_CALENDAR),
    AfterValidator(_calendar),
]
"""A systemd calendar expression, man 7 systemd.time."""

FlakeUrl = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?&=%@+,!-]+",
        "this is not a flake's address; write github:owner/repo, or git+ssh://git@host/repo",
    ),
]
PackageAttribute = Annotated[
    Str,
    pattern(
        r"[A-Za-z_][A-Za-z0-9_-]*",
        "this is not the name of a package in nixpkgs; write it as in pkgs.NAME: immich",
    ),
]
FlakeModule = Annotated[
    Str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z_][A-Za-z0-9_'-]*){2,}$")
]
"""A module of a flake: input name and attribute path, `disko.nixosModules.disko`."""
InputName = Annotated[
    Str,
    pattern(
        r"[A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z_][A-Za-z0-9_-]*)*",
        "this is not an input of a flake; write its name, nixpkgs",
    ),
]
InputOrNone = Annotated[
    Str,
    pattern(
        r"([A-Za-z_][A-Za-z0-9_-]*(/[A-Za-z_][A-Za-z0-9_-]*)*)?",
        'this is not an input of a flake; write its name, nixpkgs, or "" for none',
    ),
]
Variable = Annotated[
    Str,
    pattern(
        r"[A-Za-z_][A-Za-z0-9_.-]*",
        "this is not the name of a variable; use letters, digits and underscores: TZ",
    ),
]
_OPTION = r"""([A-Za-z0-9_][A-Za-z0-9_'-]*|"[^"\\\n]+")"""
OptionPath = Annotated[
    Str,
    pattern(
        rf"{_OPTION}(\.{_OPTION})*",
        "this is not the path of an option; write it as services.x.enable, with each name that "
        'contains more than letters, digits, _, - and \' in "double quotes"',
    ),
    Field(json_schema_extra={"pattern": rf"^{_OPTION}(\.{_OPTION})*$"}),
]
"""Path of a NixOS option, with its parts as Nix writes them."""

Branch = Annotated[
    Str,
    pattern(
        r"(?!.*(\.\.|//|/\.))[A-Za-z0-9][A-Za-z0-9._/-]*(?<![/.])",
        "this is not a branch; write its name, main",
    ),
]
Url = Annotated[
    Str,
    pattern(
        r"https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?([/?#][A-Za-z0-9._~:/?#@!&()*+,;=%-]*)?",
        "this is not a URL; write https://example.org/path, and percent-encode special characters, "
        "as in %7B",
    ),
]


def _is_certificate(text: str) -> str:
    # It is slow to import, and few stacks have one.
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        found = []
    if len(found) != 1 or not re.fullmatch(r"[A-Za-z0-9+/=\n -]+", text):
        raise ValueError(
            "this is not one certificate in PEM; write it as a block of lines (|), from -----BEGIN "
            "CERTIFICATE----- to -----END CERTIFICATE-----"
        )
    return text


Certificate = Annotated[Str, AfterValidator(_is_certificate)]
"""An X.509 certificate as text. It is public."""
_UNPADDED = re.compile(r"sha256-[A-Za-z0-9+/]{43}")


def _is_file_hash(text: str) -> str:
    if _UNPADDED.fullmatch(text):
        raise ValueError(f"this hash lacks its last character; write {text}=")
    if not _UNPADDED.fullmatch(text.removesuffix("=")) or not text.endswith("="):
        raise ValueError(
            "this is not the hash of a file; write sha256- and 44 characters of base64, of which "
            "the last is ="
        )
    return text


FileHash = Annotated[Str, AfterValidator(_is_file_hash)]
"""A SHA-256 hash as Nix writes it (SRI)."""
CacheKey = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._-]*:[A-Za-z0-9+/]{43}=",
        "this is not the public key of a binary cache; write NAME:KEY as the cache shows it, 44 "
        "characters of base64 after the colon",
    ),
]
BlockList = Annotated[
    Str,
    pattern(
        r"(https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?)?"
        rf"{_STRAIGHT_REQUEST}/[A-Za-z0-9._~:/?@!&+,=%-]*",
        "this is not a block list; write the URL that it is fetched from, "
        "https://example.org/hosts",
    ),
]
RequestPath = Annotated[
    Str,
    pattern(
        rf"{_STRAIGHT_REQUEST}/[A-Za-z0-9._~:/?@!&()*+,;=%-]*",
        "this is not the path of a URL; write it as a browser shows it, /api/health, with special "
        "characters percent-encoded as %7B, without . and .. and with one slash at a time",
    ),
]
"""Path and query of a request, as they are sent."""

ExemptPath = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/[A-Za-z0-9._~:/@!&()+,=-]*\*?",
        "this is not a path that can be exempt from the sign-in; write /api, or /api/* for "
        "everything below, without . and ..",
    ),
]
TunnelTarget = Annotated[
    Str,
    pattern(
        r"[a-z][a-z0-9_+]*(:[A-Za-z0-9._~:/@\[\]-]+)?",
        "this is not an address that cloudflared connects to; write ssh://192.168.1.10:22",
    ),
]
Repository = Annotated[
    Str,
    pattern(
        r"(?!.*(?<!:)//)(?!(.*/)?\.\.?(/.*)?\Z)[A-Za-z0-9/][A-Za-z0-9 ._~:/@+,=()&!-]*(?<! )",
        "this is not the place of a repository; write bucket/path, or a directory without "
        "quotes, backslashes, $ and %, without . and ..",
    ),
]
NodeAttribute = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._:/=-]*",
        "this is not an attribute of a tailnet's policy; write its name, funnel",
    ),
]
HostFile = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}(?!/)([A-Za-z0-9._+/-]|\{{host\}})+(?<!/)",
        "this is not a relative path; write it relative to the stack file, without . and .., with "
        "{host} for the host's name",
    ),
]
Icon = Annotated[
    Str,
    pattern(
        r"(?!.*(?<!:)//)(?!(.*/)?\.\.?(/.*)?\Z)([A-Za-z0-9/][A-Za-z0-9._:/#?&=%+-]*)?",
        "this is not an icon; write its name, jellyfin.png, or an address",
    ),
]
Label = Annotated[
    Str,
    pattern(
        r"(?!.*(\{\{|\$\{))[^\n\r\t]*",
        "this is not one line of plain text; leave line breaks, {{ and ${ out",
    ),
]
"""Text on a page. Homepage replaces `{{…}}` with values of its environment."""

FilePattern = Annotated[
    Str,
    pattern(
        STRAIGHT + r"(?!.* $)/[^\x00-\x1f\x7f\"'\\`$%:;|<>{}#]*",
        "this is not a path that restic can exclude; write an absolute path, with * and ? as "
        "wildcards, without quotes, backslashes, $ and %, without . and ..",
    ),
]
DeviceNode = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/dev/[A-Za-z0-9._:/+-]+(?<!/)",
        "this is not a device; write /dev/dri/renderD128",
    ),
]
BootDevice = Annotated[
    Str,
    pattern(
        rf"nodev|{STRAIGHT}/dev/[A-Za-z0-9_./:+-]+(?<!/)",
        "this is not a disk to boot from; write /dev/disk/by-id/…, or nodev",
    ),
]
ZfsName = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9_.:-]*(/[A-Za-z0-9][A-Za-z0-9_.:-]*)*",
        "this is not the name of a ZFS dataset; write it as `zfs list` shows it: tank/photos",
    ),
]
