"""Recognise secrets in plain text by their form.

Messages contain the kind of secret and its place, never the text.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

_B64 = r"[A-Za-z0-9_-]"
_HASH = (
    r"\$(2[abxy]\$\d\d\$[./A-Za-z0-9]{20,}|(argon2(id|i|d)|pbkdf2(-[a-z0-9]+)?|scrypt)\$"
    r"|[1567y]\$[^\s$\"']+\$[./A-Za-z0-9]{8,})"
)
"""bcrypt, argon2, PBKDF2, scrypt, and the formats of crypt(3): SHA, MD5, yescrypt."""
_IN_URL = r"([^\s/@\"'${}<>%…]|%[0-9A-Fa-f]{2})"
"""A character of a password in a URL, which may be encoded. Others are those of references."""

SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        ("an age secret key", r"AGE-(SECRET-KEY|PLUGIN-[A-Z0-9-]*)-[0-9A-Z]{8,}"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("a Tailscale key", r"\btskey-[a-z]+-[A-Za-z0-9]{6,}"),
        ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})"),
        ("a GitLab token", rf"\bgl(pat|rt|dt|ptt)-{_B64}{{16,}}"),
        ("an AWS key", r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a Slack webhook", r"hooks\.slack\.com/services/T[A-Z0-9]+/B[A-Z0-9]+/\w+"),
        ("a Discord webhook", rf"discord(app)?\.com/api/webhooks/\d+/{_B64}+"),
        ("a Telegram bot token", rf"\b\d{{8,10}}:AA{_B64}{{30,}}"),
        ("an OpenAI or Anthropic key", rf"\bsk-(ant-|proj-|svcacct-)?{_B64}{{20,}}"),
        ("a Google key", rf"\bAIza{_B64}{{35}}"),
        ("a Stripe key", r"\b[rs]k_(live|test)_[A-Za-z0-9]{16,}"),
        ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("an npm or PyPI token", rf"\b(npm_[A-Za-z0-9]{{36}}|pypi-AgEI{_B64}{{20,}})"),
        ("a DigitalOcean token", r"\bdo[op]_v1_[a-f0-9]{64}"),
        ("a 1Password token", rf"\bops_eyJ{_B64}{{20,}}"),
        ("a signed token (JWT)", rf"\beyJ{_B64}{{10,}}\.eyJ{_B64}{{10,}}\.{_B64}{{10,}}"),
        (
            "a password hash",
            _HASH,
        ),
        (
            "a password in netrc",
            r"\bmachine\s+\S+\s+(login\s+\S+\s+)?password\s+(?!\*+(\s|$))[^\s$\"'{<@%…]+",
        ),
        (
            "a password in a URL",
            # A mask such as *** is no password, nor is the tag of an image before its digest.
            rf"\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:(?!\*+@){_IN_URL}+@(?!sha\d+:)",
        ),
    )
)
"""(kind of secret, pattern)."""

_NAME = re.compile(
    r"(?:^|[^A-Za-z]|(?<=[a-z])(?=[A-Z]))"
    r"(?i:pass(?:word|wd|phrase|code)?|pwd|secret|token|psk|credentials?|"
    r"(?:api|app|auth|access|admin|encryption|master|network|private|secret|session|signing|shared|jwt)"
    r"[-_]?key)[0-9]*$"
)
_UPSTREAM = re.compile(r"(?i)(?:proxy|fastcgi|grpc|memcached|scgi|uwsgi)[-_]?pass$")
"""Directives of Nginx that name the server behind it."""
_NO_SECRET = re.compile(
    r"(?i)$|/|~|\$|%|\{|!|@[a-z_][a-z0-9_-]*@$|env:|file:|vault:|none$|null$|true$|false$|yes$|no$"
    r"|required$|disabled$|enabled$|default$|auto$|bearer$|basic$"
)
"""Values that are not a secret even when the name says so: a path, a reference such as `@NAME@`,
which a program replaces at its start, a keyword."""
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/_=@:.-])[A-Za-z0-9+/_-]{24,}={0,2}(?![A-Za-z0-9+/_=@:.-])")
_KNOWN_NO_SECRET = re.compile(
    r"^(ssh-|ecdsa-|sk-ssh|AAAA|age1|sha\d+-|[a-z0-9./_-]+$|[A-Z0-9_/-]+$)"
)
_BITS = 4.2
"""Least entropy in bits per character of random base64; words and paths have less."""
_PUBLIC = re.compile(r"(?i)public|fingerprint|digest|hash|sha\d|recipient|image|host_?key|ssh_keys")


@lru_cache(maxsize=8192)
def kinds_in(text: str) -> tuple[str, ...]:
    """The kinds of secret whose form is found in a text.

    Results are kept, because the texts of a fleet repeat: names, units, times.
    """
    return tuple(what for what, pattern in SHAPES if pattern.search(text))


_WHOLE_KEY = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)"
_ANY_PASSWORD = r"\b([a-z][a-z0-9+.-]*://)[^\s/:@\"']*:[^\s/@\"'{}<>]+@"
_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(_WHOLE_KEY, re.DOTALL), "(a private key)"),
    (re.compile(_ANY_PASSWORD), r"\1(a password)@"),
    *((re.compile(rf"(?:{p.pattern})[^\s\"']*"), f"({what})") for what, p in SHAPES),
)
"""As `SHAPES`, to the end of the word, with short and encoded passwords too: to hide too much is
harmless."""


@lru_cache(maxsize=8192)
def masked(text: str) -> str:
    """A text for a message, with the kind of each secret in its place: `(a GitHub token)`. Mask it
    before it is cut: a part of a secret has no form.
    """
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def is_literal(name: str, value: str) -> bool:
    """Whether a name says that it is a secret, and its value is not a path or a reference."""
    named = _NAME.search(name) and not _UPSTREAM.search(name)
    return bool(named) and not _NO_SECRET.match(value.strip())


def looks_random(name: str, text: str) -> bool:
    """Whether a text contains a random token: long, with mixed characters, not words."""
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
"""Assignments inside a value: `PASSWORD=x`, `A=1,PASSWORD=x`, `?token=x`."""


def _assignments(name: str, value: str) -> Iterator[tuple[str, str]]:
    plain = name.lstrip("-")
    inside = [(n.lstrip("-"), v) for n, v in _ASSIGNED.findall(value)]
    # Report a flag once: when its own name is that of a secret, ignore assignments in its value.
    if inside and not _NAME.search(plain):
        yield from inside
        return
    # Short flags may be joined with their value and with each other: -tepassword=x.
    glued = [plain[at:] for at in (0, 1, 2)] if re.match("-[A-Za-z]", name) else [plain]
    yield next((part for part in glued if _NAME.search(part)), plain), value


def words(command: list[str]) -> Iterator[tuple[str, str]]:
    """(name, value) of the flags and assignments in a command line.

    Finds `--token=x`, `--token x` and `PASSWORD=x`, and assignments inside the value of a flag, as
    in `--env=PASSWORD=x` and `-epassword=x`.
    """
    split = [w for word in command for w in word.split()]
    for i, word in enumerate(split):
        name, equals, value = word.partition("=")
        if equals:
            yield from _assignments(name, value)
        elif word.startswith("--") and i + 1 < len(split) and not split[i + 1].startswith("-"):
            yield word.lstrip("-"), split[i + 1]
