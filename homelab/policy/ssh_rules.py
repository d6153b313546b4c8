"""Rules of the security baseline: SSH."""

from __future__ import annotations

import re

from homelab.policy.model import Facts
from homelab.policy.rules import REMOVE, option, path, register
from homelab.policy.values import between, is_exactly

_SSH = "services.openssh"
_SETTINGS = f"{_SSH}.settings"
RECOVERY = "homelab-recovery"
"""The directory whose file sshd includes while the recovery login is open."""
_WEAK = re.compile(r"-cbc\b|3des|arcfour|rc4|hmac-md5|hmac-sha1|-sha1\b|umac-64")
"""Algorithms that ssh-audit rates as broken or weak."""

option(
    "SEC-SSH-001",
    "sshd runs",
    f"{_SSH}.enable",
    is_exactly(True),
    default=False,
    required=True,
    why="homelab deploys and confirms over SSH; without it only the console is left.",
    way_out=REMOVE,
)
option(
    "SEC-SSH-002",
    "root does not log in with a password",
    f"{_SETTINGS}.PermitRootLogin",
    lambda v: v in ("no", "prohibit-password", "without-password", "forced-commands-only"),
    default="prohibit-password",
    required=True,
    why="A password of root can be guessed from every network that reaches the port.",
    way_out='write PermitRootLogin = "prohibit-password", or remove it',
)
option(
    "SEC-SSH-003",
    "nobody logs in with a password",
    f"{_SETTINGS}.PasswordAuthentication",
    is_exactly(False),
    default=True,
    required=True,
    why="Keys cannot be guessed.",
    way_out=f"{REMOVE}; hosts.….ssh.recovery is a login for a lost key",
)
option(
    "SEC-SSH-004",
    "sshd asks no questions of PAM",
    f"{_SETTINGS}.KbdInteractiveAuthentication",
    is_exactly(False),
    default=True,
    required=True,
    why="Keyboard-interactive authentication asks for the password on another way.",
    way_out=REMOVE,
)
option(
    "SEC-SSH-005",
    "sshd allows at most 3 attempts per connection",
    f"{_SETTINGS}.MaxAuthTries",
    between(1, 3),
    default=6,
    why="Fewer attempts make scans slower and logs of failures complete.",
    way_out="set services.openssh.settings.MaxAuthTries = 3 in a module of yours, if your agent "
    "holds at most 3 keys",
)
option(
    "SEC-SSH-006",
    "sshd closes a connection without a login after 30 seconds",
    f"{_SETTINGS}.LoginGraceTime",
    # 0 means that sshd waits forever.
    between(1, 30),
    default=120,
    why="Unfinished logins take up the slots for new connections.",
    way_out="set services.openssh.settings.LoginGraceTime = 20 in a module of yours",
)
option(
    "SEC-SSH-007",
    "only the firewall plan opens the port of SSH",
    f"{_SSH}.openFirewall",
    is_exactly(False),
    default=True,
    required=True,
    why="The option opens the port on every interface, also to the internet.",
    way_out=REMOVE,
)
option(
    "SEC-SSH-008",
    "sshd forwards no X11",
    f"{_SETTINGS}.X11Forwarding",
    is_exactly(False),
    default=False,
    why="A forwarded display gives the host control over the screen of the client.",
    way_out=REMOVE,
)
for _number_of, _kind in (("009", "KexAlgorithms"), ("010", "Ciphers"), ("011", "Macs")):
    option(
        f"SEC-SSH-{_number_of}",
        f"sshd offers no weak algorithm ({_kind})",
        f"{_SETTINGS}.{_kind}",
        lambda v: not isinstance(v, tuple) or not any(_WEAK.search(str(a)) for a in v),
        default=None,
        required=True,
        why="Old algorithms can be broken by whoever records or changes the connection.",
        way_out=f"{REMOVE}; the defaults of NixOS have no weak algorithm",
    )


def _way_back(facts: Facts) -> str:
    """Whether somebody who lost a key is locked out."""
    if len(facts.plan.stack.site.owner.ssh_keys) > 1:
        return ""
    texts = [str(value) for _, value in facts.each(path(f"{_SSH}.extraConfig"))]
    is_open = any(RECOVERY in text for text in texts)
    return "" if is_open else "the owner has one key, and the host no recovery login"


register(
    "SEC-SSH-012",
    "a lost key does not lock the owner out",
    [f"{_SSH}.extraConfig"],
    why="Without another key or a recovery login, only the console of the machine is left.",
    way_out="add the key of another device to site.owner.ssh_keys, or write hosts.….ssh.recovery",
    look=_way_back,
)
