"""SSH host keys made before the machine exists.

They are derived from the master key, so nothing stores them: the stack file has the public half,
and `homelab install` computes the private half once more, for the new machine.
"""

from __future__ import annotations

from pathlib import Path

import asyncssh

from homelab.ops.secrets.derive import derive
from homelab.ops.secrets.lookup import resolve
from homelab.ops.secrets.sshkeys import private_half, public_half
from homelab.plan import Plan
from homelab.problems import HomelabError, UsageError, unreadable
from homelab.secrets.model import scoped

_PURPOSE = "ssh-host-key"


def made_key(plan: Plan, directory: Path, name: str) -> tuple[str, str]:
    """The private and the public half of the host's key, made from the master key.

    Raises UsageError without a master key, SecretUnavailableError if it cannot be read.
    """
    if plan.secrets.master is None:
        raise UsageError(
            "secrets.master is not set, so there is no key to make others from; add master: {sops: "
            f"master}}, or make a key: ssh-keygen -t ed25519 -N '' -f {name}-key, and name it with "
            f"--key-file {name}-key"
        )
    master = resolve(plan.secrets.master, directory, plan.secrets.file)
    secret = derive(master, scoped(plan.stack.secrets.namespace, _PURPOSE), host=name)
    return private_half(secret), public_half(secret).removeprefix("restrict ").strip()


def key_in_file(path: Path) -> tuple[str, str]:
    """The private and the public half of a key in a file. Raises HomelabError."""
    try:
        text = path.read_text(encoding="utf-8")
        key = asyncssh.import_private_key(text)
    except (OSError, UnicodeDecodeError) as error:
        raise HomelabError(f"{path}: cannot be read ({unreadable(error)})") from None
    except (asyncssh.KeyImportError, ValueError):
        raise HomelabError(
            f"{path}: this is not a private SSH key without a passphrase; make one: ssh-keygen -t "
            "ed25519 -N '' -f FILE"
        ) from None
    if key.get_algorithm() != "ssh-ed25519":
        raise HomelabError(
            f"{path}: only ed25519 keys can be pinned; make one: ssh-keygen -t ed25519"
        )
    return text, " ".join(key.export_public_key("openssh").decode().split()[:2])


def same_key(one: str, other: str) -> bool:
    """Whether two public keys are the same, whatever their comments say."""
    return one.split()[:2] == other.split()[:2]
