"""The base of every config model, and the types that all packages share.

A model contains what the owner wrote. It is strict and frozen, refuses unknown keys, and never
contains a secret value. What follows from it is a plan: a dataclass in the package's `model.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)
from pydantic.fields import FieldInfo

from homelab.sshkey import whole_key

T = TypeVar("T")


class Model(BaseModel):
    """Base of all models of the stack config."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        strict=True,
    )

    def __deepcopy__(self, memo: dict[int, object] | None = None) -> Self:
        """Itself: nothing changes a model, and pydantic copies a default for each use."""
        return self


class Kind(Model):
    """Base of models that refuse some keys with a message of their own, such as kinds of a union.

    `called` names the model in messages; `lacks` has the way out for each such key.
    """

    called: ClassVar[str] = ""
    lacks: ClassVar[Mapping[str, str]] = {}


_NUMBERS = (bool, int, float)


def _text(value: object) -> object:
    if isinstance(value, _NUMBERS):
        raise ValueError(f"this is a {_kind(value)} where text is expected; quote it")
    return value


def _kind(value: float) -> str:
    return "true/false value" if isinstance(value, bool) else "number"


def _address(value: object) -> object:
    try:
        return IPv4Address(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("this is not an IPv4 address; write it as 192.168.1.10") from None


def _network(value: object) -> object:
    try:
        return IPv4Network(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError(
            "this is not an IPv4 network; write its first address, as 192.168.1.0/24"
        ) from None


def key_of(model: type[BaseModel], name: str) -> str:
    """The key of a field in the stack file: its alias, such as `from`, or its name."""
    return model.model_fields[name].alias or name


def field_of(model: type[BaseModel], key: str) -> FieldInfo | None:
    """The field with this key in the stack file; None if there is none."""
    found = (f for n, f in model.model_fields.items() if key_of(model, n) == key)
    return next(found, None)


def by_model(
    table: Mapping[type[BaseModel], Mapping[str, T]], model: type[BaseModel] | None, key: str
) -> T | None:
    """What a table says of a key of a model or of a model above it; None for any other key."""
    if model is None:
        return None
    return next(
        (keys[key] for m, keys in table.items() if issubclass(model, m) and key in keys), None
    )


def pattern(regex: str, message: str) -> AfterValidator:
    """A validator that the whole text matches. `message` has the form `what is wrong; way out`."""
    compiled = re.compile(regex)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(message)
        return value

    return AfterValidator(check)


STRAIGHT = r"(?!.*//)(?!(.*/)?\.\.?(/.*)?\Z)"
"""Prefix for the pattern of a path: no segment is empty, `.` or `..`. With two spellings of one
directory, comparisons of paths would be wrong.
"""

LONGEST_NAME = 63
"""Characters of a DNS label."""


def _short(value: str) -> str:
    if len(value) > LONGEST_NAME:
        raise ValueError(
            f"this name has {len(value)} characters; use at most {LONGEST_NAME}, the most that DNS "
            "allows"
        )
    return value


_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"

Str = Annotated[str, BeforeValidator(_text)]
"""Text. An unquoted number or boolean is refused, because YAML parsers disagree about those."""

Name = Annotated[
    Str,
    AfterValidator(_short),
    pattern(
        r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
        "this is not a name; use lower-case letters, digits and inner hyphens, a letter first",
    ),
]
"""Name of a host, service, route or dataset. It is also a DNS label and part of unit names."""

Interface = Annotated[
    Str,
    # Linux allows fifteen bytes; the name becomes part of firewall rules and of units.
    pattern(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}",
        "this is not the name of a network interface; write it as `ip link` shows it: end0",
    ),
]
Permissions = Annotated[
    Str, pattern(r"[0-7]{3,4}", 'these are not permission bits; write "2775", in quotes')
]
DOMAIN = rf"({_LABEL}\.)+{_LABEL}"
"""The pattern of a name in DNS with at least two labels."""
Domain = Annotated[
    Str,
    pattern(DOMAIN, "this is not a domain; write home.example.org"),
]
Email = Annotated[
    Str,
    pattern(
        # Braces, $ and % have a meaning in proxies, Gatus, systemd and shells.
        r"[\w.+~=-]+@[\w-]+(\.[\w-]+)+",
        "this is not an e-mail address; write sam@example.org",
    ),
]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[IPv4Address, BeforeValidator(_address)]
Network = Annotated[IPv4Network, BeforeValidator(_network)]
AbsolutePath = Annotated[
    Str,
    pattern(r"(?s)/.*", "a path on a host is absolute; start it with /"),
    # Each of these is special to systemd, tmpfiles, mount, Samba, restic, sshd or a shell.
    pattern(
        r"(?!.* $)[^\x00-\x1f\x7f\x85\"'\\`$%:;,|<>*?{}\[\]#]*",
        "this path has a character with a special meaning in some program; rename the directory "
        "without quotes, backslashes, a space at its end and any of $ % : ; , | < > * ? { } [ ] #",
    ),
    pattern(
        rf"{STRAIGHT}.*",
        "this path is not normalized; write it without . and .. and with one slash at a time: "
        "/srv/media",
    ),
]
WebPath = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}(?!.*\.\.)(/[A-Za-z0-9._~!&'()+,=:@-]+)*(/|/\*)?(?<!^/\*)(?<=.)",
        "this is not a plain path; write /admin, or /admin/* for it and everything below",
    ),
]
"""Path of a URL as a browser sends it, with `/*` at its end for everything below."""
TreePath = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}(?!/)[A-Za-z0-9._+/-]+(?<!/)",
        "this is not a relative path; write it relative to the stack file, hosts/nas/disks.nix, "
        "without . and .., without spaces and without a slash at its end",
    ),
]
SubDirectory = Annotated[
    Str,
    pattern(
        rf"{STRAIGHT}(?!/)[A-Za-z0-9._+/-]+(?<!/)",
        "this is not a directory below another; write it without a slash at its start and end, "
        "without . and .., and without spaces: photos/managed",
    ),
]
Reason = Annotated[
    Str,
    pattern(
        r"(?s).*\S.{3,}", "this is not a reason; write a few words that you will understand later"
    ),
]
"""Reason why a default was switched off."""

PublicKey = Annotated[
    Str,
    pattern(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com"
        r"|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/=]+( [^\r\n]*)?",
        "this is not an OpenSSH public key; write ssh-ed25519 AAAA… comment",
    ),
    AfterValidator(whole_key),
]
HostKey = Annotated[
    Str,
    pattern(
        r"ssh-ed25519 AAAA[A-Za-z0-9+/=]+( [^\r\n]*)?",
        "a host key is the host's /etc/ssh/ssh_host_ed25519_key.pub; other types cannot be pinned",
    ),
    AfterValidator(whole_key),
]
Release = Annotated[
    Str, pattern(r"[0-9][0-9]\.(05|11)", 'this is not a NixOS release; write "25.11", in quotes')
]
StateVersion = Annotated[
    Str,
    pattern(
        r"13\.10|14\.(04|12)|1[5-9]\.(03|09)|20\.(03|09)|(2[1-9]|[3-9][0-9])\.(05|11)",
        'this is not a NixOS release; write "25.11", in quotes',
    ),
]
"""Any NixOS release that a machine may have been installed with. Until 20.09 they came in spring
and autumn."""
Time = Annotated[
    Str,
    pattern(
        r"([01][0-9]|2[0-3]):[0-5][0-9]", 'this is not a time of day; write "03:30", in quotes'
    ),
]

Audience = Literal["operator", "family", "public"]
"""Who the route is for: operator (everybody on the LAN or the tailnet, without a sign-in), family
(people who sign in), public (everybody)."""

Publish = Literal["internal", "tunnel", "direct"]
"""Where the name is published: internal (LAN and tailnet only), tunnel (the internet, through
Cloudflare), direct (the internet, directly to the entry host)."""

Auth = Literal["none", "forward", "native", "oidc"]
"""How people sign in: none, forward (the auth proxy, for an app without a sign-in), native (the
app, with its own users), oidc (the app, with the identity provider)."""

Platform = Literal["x86_64-linux", "aarch64-linux", "x86_64-darwin", "aarch64-darwin"]


_SOPS_KEY = r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*"
_OP = r"op://[^/]+/[^/]+/[^/]+(/[^/]+)?"


SopsKey = Annotated[
    Str, pattern(_SOPS_KEY, "this is not a key in a sops file; write its path, a/b")
]
"""Key in a sops file, with `/` between its levels."""


class SecretRef(Kind):
    """A reference to a secret. The stack config contains references and never a secret value."""

    called: ClassVar[str] = "a reference to a secret"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("age", "agenix", "path", "file"),
        "this secret cannot be a file that a module of yours provides, as agenix does; put it into "
        "the sops file and write sops: path/in/it",
    )

    sops: SopsKey | None = None
    """Key in the sops file, with `/` between its parts: `cloudflare/token`."""
    op: (
        Annotated[
            Str, pattern(_OP, "this is not a 1Password reference; write op://vault/item/field")
        ]
        | None
    ) = None
    """1Password reference: `op://vault/item/field`."""

    @model_validator(mode="after")
    def _one_source(self) -> SecretRef:
        stated = [self.sops, self.op, getattr(self, "path", None)]
        if sum(source is not None for source in stated) != 1:
            raise ValueError(
                "a secret has one source; write sops: path/in/file, or drop it and write "
                "op: op://vault/item/field"
            )
        return self

    @property
    def name(self) -> str:
        """The reference as text, for messages."""
        return self.sops or self.op or ""


class ServiceSecretRef(SecretRef):
    """A reference to a secret that a host reads, which may also be a file on the host."""

    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("age", "agenix", "file"),
        "agenix decrypts it to a file on the host: write path: /run/agenix/NAME, and import agenix "
        "and set age.secrets in a module of yours",
    )

    path: (
        Annotated[
            AbsolutePath,
            pattern(
                r"(?!/nix/store(/|$)).*[^/]",
                "every user of the host can read a file there; write the path of a file that a "
                "module of yours makes: /run/agenix/vaultwarden",
            ),
            # Modules of nixpkgs write it into shell without quotes: `source ${environmentFile}`.
            pattern(
                r"[\w/.@+=-]*",
                "a shell would split or expand this path; use only letters, digits and "
                "/ _ . @ + = - in it: /run/agenix/vaultwarden",
            ),
        ]
        | None
    ) = None
    """File on the host that a module of yours provides, such as one of agenix:
    `/run/agenix/vaultwarden`, without blanks. Only its form is checked."""

    @property
    def name(self) -> str:
        """The reference as text, for messages."""
        return self.path or super().name


class EarlySecretRef(ServiceSecretRef):
    """A reference to a secret that a host reads before it has a network, or while it activates."""

    @model_validator(mode="after")
    def _is_on_the_host(self) -> EarlySecretRef:
        if self.op is not None:
            raise ValueError(
                "the host needs it before it can reach 1Password; write {sops: path/in/file}, or "
                "the {path: …} of a file that a module of yours provides"
            )
        return self


def alone(model: Model, word: str, others: tuple[str, ...]) -> None:
    """Raise ValueError where a word that leaves nothing to say stands beside one of the others."""
    said = [name for name in others if name in model.model_fields_set]
    if getattr(model, word) is not None and said:
        listed = " and ".join(said)
        raise ValueError(f"with {word} nothing reads {listed}; leave {listed} out")
