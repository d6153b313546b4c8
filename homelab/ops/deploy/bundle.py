"""Encrypt secrets to one host's key, and sign bundles."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from homelab.offline.bundle import NAMESPACE
from homelab.ops.machine.ssh import DialMap
from homelab.ops.secrets.tool import TIMEOUT
from homelab.problems import HomelabError

_DEFAULT_KEYS = ("id_ed25519", "id_ed25519_sk", "id_ecdsa", "id_ecdsa_sk", "id_rsa")
"""Key files below ~/.ssh that are used without an agent."""


class BundleError(HomelabError):
    """A bundle could not be made; none was stored on the relay."""


def seal(text: str, host_key: str) -> str:
    """The text encrypted to this host's SSH key, as armoured age."""
    import pyrage  # imported here because only offline hosts need it

    try:
        recipient = pyrage.ssh.Recipient.from_str(" ".join(host_key.split()[:2]))
    except pyrage.RecipientError:
        raise BundleError(
            "the pinned host key is not a public key; copy /etc/ssh/ssh_host_ed25519_key.pub"
        ) from None
    sealed: bytes = pyrage.encrypt(text.encode(), [recipient], armored=True)
    return sealed.decode().rstrip("\n") + "\n"


def sign(text: str, signers: Sequence[str], dial_map: DialMap | None) -> str:
    """A signature by the first of these public keys whose private key is available: in the agent,
    then in the default files. Under a dial map the map's own key signs.
    """
    with _keys(signers, dial_map) as keys:
        for key in keys:
            signature = _signature(text, key)
            if signature:
                return signature
    raise BundleError(
        "the bundle of an offline host must be signed, and no private key of site.owner.ssh_keys "
        "is available; load one with ssh-add"
    )


@contextmanager
def _keys(signers: Sequence[str], dial_map: DialMap | None) -> Iterator[list[Path]]:
    """Key files for ssh-keygen -f; a public key file selects the private key in the agent."""
    if dial_map is not None:
        yield [Path(dial_map.client_key)]
        return
    own = [Path.home() / ".ssh" / name for name in _DEFAULT_KEYS]
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, line in enumerate(signers):
            file = Path(directory) / f"{number}.pub"
            file.write_text(f"{line}\n")
            files.append(file)
        yield [*files, *(k for k in own if _public(k) in signers)]


def _public(key: Path) -> str:
    try:
        return " ".join(key.with_suffix(".pub").read_text().split()[:2])
    except (OSError, UnicodeDecodeError):
        return ""


def _signature(text: str, key: Path) -> str:
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", str(key)]
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
            # No terminal, so that ssh-keygen cannot ask for a passphrase.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise BundleError("ssh-keygen is not on PATH; install OpenSSH") from None
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode() if done.returncode == 0 else ""
