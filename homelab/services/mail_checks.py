"""Checks of the mail relay."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.catalog.options import lacks, option_groups
from homelab.catalog.references import references
from homelab.check import check
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.services.mail import sends_mail
from homelab.services.uses import linking_values


@check("mail-sender")
def mail_sender(plan: Plan) -> Iterator[Problem]:
    """A service that does not send mail through the relay would be silent, although the stack says
    that it sends.
    """
    mail = plan.stack.mail
    if mail is None:
        return
    able = {s.name for s in plan.services if s.entry.mail is not None}
    for index, name in enumerate(mail.services or ()):
        if name in able:
            continue
        runs = name in plan.stack.services or plan.instances(name)
        yield Problem(
            f"mail.services[{index}]",
            f"the facts of {name} do not say how it sends mail"
            if runs
            else f'no service "{name}" runs here',
            f"leave {name} out, and write its options with {{$mail: host}} and the other parts"
            if runs
            else did_you_mean(name, able, "services that send mail"),
        )
    sending = any(sends_mail(plan.stack, s.name, s.entry) for s in plan.services)
    if mail.services is None and not sending and not _is_named(plan):
        yield Problem(
            "mail",
            "no service sends mail through the relay",
            "leave mail out, or write the options of a service with {$mail: host} and the other "
            "parts",
        )


@check("mail-password")
def mail_password(plan: Plan) -> Iterator[Problem]:
    """An app whose release has no option for the password of the relay would sign in without one,
    and send nothing.
    """
    mail = plan.stack.mail
    if mail is None or mail.password is None:
        return
    for service in plan.services:
        fact = service.entry.mail
        if fact is None or not sends_mail(plan.stack, service.name, service.entry):
            continue
        for path, value in fact.sign_in.items():
            since = lacks(service.entry, path, service.release)
            if since and any(word == "$secret" for word, _ in references(value)):
                others = sorted(
                    s.name for s in plan.services if s.entry.mail and s.name != service.name
                )
                yield Problem(
                    "mail.services",
                    f"{service.name} cannot read the password of the relay on {service.host}, "
                    f"because {path} {since}, and the host has {service.release}",
                    f"list the services that send mail, without {service.name}: "
                    f"[{', '.join(others)}]; or pin a later release",
                )


def _is_named(plan: Plan) -> bool:
    """Whether the options of a service refer to the relay."""
    stated = [v for c in plan.stack.services.values() for _, v in linking_values(c)]
    facts = [
        value
        for service in plan.services
        for group, options in option_groups(service.entry).items()
        for value in options.values()
        if not group.startswith("mail.")
    ]
    return any(
        word == "$mail" or (word == "$text" and "{mail[" in str(named))
        for value in (*stated, *facts)
        for word, named in references(value)
    )
