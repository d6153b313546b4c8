"""The mail relay in the facts of a service."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from homelab.catalog.model import Entry
from homelab.catalog.options import joined_options
from homelab.config.fact_parts import referred
from homelab.config.stack import StackConfig

MAIL = "mail"
"""Name of the secret with the password of the relay."""


def sends_mail(stack: StackConfig, name: str, entry: Entry) -> bool:
    """Whether a service sends mail through the relay of the stack."""
    mail = stack.mail
    if mail is None or entry.mail is None:
        return False
    return mail.services is None or name in mail.services


def with_mail(entry: Entry, name: str, stack: StackConfig) -> Entry:
    """The entry with the options that send mail through the relay, and with its password.

    A service that does not send mail through it stays as it is.
    """
    mail, fact = stack.mail, entry.mail
    if mail is None or fact is None or not sends_mail(stack, name, entry):
        return entry
    if mail.password is None:
        return entry.model_copy(update={"options": joined_options(entry.options, fact.options)})
    return entry.model_copy(
        update={
            "options": joined_options(joined_options(entry.options, fact.options), fact.sign_in),
            "secrets": {**entry.secrets, MAIL: referred(fact.secret, mail.password)},
        }
    )


def mail_value(stack: StackConfig, named: object) -> JsonValue:
    """What `{$mail: …}` becomes: a part of the relay, or the value for its encryption; None if the
    stack has no such part.
    """
    mail = stack.mail
    if mail is None:
        return None
    if isinstance(named, Mapping):
        found: JsonValue = named.get(mail.encryption)
        return found
    parts: dict[str, JsonValue] = {
        "host": mail.host,
        "port": mail.number,
        "user": mail.user,
        "sender": mail.sender,
        "mailbox": mail.sender.rpartition("@")[0],
        "domain": mail.sender.rpartition("@")[2],
    }
    return parts.get(str(named))
