"""What secrets look like: one list, for everything of the owner's that becomes text.

A message names the kind and the place, and never the text itself.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

_B64 = r"[A-Za-z0-9_-]"
_HASH = (
    r"\$(2[abxy]\$\d\d\$[./A-Za-z0-9]{20,}|(argon2(id|i|d)|pbkdf2(-[a-z0-9]+)?|scrypt)\$"
    r"|[1567y]\$[^\s$\"']+\$[./A-Za-z0-9]{8,})"
)
"""bcrypt, argon2, PBKDF2, scrypt, and what crypt(3) makes: SHA, MD5, yescrypt."""

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("an age secret key", r"AGE-(SECRET-KEY|PLUGIN-[A-Z0-9-]*)-[0-9A-Z]{8,}"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("a key of Tailscale", r"\btskey-[a-z]+-[A-Za-z0-9]{6,}"),
        ("a token of GitHub", r"\b(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
        ("a token of GitLab", rf"\bgl(pat|rt|dt|ptt)-{_B64}{{16,}}"),
        ("a key of AWS", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a token of Slack", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a webhook of Slack", r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+"),
        ("a webhook of Discord", rf"discord(app)?\.com/api/webhooks/\d+/{_B64}+"),
        ("a token of a Telegram bot", rf"\b\d{{8,10}}:AA{_B64}{{30,}}"),
        ("a key of OpenAI or Anthropic", rf"\bsk-(ant-|proj-|svcacct-)?{_B64}{{20,}}"),
        ("a key of Google", rf"\bAIza{_B64}{{35}}"),
        ("a key of Stripe", r"\b[rs]k_(live|test)_[A-Za-z0-9]{16,}"),
        ("a token of Hugging Face", r"\bhf_[A-Za-z0-9]{30,}"),
        ("a token of npm or PyPI", rf"\b(npm_[A-Za-z0-9]{{36}}|pypi-AgEI{_B64}{{20,}})"),
        ("a token of DigitalOcean", r"\bdo[op]_v1_[a-f0-9]{64}"),
        ("a token of 1Password", rf"\bops_eyJ{_B64}{{20,}}"),
        ("a signed token (JWT)", rf"\beyJ{_B64}{{10,}}\.eyJ{_B64}{{10,}}\.{_B64}{{10,}}"),
        (
            "the hash of a password",
            _HASH,
        ),
        ("a password in an address", r"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:[^\s/@\"'${}<>%]{3,}@"),
    )
)
"""Kinds of secret that are known by their form: what each is, and the form."""

_NAME = re.compile(
    r"(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))"
    r"(?i:pass(?:word|wd|phrase|code)?|pwd|secret|token|psk|credentials?|"
    r"(?:api|app|auth|access|admin|encryption|master|private|secret|session|signing|shared|jwt)"
    r"[-_]?key)[0-9]*$"
)
_NO_SECRET = re.compile(
    r"(?i)$|/|~|\$|%|\{|!|env:|file:|vault:|none$|null$|true$|false$|yes$|no$|required$|disabled$"
    r"|enabled$|default$|auto$|bearer$|basic$"
)
"""What a name of a secret may be set to without one: a place, a reference, a word."""
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/_=@:.-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/_=@:.-])")
_KNOWN_NO_SECRET = re.compile(
    r"^(ssh-|ecdsa-|sk-ssh|AAAA|age1|sha\d+-|[a-z0-9./_-]+$|[A-Z0-9_/-]+$)"
)
_BITS = 4.2
"""Bits a character of random base64 of that length has at least, and words and paths do not."""
_PUBLIC = re.compile(r"(?i)public|fingerprint|digest|hash|sha\d|recipient|image|host_?key|ssh_keys")


def kinds_in(text: str) -> Iterator[str]:
    """The kinds of secret whose form is found in a text."""
    for what, pattern in SHAPES:
        if pattern.search(text):
            yield what


def is_literal(name: str, value: str) -> bool:
    """Whether a name is a secret's, and its value the secret itself: no place, no reference."""
    return bool(_NAME.search(name)) and not _NO_SECRET.match(value.strip())


def looks_random(name: str, text: str) -> bool:
    """Whether a text holds what only a generator writes: long, of mixed letters, no words."""
    if _PUBLIC.search(name) or text.startswith(("ssh-", "ecdsa-", "sk-", "/nix/", "/dev/")):
        return False
    return any(_is_random(found[0]) for found in _TOKEN.finditer(text))


def _is_random(token: str) -> bool:
    if _KNOWN_NO_SECRET.match(token) or ("/" in token.strip("/") and token.count("/") > 2):
        return False
    kinds = (str.isupper, str.islower, str.isdigit)
    if not all(any(kind(c) for c in token) for kind in kinds):
        return False
    counts, length = Counter(token), len(token)
    return -sum(n / length * math.log2(n / length) for n in counts.values()) >= _BITS


_ASSIGNED = re.compile(r"(?:^|[,;&?])(-*[A-Za-z_][A-Za-z0-9_.-]*)=([^,;&]*)")
"""What a value assigns by itself: `PASSWORD=x`, `A=1,PASSWORD=x`, `?token=x`."""


def _carried(name: str, value: str) -> Iterator[tuple[str, str]]:
    plain = name.lstrip("-")
    inside = [(n.lstrip("-"), v) for n, v in _ASSIGNED.findall(value)]
    # One flag names one secret: what its own name tells is not told of again.
    if inside and not _NAME.search(plain):
        yield from inside
        return
    # Short flags may be glued to what they carry, and to each other: -tepassword=x.
    glued = [plain[at:] for at in (0, 1, 2)] if re.match("-[A-Za-z]", name) else [plain]
    yield next((part for part in glued if _NAME.search(part)), plain), value


def words(command: list[str]) -> Iterator[tuple[str, str]]:
    """Flags of a command line with what follows them: `--token=x`, `--token x`, `PASSWORD=x`, and
    what a flag carries inside, as `--env=PASSWORD=x` and `-epassword=x`.
    """
    split = [w for word in command for w in word.split()]
    for i, word in enumerate(split):
        name, equals, value = word.partition("=")
        if equals:
            yield from _carried(name, value)
        elif word.startswith("--") and i + 1 < len(split) and not split[i + 1].startswith("-"):
            yield word.lstrip("-"), split[i + 1]
