"""Failures before Nix evaluates a host: Nix itself, the network, the machine that evaluates.

The stack did not cause them, so they have no place in it. The patterns match messages in the
sources of Nix (libfetchers, libstore, libutil). The samples in `tests/evaluation/samples` are of
real runs.
"""

from __future__ import annotations

import re

WHERE = "Nix"
"""The place of a problem that the stack did not cause."""
SILENT = "Nix printed nothing"
"""The message if Nix failed without one."""
EXITED = "Nix exited with"
"""Start of the message if Nix printed nothing."""
_GIVE = "name a local directory for the input: homelab eval --input nixpkgs=DIR"
_ELSEWHERE = "or evaluate on a host of the stack: homelab eval --on HOST"
REPAIR = "repair Nix first: the daemon must run, and /nix needs space"
"""The way out if Nix itself does not work on the machine."""
_BROKEN = (
    r"cannot connect to (?:socket|daemon)|[Dd]aemon .*(?:disconnected|not running)"
    r"|opening (?:a connection to )?.*daemon-socket|big lock|/nix/var/nix|"
    r"creating directory '?\"?/nix|No space left on device|database disk image|"
    r"is not (?:owned by|writable)|[Pp]ermission denied.*'?/nix/store['/]"
)
_KINDS = (
    (
        r"was not found in the Nix search path|cannot look up '<\w+>'",
        f"this machine has no such channel; {_GIVE}",
    ),
    (
        r"no directory was named for the input (?P<input>[\w-]+)",
        "every input that the host uses needs one; add --input {input}=DIR",
    ),
    (
        (
            r"unable to download|unable to fetch|[Cc]ould not resolve host|[Cc]ouldn't resolve host"
            r"|HTTP error \d+|program '?git'? failed|[Cc]onnection (?:refused|timed out|reset)"
            r"|API rate limit|[Ff]ailed to fetch|cannot find flake '[^']+' in the flake registries"
            r"|SSL (?:peer )?certificate|unable to (?:open|clone) (?:Git )?repository"
        ),
        f"check that this machine reaches it, and run the command again; or {_GIVE}; {_ELSEWHERE}",
    ),
    (
        (
            r"[Ee]xperimental (?:Nix )?feature '[^']+' is disabled|is not a recognised command"
            r"|unrecognised flag|unknown flag"
        ),
        (
            f"this Nix is too old for flakes, or they are disabled; {_GIVE}, "
            f"which needs no flakes, {_ELSEWHERE}"
        ),
    ),
    (_BROKEN, f"{REPAIR}; {_ELSEWHERE}"),
    (
        (
            r"^\S*sh: .*\b(?:Killed|Terminated|command not found)\b|^Killed$"
            rf"|^mktemp: |^{EXITED} |^{SILENT}$"
        ),
        f"give the machine more memory, or limit Nix with --memory; {_ELSEWHERE}",
    ),
)


def way_out(message: str) -> str:
    """The way out of such a failure; empty if the host itself caused the message."""
    for pattern, way in _KINDS:
        if found := re.search(pattern, message, re.MULTILINE):
            return way.format(**found.groupdict())
    return ""


def is_broken(message: str) -> bool:
    """Whether Nix itself does not work on the machine, so that no network and no input is to
    blame.
    """
    return re.search(_BROKEN, message) is not None
