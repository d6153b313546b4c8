"""Words that other programs read: each type takes what its program takes, and nothing that means
more to it than a name.

A value that is free text has no type here. It goes through the writer of its language.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from homelab.config.base import STRAIGHT, Str, pattern

_STRAIGHT_REQUEST = r"(?![^?]*//)(?!([^?]*/)?\.\.?([/?].*)?\Z)"
"""The same of a path that a query may follow."""

TimeZone = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}",
        "this is not a time zone; write its name in the tz database, Europe/Oslo",
    ),
]
Keymap = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._+-]*",
        "this is not a keyboard layout; write one of `localectl list-keymaps`: de-latin1",
    ),
]
UserName = Annotated[
    Str,
    pattern(r"[a-z_][a-z0-9_-]{0,31}", "this is not a user's name; write root, or deploy"),
]
Calendar = Annotated[
    Str,
    pattern(
        r"[A-Za-z0-9*][A-Za-z0-9*,:./~_+ -]*",
        "this is not a time that systemd knows; write weekly, or Mon *-*-* 03:00:00",
    ),
]
"""A systemd calendar expression, man 7 systemd.time."""

FlakeUrl = Annotated[
    Str,
    pattern(
        r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?&=%@+,!-]+",
        "this is not a flake's address; write github:owner/repo, or git+ssh://git@host/repo",
    ),
]
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
        'holds more than letters, digits, _, - and \' in "double quotes"',
    ),
    Field(json_schema_extra={"pattern": rf"^{_OPTION}(\.{_OPTION})*$"}),
]
"""Path of a NixOS option, its parts as Nix writes them."""

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
        "this is not an address of the web; write https://example.org/path, with other characters "
        "than those of addresses as %7B",
    ),
]
BlockList = Annotated[
    Str,
    pattern(
        r"(https?://[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?)?"
        rf"{_STRAIGHT_REQUEST}/[A-Za-z0-9._~:/?@!&+,=%-]*",
        "this is not a list; write the address it is fetched from, https://example.org/hosts",
    ),
]
RequestPath = Annotated[
    Str,
    pattern(
        rf"{_STRAIGHT_REQUEST}/[A-Za-z0-9._~:/?@!&()*+,;=%-]*",
        "this is not a path of an address; write it as a browser shows it, /api/health, with other "
        "characters than those of addresses as %7B, without . and .. and with one slash at a time",
    ),
]
"""Path and query of a request, as it is sent."""

ExemptPath = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}/[A-Za-z0-9._~:/@!&()+,=-]*\*?",
        "this is not a path that a gate can leave open; write /api, or /api/* for all below, "
        "without . and ..",
    ),
]
TunnelTarget = Annotated[
    Str,
    pattern(
        r"[a-z][a-z0-9_+]*(:[A-Za-z0-9._~:/@\[\]-]+)?",
        "this is nothing that cloudflared dials; write ssh://192.168.1.10:22",
    ),
]
Repository = Annotated[
    Str,
    pattern(
        r"(?!.*(?<!:)//)(?!(.*/)?\.\.?(/.*)?\Z)[A-Za-z0-9/][A-Za-z0-9 ._~:/@+,=()&!-]*(?<! )",
        "this is not where a repository can lie; write bucket/path, or a directory without "
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
        "this path leads astray; write it from the stack file on, without . and .., with {host} "
        "for the host's name",
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
        "this is not a line of text that a page shows; leave line breaks, {{ and ${ out",
    ),
]
"""Text on a page: Homepage fills in `{{…}}` from its environment."""

FilePattern = Annotated[
    Str,
    pattern(
        STRAIGHT + r"(?!.* $)/[^\x00-\x1f\x7f\"'\\`$%:;|<>{}#]*",
        "this is not a path that restic can leave out; write it absolute, with * and ? for what "
        "differs, without quotes, backslashes, $ and %, without . and ..",
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
