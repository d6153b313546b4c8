"""Files with secrets that Nix copies to its store, and secrets that every user may read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.nix.source import Computed, Setting, Value
from homelab.openings.literals import LITERAL, WHY, way_out
from homelab.openings.model import Opening, View, rule

_FILE = re.compile(
    r"(?i:pass(?:word|phrase|wd)?|secrets?|tokens?|credentials?|psk|htpasswd|netrc|basic[-_]?auth)"
    r"[-_]?(?i:files?|paths?)$"
    r"|(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))(?i:key|env(?:ironment)?)[-_]?(?i:files?|paths?)$"
    r"|(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))(?i:ssl|tls|private|ssl[-_]?certificate|ssl[-_]?server)"
    r"[-_]?(?i:key)$"
)
"""Last parts of options that name a file with a secret: `passwordFile`, `environmentFiles`,
`netrc-file`, `sslCertificateKey`."""
_PUBLIC = re.compile(r"(?i)public|authorized|known_?hosts|host_?certificate")
_BOOT = ("boot", "initrd", "secrets")
_HOST_KEYS = ("boot", "initrd", "network", "ssh", "hostKeys")
_NO_SECRET = re.compile(r"[.](pub|age|gpg)\b")
"""Files that anybody may read: public keys, and encrypted ones."""
_STORED = re.compile(
    # A path of the project, alone or in a text; the flake itself; a file that Nix writes.
    r"^(\$\{\s*)?(toString\s+)?(\.{1,2}/|/nix/store/)"
    r"|^(\$\{\s*)?(inputs[.])?self\b"
    r"|\b(writeText|writeTextFile|toFile|runCommand|runCommandLocal)\s"
)
_READ = re.compile(r"\b(readFile|fileContents)\s+\(?\s*\.{1,2}/")
_SECRET = re.compile(r"(?i)(pass(word|phrase|wd)|secret|token|psk|api[-_]?key)$")
_FOR_OTHERS = re.compile(r"0?[0-7]{2}[1-7]")


@rule("**")
def stored(setting: Setting, view: View) -> Iterator[Opening]:
    """An option for a file with a secret, whose file would be in the Nix store."""
    if setting.path[:2] == ("users", "users"):
        return  # accounts.py reports the file of a password, and keys of accounts are public.
    last = setting.path[-1]
    named = _FILE.search(last) and not _PUBLIC.search(setting.name)
    if named or setting.path[:3] == _BOOT or setting.path == _HOST_KEYS:
        what = "is a file that Nix copies to its store"
        found = any(_is_stored(value) for value in _each(setting.value))
    else:
        what = "is read from a file of the project, and written where it is used"
        found = bool(_SECRET.search(last)) and any(
            isinstance(v, Computed) and _READ.search(v.text) for v in _each(setting.value)
        )
    if found:
        yield Opening(
            LITERAL, f"{setting.name} {what}: {WHY}", way_out(setting), "warning", acceptable=True
        )


def _is_stored(value: Value) -> bool:
    if isinstance(value, str):
        return value.startswith("/nix/store/")
    text = value.text if isinstance(value, Computed) else ""
    return bool(_STORED.search(text)) and not _NO_SECRET.search(text)


def _each(value: Value) -> Iterator[Value]:
    if isinstance(value, tuple):
        for inner in value:
            yield from _each(inner)
    elif isinstance(value, Mapping) and not isinstance(value, Computed):
        for inner in value.values():
            yield from _each(inner)
    else:
        yield value


@rule("sops.secrets.*.mode", "sops.templates.*.mode", "age.secrets.*.mode")
def mode(setting: Setting, view: View) -> Iterator[Opening]:
    """A decrypted secret that every user of the host may read."""
    if isinstance(setting.value, str) and _FOR_OTHERS.fullmatch(setting.value):
        yield Opening(
            "secret-mode",
            f"{setting.name} is {setting.value}: every user and every program of the host can read "
            "the secret",
            'write "0400" with owner: who reads it, or "0440" with group',
            acceptable=True,
        )
