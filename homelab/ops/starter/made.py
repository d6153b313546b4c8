"""Keys and passwords of a new homelab, and what this machine knows of its owner."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from homelab.config.secrets import Generate
from homelab.ops.secrets.doctor import find_identities
from homelab.ops.secrets.generate import generate
from homelab.problems import HomelabError
from homelab.starter.answers import Answers
from homelab.system.placeholders import PLACEHOLDER

ROOT_DAYS = 7300
"""As in the guide's page on certificates."""
_PUBLIC_KEYS = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


@dataclass(frozen=True)
class AgeKey:
    """A key that opens the secrets, and where it is."""

    recipient: str
    place: str
    text: str = field(default="", repr=False)
    """Of a new key, the file to write. Empty: the key is there."""


def age_key() -> AgeKey:
    """The age key that sops would use here, or a new one for where sops looks. Writes nothing."""
    for identity in find_identities()[0]:
        if identity.recipient.startswith("age1"):
            return AgeKey(identity.recipient, identity.place)
    made = generate(Generate(kind="age"), "")
    stated = os.environ.get("SOPS_AGE_KEY_FILE")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"# created: {now}\n# public key: {made.public}\n{made.value}\n"
    return AgeKey(made.public, stated or str(_place()), text)


def write_key(key: AgeKey) -> None:
    """Write a new key, readable by its owner only. Raises HomelabError if a file is there: it has
    no key that we could read, and it is not ours to change.
    """
    if not key.text:
        return
    path = Path(key.place)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(key.text)
    except OSError as error:
        raise HomelabError(
            f"{path}: an age key cannot be written there ({error.strerror}); make one with "
            "age-keygen, and name its public key: --operator age1…"
        ) from None


def _place() -> Path:
    """Where sops looks for age keys."""
    if config := os.environ.get("XDG_CONFIG_HOME"):
        return Path(config) / "sops/age/keys.txt"
    if sys.platform == "darwin":
        return Path.home() / "Library/Application Support/sops/age/keys.txt"
    return Path.home() / ".config/sops/age/keys.txt"


def own_ssh_keys() -> tuple[str, ...]:
    """The public SSH key of the person here; empty without one."""
    for name in _PUBLIC_KEYS:
        path = Path.home() / ".ssh" / name
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if text:
            return (text,)
    return ()


def local_timezone() -> str:
    """The time zone of this machine, `Etc/UTC` if it does not say."""
    stated = os.environ.get("TZ", "").removeprefix(":")
    if "/" in stated and not stated.startswith("/"):
        return stated
    _, zoneinfo, name = os.path.realpath("/etc/localtime").partition("/zoneinfo/")
    return name if zoneinfo and "/" in name else "Etc/UTC"


def placeholder_host_key() -> str:
    """A valid host key that no machine has: its private half is thrown away."""
    return f"{generate(Generate(kind='ssh'), '').public} {PLACEHOLDER}"


def is_recipient(text: str) -> bool:
    """Whether this is an age recipient that values can be encrypted for here."""
    try:
        pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        return False
    return True


def authority(domain: str, name: str) -> tuple[str, str]:
    """A root certificate for names below a domain, and its private key; both in PEM."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Root of {name}"[:64])])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=ROOT_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage),
            critical=True,
        )
        .add_extension(x509.NameConstraints([x509.DNSName(domain)], None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), private.decode()


def first_user(answers: Answers) -> tuple[str, str]:
    """Authelia's file of users with the owner, and the owner's password."""
    made = generate(Generate(kind="argon2"), answers.user)
    user: Mapping[str, object] = {
        "displayname": answers.user,
        "email": answers.email,
        "password": made.value,
        "groups": ["admins", "family"],
    }
    return yaml.safe_dump({"users": {answers.user: user}}, sort_keys=False), made.password
