"""What fails before Nix has looked at a host: Nix itself, the network, the machine that evaluates.

None of it is the stack's, so no place in the stack is blamed. Nix's words are those of its sources
(libfetchers, libstore, libutil); the samples in `tests/evaluation/samples` are of real runs.
"""

from __future__ import annotations

import re

WHERE = "Nix"
SILENT = "Nix said nothing"
"""The complaint of a Nix that failed without a message."""
EXITED = "Nix exited with"
"""How the complaint of a Nix that printed nothing begins."""
"""The place of a problem that is Nix's own."""
_GIVE = "give the input as a directory that is here: homelab eval --input nixpkgs=DIR"
_ELSEWHERE = "or let a host of the stack do it: homelab eval --on HOST"
_KINDS = (
    (
        r"was not found in the Nix search path|cannot look up '<\w+>'",
        f"this machine has no such channel, and needs none; {_GIVE}",
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
        f"see that this machine reaches it, and run it again; or {_GIVE}; {_ELSEWHERE}",
    ),
    (
        (
            r"[Ee]xperimental (?:Nix )?feature '[^']+' is disabled|is not a recognised command"
            r"|unrecognised flag|unknown flag"
        ),
        (
            f"this Nix is too old for flakes, or they are forbidden here; {_GIVE}, "
            f"which needs none, {_ELSEWHERE}"
        ),
    ),
    (
        (
            r"cannot connect to (?:socket|daemon)|[Dd]aemon .*(?:disconnected|not running)"
            r"|opening (?:a connection to )?.*daemon-socket|big lock|/nix/var/nix|"
            r"creating directory '?\"?/nix|No space left on device|database disk image|"
            r"is not (?:owned by|writable)|[Pp]ermission denied.*'?/nix/store['/]"
        ),
        f"mend Nix there first: a daemon that runs, a /nix with room; {_ELSEWHERE}",
    ),
    (
        (
            r"^\S*sh: .*\b(?:Killed|Terminated|command not found)\b|^Killed$"
            rf"|^mktemp: |^{EXITED} |^{SILENT}$"
        ),
        f"give the machine more memory, or Nix less with --memory; {_ELSEWHERE}",
    ),
)


def way_out(message: str) -> str:
    """The way out of a failure that is not the host's; empty where the host is to blame."""
    for pattern, way in _KINDS:
        if found := re.search(pattern, message, re.MULTILINE):
            return way.format(**found.groupdict())
    return ""
