"""Secrets derived from one master key: reproducible, and independent of each other.

HKDF with SHA-256 (RFC 5869). With the master key and the stack config, all of them can be computed
again without any state. Raising an epoch gives a new value.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Collection, Container, Iterable
from functools import cache
from pathlib import Path

from homelab.ops.secrets.lookup import resolve
from homelab.ops.secrets.sshkeys import private_half, public_half
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, did_you_mean
from homelab.secrets.model import RESTIC, Secret, restic_purpose, scoped

_SALT = b"homelab derived secret 1"
_HASH = 32
_SHORTEST_KEY = 32
_ROUNDS = 310_000


class MasterKeyError(HomelabError):
    """The master key is missing or not valid."""


class UnfitValueError(HomelabError):
    """A value that an environment file cannot hold."""


def derive(master: str, purpose: str, *, host: str = "", epoch: int = 1, length: int = 43) -> str:
    """A secret of `length` characters (base64url, six bits each) for one purpose.

    `master` is base64 of 32 bytes or more. With a host, the secret differs for each host.
    """
    info = b"\0".join(part.encode() for part in (purpose, host, str(epoch)))
    size = (length * 6 + 7) // 8
    data = hkdf(_master(master), _SALT, info, size)
    return base64.urlsafe_b64encode(data).decode()[:length]


def derive_secret(master: str, secret: Secret) -> str:
    """The content of a derived secret's file on its host: the value, or variables with it."""
    value = derive(master, secret.purpose, epoch=secret.epoch, length=secret.length)
    if secret.hashed:
        hashed = pbkdf2 if secret.hashed == "pbkdf2" else bcrypt_hash
        return hashed(value, derive(master, f"{secret.purpose}/salt", epoch=secret.epoch))
    if secret.half:
        return private_half(value) if secret.half == "private" else public_half(value)
    if secret.form == "file":
        return value
    return env_file((variable, t.replace("{value}", value)) for variable, t in secret.env)


@cache
def pbkdf2(value: str, salt: str) -> str:
    """A secret's hash as Authelia reads it (PHC string, PBKDF2 with SHA-512, 310,000 rounds).

    The salt is an argument, so that the same secret has the same hash in every preview.
    """
    salted = hashlib.sha256(salt.encode()).digest()[:16]
    digest = hashlib.pbkdf2_hmac("sha512", value.encode(), salted, _ROUNDS)
    parts = (
        base64.b64encode(part).decode().rstrip("=").replace("+", ".") for part in (salted, digest)
    )
    return f"$pbkdf2-sha512${_ROUNDS}${'$'.join(parts)}"


_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BCRYPT64 = b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@cache
def bcrypt_hash(value: str, salt: str) -> str:
    """A secret's hash as a file of htpasswd has it. As with `pbkdf2`, the salt is an argument.

    The cost is low: nobody guesses a derived secret of 258 bits, and a server computes the hash for
    every client.
    """
    import bcrypt

    salted = base64.b64encode(hashlib.sha256(salt.encode()).digest()[:16]).rstrip(b"=")
    encoded = salted.translate(bytes.maketrans(_BASE64, _BCRYPT64))
    return bcrypt.hashpw(value.encode(), b"$2b$06$" + encoded).decode()


def read_derived(
    plan: Plan, directory: Path, name: str, host: str | None, *, former: bool = False
) -> str:
    """A derived secret as its host gets it, for a person who must type it or restore it.

    With `former`, the password of repositories of a host or target that has left the stack.
    """
    every = [s for s in plan.secrets.secrets if s.source == "derived"]
    derived = {s.name: s for s in every if host in (None, s.host)}
    target = former_target(name) if former else ""
    if former:
        _check_former(name, host, derived)
    elif name not in derived:
        raise UsageError(_unknown(plan, name, host, derived))
    holders = sorted(s.host for s in every if s.name == name)
    if host is None and len(holders) > 1:
        raise UsageError(f"{', '.join(holders)} each have a {name} of their own; name one after it")
    if plan.secrets.master is None:
        raise MasterKeyError("secrets.master is not set; add master: {sops: master}")
    master = resolve(plan.secrets.master, directory, plan.secrets.file)
    if target:
        purpose = scoped(plan.stack.secrets.namespace, restic_purpose(target, host or ""))
        return derive(master, purpose, epoch=plan.stack.secrets.epoch(RESTIC, target))
    return derive_secret(master, derived[name])


def former_target(name: str) -> str:
    """The backup target whose password a secret is. Empty for any other secret."""
    kind, _, target = name.partition("-")
    return target if kind == RESTIC else ""


def _check_former(name: str, host: str | None, derived: Container[str]) -> None:
    if not former_target(name):
        raise UsageError(
            f'--former is for the passwords of backups, and "{name}" is none; write restic-TARGET'
        )
    if host is None:
        raise UsageError(f"--former: name the host whose repositories they are: {name} HOST")
    if name in derived:
        raise UsageError(f"{host} still backs up to {former_target(name)}; leave --former out")


def _unknown(plan: Plan, name: str, host: str | None, derived: Collection[str]) -> str:
    on = f" on {host}" if host else ""
    lines = [f'there is no derived secret "{name}"{on}; {did_you_mean(name, derived, "secrets")}']
    if host is not None and host not in plan.stack.hosts:
        lines = [f'there is no host "{host}"; {did_you_mean(host, plan.stack.hosts, "hosts")}']
    if former_target(name):
        lines.append(
            "for repositories of a host or target that has left the stack: "
            f"homelab secret {name} {host or 'HOST'} --former"
        )
    return "; ".join(lines)


def hkdf(key: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    """RFC 5869 with SHA-256."""
    if not 0 < size <= 255 * _HASH:
        raise ValueError("HKDF with SHA-256 gives 1 to 8160 bytes")
    extracted = hmac.digest(salt or bytes(_HASH), key, hashlib.sha256)
    out, block = b"", b""
    for counter in range(1, -(-size // _HASH) + 1):
        block = hmac.digest(extracted, block + info + bytes([counter]), hashlib.sha256)
        out += block
    return out[:size]


def env_file(pairs: Iterable[tuple[str, str]]) -> str:
    """Text for systemd's EnvironmentFile= with exactly these values.

    A plain value has no quotes, because Podman does not parse quotes.
    """
    return "".join(f"{_variable(name)}={_quoted(name, value)}\n" for name, value in pairs)


_PLAIN = re.compile(r"[A-Za-z0-9_.,:/@%+=-]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


def _variable(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnfitValueError(f"{name!r} is not the name of a variable; use letters, digits and _")
    return name


def _quoted(name: str, value: str) -> str:
    if _PLAIN.fullmatch(value):
        return value
    if _UNFIT.search(value):
        raise UnfitValueError(
            f"the value of {name} has control characters, which systemd does not accept "
            "in a variable; use a file instead"
        )
    return '"' + re.sub(r'(["\\`$])', r"\\\1", value) + '"'


def _master(text: str) -> bytes:
    try:
        key = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise MasterKeyError(
            "secrets.master: the key is not base64; make one with: homelab secret set "
            "secrets.master --generate base64"
        ) from None
    if len(key) < _SHORTEST_KEY:
        raise MasterKeyError(
            f"secrets.master: the key has {len(key)} bytes and needs {_SHORTEST_KEY}; "
            "make one with: homelab secret set secrets.master --generate base64"
        )
    return key
