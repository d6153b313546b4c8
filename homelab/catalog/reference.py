"""The reference page of the catalog, made from its entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from homelab.catalog.model import Entry
from homelab.config.fact_parts import PortFact

_INTRO = """\
# Catalog

Generated from `homelab/catalog/entries` with `make docs`; do not edit.

What homelab knows about each service. A service of the stack config that sets only `host:` gets all
of this. Fields of the service change each part.

Services marked *infrastructure* are placed by another section of the stack config (`network`,
`identity`, `cloudflare`, `tailnet`), or configured from the whole plan.
"""

_SIGN_IN = {
    "native": "the app",
    "forward": "the auth proxy",
    "oidc": "OpenID Connect",
    "none": "none",
}
_FIRST = {
    "visitor": "the first visitor's",
    "published": "with a published password",
}
_DUMPS = {
    "sqlite": "SQLite, dumped with `VACUUM INTO`",
    "postgresql": "PostgreSQL, dumped with `services.postgresqlBackup`",
    "mysql": "MySQL, dumped with `mysqldump`",
    "builtin": "dumped by the app itself",
    "command": "dumped with `{}`",
}
_NEEDS = {
    "always_on": "an always-on host",
    "gpu": "graphics hardware",
}


def catalog_page(entries: Mapping[str, Entry]) -> str:
    """`docs/reference/catalog.md`: every service by name, in one table and in detail."""
    rows = [_overview(e) for e in _sorted(entries)]
    parts = [_INTRO, _table(("Service", "Port", "Sign-in", "Backup", "Since"), rows)]
    parts += [_section(e) for e in _sorted(entries)]
    return "\n".join(parts)


def _sorted(entries: Mapping[str, Entry]) -> list[Entry]:
    return [entries[name] for name in sorted(entries)]


def _overview(entry: Entry) -> tuple[str, ...]:
    web = entry.ports.get("web")
    return (
        f"[{entry.name}](#{entry.name})" + (" (infrastructure)" if entry.infrastructure else ""),
        str(web.port) if web else "",
        _SIGN_IN[entry.sign_in.kinds[0]] if web else "",
        "no" if entry.stateless else "yes",
        entry.since,
    )


def _section(entry: Entry) -> str:
    rows = [(k, v) for k, v in _facts(entry) if v]
    link = f" ([{entry.title}]({entry.homepage}))" if entry.homepage else ""
    return f"## {entry.name}\n\n{entry.summary}{link}.\n\n" + _table(("", ""), rows)


def _facts(entry: Entry) -> Iterator[tuple[str, str]]:
    yield "Unit", _codes(f"{u.replace('{tunnel}', '<tunnel>')}.service" for u in entry.units)
    yield "Port", ", ".join(_port(n, p) for n, p in sorted(entry.ports.items()))
    yield "Audience", f"{entry.audience} by default" if "web" in entry.ports else ""
    yield "Sign-in", _sign_in(entry)
    yield "Health", f"`{entry.health}`" if entry.monitor == "http" else entry.monitor
    yield "State", _codes(entry.state)
    yield "Backup", _backup(entry)
    kinds = sorted(entry.database_elsewhere)
    yield "Database on another host", _codes(k for k in kinds if k == entry.database)
    yield "Database in place of its own", _codes(k for k in kinds if k != entry.database)
    yield "Excluded from backup", _codes(entry.exclude)
    yield "Datasets", "; ".join(_dataset(entry, part) for part in sorted(entry.datasets))
    yield "Devices", "; ".join(f"`{role}`: {d.why}" for role, d in sorted(entry.devices.items()))
    yield (
        "Secrets",
        "; ".join(
            f"`{name}` ({fact.source}): {fact.note}" for name, fact in sorted(entry.secrets.items())
        ),
    )
    yield "Graphics", ", ".join(sorted(entry.options_gpu))
    yield "Needs", ", ".join(_NEEDS[n] for n in entry.needs)
    yield "Sandbox", _sandbox(entry)
    yield "Since", f"NixOS {entry.since}"
    yield "Newer options", ", ".join(f"`{p}` ({r})" for p, r in sorted(entry.added.items()))
    yield "Removed options", ", ".join(f"`{p}` ({r})" for p, r in sorted(entry.removed.items()))


def _port(name: str, fact: PortFact) -> str:
    kind = f"{fact.port}/udp" if fact.protocol == "udp" else str(fact.port)
    fixed = "" if fact.movable else "fixed"
    if fact.movable_since:
        fixed = f"fixed before {fact.movable_since}"
    notes = [n for n in (name if name != "web" else "", fixed) if n]
    return kind + (f" ({', '.join(notes)})" if notes else "")


def _sign_in(entry: Entry) -> str:
    if "web" not in entry.ports:
        return ""
    oidc = entry.sign_in.oidc
    since = {"oidc": f" (from NixOS {oidc.since} on)"} if oidc is not None and oidc.since else {}
    text = ", or ".join(_SIGN_IN[k] + since.get(k, "") for k in entry.sign_in.kinds)
    if entry.sign_in.exempt:
        text += f"; paths exempt from the auth proxy: {_codes(entry.sign_in.exempt)}"
    if entry.sign_in.headers:
        text += f"; trusts the headers {_codes(h for h in entry.sign_in.headers)}"
    if entry.sign_in.first_account:
        text += f"; first account: {_FIRST[entry.sign_in.first_account]}"
    if oidc is not None and oidc.ui:
        text += f"; with `auth: oidc`, {oidc.ui}"
    return text + (f" ({entry.sign_in.note})" if entry.sign_in.note else "")


def _backup(entry: Entry) -> str:
    if entry.stateless:
        return f"nothing: {entry.stateless}"
    kinds = [_DUMPS[d.kind].format(d.source) for d in entry.dumps]
    return "; ".join([*(["its state"] if entry.state else []), *kinds])


def _dataset(entry: Entry, part: str) -> str:
    mode = "read and written" if part in entry.writes_datasets else "read only"
    return f"`{part}`: {entry.datasets[part]} ({mode})"


def _sandbox(entry: Entry) -> str:
    facts = entry.hardening
    if facts.exempt:
        return f"none: {facts.exempt}"
    if facts.upstream:
        return "the module's own, with access to its own datasets only"
    waived = [
        *(["executable memory"] if facts.jit else []),
        *(["devices"] if facts.devices else []),
        *(["network interfaces"] if facts.netlink else []),
        *(["realtime scheduling"] if facts.realtime else []),
        *facts.capabilities,
    ]
    return "the baseline" + (f", with exceptions for {', '.join(waived)}" if waived else "")


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{w}`" for w in words)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    cells = ([c.replace("|", "\\|") for c in line] for line in lines)
    return "".join("| " + " | ".join(line) + " |\n" for line in cells)
