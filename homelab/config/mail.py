"""`homelab:mail`: the relay through which services send mail."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from homelab.config.base import Email, Model, Name, Port, ServiceSecretRef, Str, pattern

Encryption = Literal["tls", "starttls", "none"]
PORTS: dict[Encryption, int] = {"tls": 465, "starttls": 587, "none": 25}
"""The usual port of each encryption."""


class MailConfig(Model):
    """`homelab:mail`."""

    host: Annotated[
        Str,
        pattern(
            r"(?=.*[a-z0-9])[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?",
            "this is not an address; write smtp.example.org",
        ),
    ]
    """DNS name or IP address of the SMTP server: `smtp.example.org`."""
    encryption: Encryption = "tls"
    """`tls` from the first byte, `starttls` after a command, or `none`, without a password."""
    port: Port | None = None
    """Port of the server. Default: 465 for `tls`, 587 for `starttls`, 25 for `none`."""
    sender: Email
    """Address that the mail comes from: `homelab@example.org`."""
    user: (
        Annotated[
            Str,
            pattern(r"[A-Za-z0-9._@+-]+", "this is not a user name; write sam@example.org"),
        ]
        | None
    ) = None
    """User name at the server. Default: the server asks for none."""
    password: ServiceSecretRef | None = None
    """Password at the server, in the sops file of every host with a service that sends mail."""
    services: list[Name] | None = Field(default=None, min_length=1)
    """Services that send mail through it. Default: every service whose facts have `mail`."""

    @property
    def number(self) -> int:
        """The port of the server."""
        return self.port or PORTS[self.encryption]

    @model_validator(mode="after")
    def _fits(self) -> MailConfig:
        if (self.user is None) != (self.password is None):
            missing, other = ("user", "password") if self.user is None else ("password", "user")
            raise ValueError(f"{other} without {missing}; write both, or leave {other} out")
        if self.password is not None and self.encryption == "none":
            raise ValueError(
                "without encryption everybody on the way reads the password; write encryption: "
                "starttls, or leave user and password out"
            )
        return self
