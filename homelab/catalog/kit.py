"""Rules that the facts of every service must satisfy.

`homelab service test` runs these rules on an owner's facts, and the tests run them on the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from homelab.catalog.model import OIDC, Entry
from homelab.catalog.options import option_groups, options_of
from homelab.catalog.references import (
    ENCRYPTIONS,
    FIELDS,
    MAIL_PARTS,
    REFERENCES,
    Field,
    fields_of,
    references,
)
from homelab.config.dashboard import DashboardConfig
from homelab.config.fact_dumps import DumpProgram
from homelab.problems import Problem, did_you_mean

_DUMP_OF = {"own": "command"}
"""The key of a dump, if it is not the kind of database."""


def flaws(entry: Entry, releases: tuple[str, ...], at: str = "facts") -> Iterator[Problem]:
    """Problems of the facts, on hosts with these NixOS releases. `at` is where the facts stand."""
    for bound, former in entry.before.items():
        before = tuple(r for r in releases if r < bound)
        for problem in flaws(former, before, f"{at}.before.{bound}"):
            yield replace(problem, where=f"before.{bound}.{problem.where}")
    releases = tuple(r for r in releases if entry.at(r) is entry)
    wrong = list(_references(entry))
    yield from wrong
    yield from _state(entry)
    yield from _page(entry)
    for release in releases if not wrong else ():
        if release >= entry.since:
            yield from _web_port(entry, release, at)


def _references(entry: Entry) -> Iterator[Problem]:
    """References name a port, secret, dataset or device of the entry."""
    oidc = entry.sign_in.oidc
    known: dict[str, tuple[str, ...]] = {
        "port": (*entry.ports, *entry.further_ports),
        "secret": (
            *entry.secrets,
            *((OIDC,) if oidc and not oidc.public else ()),
            *(("mail",) if entry.mail else ()),
            *entry.database_elsewhere,
        ),
        "mail": MAIL_PARTS,
        "dataset": tuple(entry.datasets),
        "folder": tuple(entry.datasets),
        "device": tuple(entry.devices),
    }
    stated = [
        (f"{group}.{path}", value)
        for group, options in option_groups(entry).items()
        for path, value in options.items()
    ]
    for place, value in stated:
        for word, named in references(value):
            if word not in REFERENCES:
                out = did_you_mean(word, REFERENCES, "references")
                yield Problem(place, f"there is no reference {word}", out)
                continue
            kind = word.removeprefix("$")
            if word == "$mail" and isinstance(named, Mapping):
                if set(named) != set(ENCRYPTIONS):
                    yield Problem(
                        place,
                        "$mail takes a value for each encryption",
                        "write {$mail: {tls: …, starttls: …, none: …}}",
                    )
                continue
            asked = [(kind, str(named))] if kind in known else []
            if word == "$text":
                fields = _fields(named)
                asked = [f.indexed for f in fields if f.indexed is not None]
                for field in fields:
                    if not field.is_known:
                        way_out = did_you_mean(field.written, FIELDS, "fields")
                        yield Problem(place, f"$text has no field {{{field.written}}}", way_out)
            for k, n in asked:
                if n not in known[k]:
                    yield Problem(
                        place,
                        f'the facts have no {k} "{n}"',
                        did_you_mean(n, known[k], f"{k}s") if known[k] else f"add it to {k}s",
                    )
    for role in entry.folders:
        if role not in entry.datasets:
            yield Problem("folders", f'there is no role "{role}"', f"add datasets: {{{role}: …}}")
    for path, part in entry.optional.items():
        for what, names, there in (
            ("unit", part.units, entry.units),
            ("port", part.ports, tuple(entry.ports)),
        ):
            for name in names:
                if name not in there:
                    yield Problem(
                        f"optional.{path}.{what}s",
                        f'the facts have no {what} "{name}"',
                        did_you_mean(name, there, f"{what}s"),
                    )
    for index, dump in enumerate(entry.dumps):
        if dump.command is not None:
            yield from _program(f"dumps[{index}].command", dump.command, entry)
    for role in entry.links_datasets:
        if role not in entry.writes_datasets:
            yield Problem(
                "links_datasets",
                f"it does not write {role}, so it cannot make links there",
                f"add it: writes_datasets: [{', '.join((*entry.writes_datasets, role))}]",
            )
    for role in entry.writes_datasets:
        if role not in entry.datasets:
            yield Problem(
                "writes_datasets", f'there is no role "{role}"', f"add datasets: {{{role}: …}}"
            )


def _program(place: str, program: DumpProgram, entry: Entry) -> Iterator[Problem]:
    """Its secrets are files that the service has."""
    for variable, name in program.secrets.items():
        secret = entry.secrets.get(name)
        if secret is None:
            yield Problem(
                f"{place}.secrets.{variable}",
                f'the facts have no secret "{name}"',
                did_you_mean(name, entry.secrets, "secrets")
                if entry.secrets
                else "add it to secrets",
            )
        elif secret.form != "file":
            yield Problem(
                f"{place}.secrets.{variable}",
                f"the secret {name} is an environment file, so its file is not the value alone",
                "write form: file and leave env out, or another secret",
            )


def _fields(text: object) -> list[Field]:
    """The fields of a `$text`; a text that cannot be read has one unknown field."""
    try:
        return fields_of(str(text))
    except ValueError:
        return [Field(str(text))]


def _state(entry: Entry) -> Iterator[Problem]:
    """Its state is kept, dumped consistently, and at the place where it really is."""
    if not (entry.state or entry.dumps or entry.stateless or entry.state_in):
        yield Problem(
            "state",
            "the facts have neither state nor a reason for having none",
            "write state: [/var/lib/…], or stateless: a reason",
        )
    if bool(entry.dumps) != (entry.database != "none"):
        yield Problem(
            "dumps",
            "a database needs a dump, because a copy of its files is not consistent"
            if entry.database != "none"
            else "there are dumps of no database",
            f"write dumps: [{{{_DUMP_OF.get(entry.database, entry.database)}: …}}]"
            if entry.database != "none"
            else "write database: sqlite, postgresql, mysql or own",
        )
    for path in entry.state:
        if path.startswith("/var/lib/private/") != entry.dynamic_user:
            yield Problem(
                "state",
                f"{path} is a symbolic link for a unit with DynamicUser"
                if entry.dynamic_user
                else f"{path} exists only for a unit with DynamicUser",
                f"write {path.replace('/var/lib/', '/var/lib/private/', 1)}"
                if entry.dynamic_user
                # For a unit with DynamicUser, the other path would be a link with nothing in it.
                else "write dynamic_user: true; or, if its unit has no DynamicUser, "
                f"{path.replace('/private/', '/', 1)}",
            )
    inside = [
        *(("exclude", p) for p in entry.exclude),
        *(("dumps", d.source) for d in entry.dumps if d.kind in ("sqlite", "builtin")),
    ]
    for place, path in inside:
        if not any(path.startswith(f"{s}/") for s in entry.state):
            yield Problem(place, f"{path} is outside of its state", "add its directory to state")
    for name, secret in entry.secrets.items():
        if entry.dynamic_user and secret.owner != "root":
            yield Problem(
                f"secrets.{name}.owner",
                "a unit with DynamicUser has no user before it starts",
                "leave owner out: systemd passes the secret to the unit",
            )


def _page(entry: Entry) -> Iterator[Problem]:
    """It can be shown on the dashboard and monitored."""
    groups = DashboardConfig().groups
    if entry.category not in groups:
        yield Problem(
            "category",
            f'the dashboard has no group "{entry.category}"',
            did_you_mean(entry.category, groups, "groups"),
        )
    if not entry.units:
        yield Problem("units", "the facts name no systemd unit", "write units: [NAME]")
    watched = entry.monitor in ("http", "tcp")
    if not watched and "web" in entry.ports and entry.page and not entry.monitor.strip():
        yield Problem("monitor", "the reason is empty", "write http, tcp or a reason")
    if "web" not in entry.ports and entry.sign_in.oidc is not None:
        yield Problem("sign_in.oidc", "people sign in at its web port", "add ports: {web: …}")


def _web_port(entry: Entry, release: str, at: str) -> Iterator[Problem]:
    """What the plan decides about the web port reaches the app."""
    web = entry.ports.get("web")
    if web is None or entry.infrastructure:
        return
    words = [r for _, v in options_of(entry, release).items() for r in references(v)]
    texts = [f.written for word, named in words if word == "$text" for f in _fields(named)]
    moves = entry.moves_port(release)
    wanted = {
        "port": (moves, ("$port", "web") in words or "port" in texts, "{$port: web}", "movable"),
        "address": (moves and web.bindable, "bind" in texts, '{$text: "{bind}"}', "bindable"),
    }
    missing = [k for k, (should, does, _, _) in wanted.items() if should and not does]
    if missing:
        values = " and ".join(wanted[k][2] for k in missing)
        yield Problem(
            "ports.web",
            f"no option sets its {' and its '.join(missing)} on NixOS {release}",
            f"give the options that do {values} in {at}.options, or write {{port: {web.port}, "
            f"{wanted[missing[0]][3]}: false}}",
        )
    # An option may set the address of a port whose number is fixed.
    wanted["address"] = (web.bindable, *wanted["address"][1:])
    for what, (should, does, _, key) in wanted.items():
        if does and not should:
            yield Problem(
                "ports.web",
                f"an option sets its {what} on NixOS {release}, but {key} is false",
                f"leave {key} out",
            )
