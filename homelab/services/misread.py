"""References and fields in texts of a service that name nothing, each with its way out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from homelab.catalog.references import (
    ENCRYPTIONS,
    FIELDS,
    LINK_FIELDS,
    LIST_REFERENCES,
    MAIL_PARTS,
    NAMES,
    REFERENCES,
    TEXT_REFERENCES,
    WEB,
    Field,
    LinkTarget,
    fields_of,
    reference,
)
from homelab.config.databases import KINDS
from homelab.config.oidc import ENDPOINTS
from homelab.plan import Plan
from homelab.problems import did_you_mean
from homelab.services.model import Service
from homelab.services.templates import fields

_PACKAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_'-]*(\.[A-Za-z_][A-Za-z0-9_'-]*)*")
"""Attribute path of a package below `pkgs`."""


def misread_text(value: object, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    """What is wrong with a text that may be a reference, each with its way out."""
    found = reference(value)
    if found is None:
        return
    word, named = found
    if word in REFERENCES and word not in TEXT_REFERENCES:
        yield (
            f"{word} is a path of the host, or no text",
            f"write one of {', '.join(TEXT_REFERENCES)}, or the text itself",
        )
        return
    yield from misread(value, plan, service)
    if word == "$text" and isinstance(named, str):
        kinds = {k for f in read_fields(named) if f.indexed for k in f.indexed[:1]}
        for kind in sorted(kinds - {"mail"}):
            yield (
                f"{{{kind}[…]}} is a path of the host, which is another one in a container",
                "write the path inside the container",
            )


def misread(value: object, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    """What is wrong with the references in a value, each with its way out."""
    if isinstance(value, list):
        for inner in value:
            yield from misread(inner, plan, service)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if len(value) == 1 and key.startswith("$"):
                yield from _wrong(key, inner, plan, service)
            elif key in REFERENCES:
                others = ", ".join(k for k in value if k != key)
                yield (
                    f"{key} has other keys beside it",
                    f"leave {others} out: {{{key}: …}} is the only key",
                )
            else:
                yield from misread(inner, plan, service)


def _wrong(word: str, named: object, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    if word not in REFERENCES:
        yield f"there is no reference {word}", did_you_mean(word, REFERENCES, "references")
    elif word == "$last":
        found = reference(named)
        if isinstance(named, list) or (found is not None and found[0] in LIST_REFERENCES):
            yield from misread(named, plan, service)
        else:
            yield "$last takes a list", "write {$last: [a, b]}"
    elif word == "$force":
        found = reference(named)
        if found is not None and found[0] in TEXT_REFERENCES:
            yield from misread(named, plan, service)
        else:
            yield (
                "$force takes a reference to a text",
                f"write {{$force: {{$text: …}}}}, or one of {', '.join(TEXT_REFERENCES)}",
            )
    elif word == "$packages":
        if not isinstance(named, list) or not all(
            isinstance(one, str) and _PACKAGE.fullmatch(one) for one in named
        ):
            yield (
                "$packages takes the attribute paths of packages in the set that the option gives",
                "write {$packages: [psycopg2]}",
            )
    elif word == "$service":
        target = LinkTarget.of(named)
        if target is None:
            parts = "{name: ollama, port: web, field: " + "|".join(LINK_FIELDS) + "}"
            yield (
                "$service takes the name of a service, or its parts as text",
                f"write {{$service: ollama}}, or {{$service: {parts}}}",
            )
        else:
            yield from _unlinked(word, target, plan, service)
    elif word == "$mail":
        yield from _no_mail(named, plan)
        for inner in named.values() if isinstance(named, Mapping) else ():
            yield from misread(inner, plan, service)
    elif not isinstance(named, str):
        yield (
            f"{word} takes one name, as text",
            f"write {{{word}: …}} with one of its {REFERENCES[word]}",
        )
    elif word in LIST_REFERENCES:
        if named not in NAMES:
            yield f'{word} takes no "{named}"', did_you_mean(named, NAMES, REFERENCES[word])
    elif word == "$text":
        yield from misread_template(named, plan, service)
        yield from empty_fields(named, plan, service)
    elif word == "$config":
        if not _PACKAGE.fullmatch(named):
            yield (
                f'"{named}" is not the path of an option',
                "write its path: {$config: services.nextcloud.home}",
            )
    elif word == "$package":
        if not _PACKAGE.fullmatch(named):
            yield (
                f'"{named}" is not the attribute path of a package',
                "write its path below pkgs: {$package: ollama-cuda}",
            )
    else:
        yield from _unknown(word, named, service)


def _unknown(word: str, named: str, service: Service) -> Iterator[tuple[str, str]]:
    """A name that a reference does not find."""
    kind = REFERENCES[word]
    known = {
        "$port": lambda: {p.label for p in service.ports},
        "$secret": lambda: set(service.entry.secrets),
        "$dataset": lambda: {*service.entry.datasets, *service.datasets},
        "$folder": lambda: {*service.entry.datasets, *service.datasets},
        "$device": lambda: {*service.entry.devices, *service.devices},
    }[word]()
    if named not in known:
        add = f"services.{service.name}.secrets: {{{named}: {{ref: {{sops: …}}}}}}"
        way_out = did_you_mean(named, known, f"{kind} of {service.name}")
        yield (
            f'{service.name} has no {kind[:-1]} "{named}" for {word}',
            f"{way_out}; or add {add}" if word == "$secret" else way_out,
        )


def misread_template(
    text: str, plan: Plan, service: Service, *, called: str = "$text", further: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """What is wrong with the fields of a template, each with its way out. `further` are fields that
    it has besides those of `$text`.
    """
    try:
        found = fields_of(text)
    except ValueError:
        yield f"a brace in the text of {called} is not closed", "write {{ or }} for a literal brace"
        return
    for field in found:
        if field.indexed is not None and field.indexed[0] == "mail":
            yield from _no_mail(field.indexed[1], plan)
        elif field.indexed is not None:
            kind, name = field.indexed
            yield from _unknown(f"${kind}", name, service)
        elif field.database is not None:
            yield from _no_database(field.database, service)
        elif field.link is not None:
            yield from _unlinked("{service[…]}", field.link, plan, service)
        elif not field.is_known and field.written not in further:
            name = re.split("[!:]", field.written)[0]
            yield (
                f"{called} has no field {{{field.written}}}",
                did_you_mean(name, (*FIELDS, *further), "fields")
                + "; write {{ and }} for literal braces",
            )


def _no_database(kind: str, service: Service) -> Iterator[tuple[str, str]]:
    known = [d.kind for d in service.databases]
    if kind not in known:
        yield (
            f"homelab creates no database {kind} for {service.name}",
            f"write databases: [{kind}]"
            if kind in KINDS
            else did_you_mean(kind, known or KINDS, "databases"),
        )


def _no_mail(named: object, plan: Plan) -> Iterator[tuple[str, str]]:
    """What is wrong with a reference to the mail relay."""
    mail = plan.stack.mail
    if isinstance(named, Mapping):
        if set(named) != set(ENCRYPTIONS):
            yield (
                "$mail takes a value for each encryption",
                "write {$mail: {tls: …, starttls: …, none: …}}",
            )
            return
    elif named not in MAIL_PARTS:
        yield (
            f'$mail names "{named}", which is no part of the relay',
            did_you_mean(str(named), MAIL_PARTS, REFERENCES["$mail"]),
        )
        return
    if mail is None:
        yield "there is no mail relay", "add homelab:mail: {host: …, sender: …}"
    elif named == "user" and mail.user is None:
        yield "the mail relay has no user", "add to mail: {user: …, password: {sops: …}}"


def _unlinked(
    word: str, target: LinkTarget, plan: Plan, service: Service
) -> Iterator[tuple[str, str]]:
    """Why a service cannot be linked to."""
    name = target.name
    if name == service.name:
        yield (
            f"{word} names {name} itself",
            'leave $service out: write {$port: web}, or {$text: "127.0.0.1:{port}"}',
        )
        return
    config = plan.stack.services.get(name)
    if config is not None and not config.enable:
        yield (
            f"{word} names {name}, which is switched off",
            f"drop services.{name}.enable, or this reference",
        )
        return
    if config is not None and config.planned is not None:
        yield (
            f"{word} names {name}, which is only planned: {config.planned}",
            f"leave services.{name}.planned out, or this reference",
        )
        return
    found = plan.instances(name)
    if not found and config is None:
        known = {s.name for s in plan.services} - {service.name}
        yield (
            f'{word} names "{name}", and no service of that name runs here',
            did_you_mean(name, known, "services"),
        )
    # Without a host, another check reports the service itself.
    elif found and plan.link(service, name, target.port) is None:
        labels = {p.label for p in found[0].ports} or {WEB for s in found if s.external}
        yield (
            f'{word} names the port "{target.port}", which {name} does not have',
            did_you_mean(target.port, labels, f"ports of {name}"),
        )


def empty_fields(text: str, plan: Plan, service: Service) -> Iterator[tuple[str, str]]:
    """Fields of a template that have no value for this service, each with its way out."""
    for field in read_fields(text):
        name = field.written.partition(":")[0]
        if name in ("port", "url", "urls") and not service.port:
            if name == "port" or plan.main_route(service.name) is None:
                yield (
                    f"{{{field.written}}} has no value, because {service.name} has no web port",
                    "add port: …, or leave the field out",
                )
        elif name in ("issuer", "discovery", *ENDPOINTS) and plan.identity is None:
            yield (
                f"{{{name}}} has no value, because there is no identity provider",
                "add homelab:identity: {host: …, users: {sops: …}}, or leave the field out",
            )
        elif name == "scopes" and not fields(plan, service)[name]:
            yield (
                f"{{{field.written}}} has no value, because {service.name} has no OIDC client",
                "write auth: oidc, or leave the field out",
            )
        elif name in ENDPOINTS and not fields(plan, service)[name]:
            yield (
                f"{{{name}}} has no value, because the provider's issuer does not tell it",
                f"add identity.endpoints: {{{name}: https://…}}, from its discovery document",
            )
        elif name in FIELDS and field.is_known and not fields(plan, service)[name]:
            yield (
                f"{{{field.written}}} has no value for {service.name} on {service.host}",
                "leave the field out, and write the text itself",
            )


def read_fields(text: str) -> list[Field]:
    """The fields of a text; none of one that cannot be read."""
    try:
        return fields_of(text)
    except ValueError:
        return []
