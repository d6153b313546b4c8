"""People in the tailnet's policy who are nobody in the stack, and resemble somebody."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from homelab.check import check
from homelab.config.tailnet import TailnetConfig
from homelab.plan import Plan
from homelab.problems import Problem
from homelab.tailnet.ssh_checks import sides

_ALIKE = 0.8
"""The least likeness of two names or domains, from 0 to 1, at which one is taken for a typing
error."""


@check("tailnet-login", severity="warning")
def tailnet_login(plan: Plan) -> Iterator[Problem]:
    """A mistyped login gives the person no access, and gives it to anyone who registers that login.
    A login may differ from the e-mail address, so the check reports only similar ones.
    """
    config = plan.stack.tailnet
    if config is None:
        return
    site = plan.stack.site
    people = [site.owner.email, *(m.email for m in site.members.values())]
    everybody = [*people, *config.owners, *config.family]
    for where, login, known in (
        *((f"tailnet.owners[{i}]", o, people) for i, o in enumerate(config.owners)),
        *(
            (f"tailnet.family[{i}]", f, [*people, *config.owners])
            for i, f in enumerate(config.family)
        ),
        *((where, end, everybody) for where, end in _logins(config)),
    ):
        meant = "" if _is_among(login, known) else _meant(login, known)
        if meant:
            yield Problem(
                where,
                f"{login} is nobody in the stack",
                f'did you mean "{meant}"? If it is somebody else, add them: site.members: '
                f"{{NAME: {{email: {login}}}}}",
            )


def _logins(config: TailnetConfig) -> Iterator[tuple[str, str]]:
    """(place, login) of people in grants, SSH rules and attributes. `acl-test` reads the tests."""
    lists = [
        *((f"grants[{i}].{s}", e) for i, g in enumerate(config.grants) for s, e in sides(g)),
        *((f"ssh[{i}].{s}", e) for i, r in enumerate(config.ssh) for s, e in sides(r)),
        *((f"node_attributes[{i}].target", a.target) for i, a in enumerate(config.node_attributes)),
    ]
    for where, ends in lists:
        for j, end in enumerate(ends):
            if "@" in end:
                yield f"tailnet.{where}[{j}]", end


def _is_among(login: str, known: Iterable[str]) -> bool:
    return login.casefold() in {one.casefold() for one in known}


def _meant(login: str, known: Iterable[str]) -> str:
    """The known login that differs a little, in its name or in its domain; empty for none."""
    name, _, domain = login.casefold().partition("@")
    for one in known:
        other, _, at = one.casefold().partition("@")
        if (domain == at and _is_alike(name, other)) or (name == other and _is_alike(domain, at)):
            return one
    return ""


def _is_alike(one: str, other: str) -> bool:
    # Two letters that are swapped, or one that is missing or too much.
    swapped = len(one) > 2 and sorted(one) == sorted(other)
    return swapped or difflib.SequenceMatcher(None, one, other).ratio() >= _ALIKE
