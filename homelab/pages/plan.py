"""The owner's pages: what each contains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from homelab.graph.mermaid import as_mermaid
from homelab.graph.views import VIEWS
from homelab.pages.exceptions import exceptions
from homelab.pages.markdown import picture, table, text
from homelab.plan import Plan
from homelab.render import modules_of

MARK = "<!-- Written by homelab docs; do not edit. -->"
"""First line of every page."""


def pages(plan: Plan) -> dict[str, str]:
    """The text of each page by file name. The same plan gives the same text."""
    written = {f"{n}.md": "\n".join([MARK, "", *draw(plan)]) for n, draw in _PAGES.items()}
    links = "\n".join(f"- [{n.capitalize()}]({n}.md)" for n in _PAGES)
    head = f"# {text(plan.stack.site.domain)}\n"
    return {"README.md": "\n".join([MARK, "", head, links + "\n"]), **written}


def _hosts(plan: Plan) -> Iterator[str]:
    yield "# Hosts\n"
    yield picture(as_mermaid(VIEWS["machines"](plan)))
    public = any(h.public for h in plan.hosts.values())
    rows = (
        (
            h.name,
            h.config.state,
            h.role if h.is_nixos else "home-manager",
            h.config.platform,
            h.lan,
            h.tailnet,
            *([h.public] if public else []),
            h.release,
            ", ".join(sorted(s.name for s in plan.on(h.name))),
        )
        for h in plan.hosts.values()
    )
    head = ["Host", "State", "Role", "Platform", "LAN", "Tailnet", "NixOS", "Services"]
    head[6:6] = ["Public"] if public else []
    yield table(head, rows, "There is no host.")
    for host in plan.hosts.values():
        if host.config.state != "planned":
            yield f"## Files of {text(host.name)}\n"
            files = [
                (m.file, m.what.partition("\n")[0].rstrip(":")) for m in modules_of(plan, host)
            ]
            yield table(("File", "What it contains"), files, "There is none.")


def _names(plan: Plan) -> Iterator[str]:
    yield "# Names\n"
    yield picture(as_mermaid(VIEWS["names"](plan)))
    rows = (
        (
            " ".join(filter(None, (r.internal, r.public))),
            r.service,
            r.host,
            r.audience,
            r.publish,
            r.auth,
        )
        for r in plan.routes
    )
    yield table(("Name", "Service", "Host", "Audience", "Publish", "Sign-in"), rows, "No names.")


def _ports(plan: Plan) -> Iterator[str]:
    yield "# Ports\n"
    rows = (
        (p.host, f"{p.port}/{p.protocol}", p.owner, p.label, p.open_to, p.why)
        for p in sorted(plan.ports, key=lambda p: (p.host, p.port, p.protocol))
    )
    yield table(("Host", "Port", "Service", "For", "Open to", "Why"), rows, "No port is in use.")


def _backups(plan: Plan) -> Iterator[str]:
    yield "# Backups\n"
    rows = (
        (j.name, j.host, j.target, j.starts, j.tier, " ".join(j.paths))
        for j in sorted(plan.backup.jobs, key=lambda j: (j.host, j.name, j.target))
    )
    yield table(("Data", "Host", "Target", "At", "Tier", "Paths"), rows, "Nothing is backed up.")
    yield "## Not backed up\n"
    yield table(("Data", "Why"), plan.backup.skipped, "Everything is backed up.")
    yield "`homelab backup list` shows the snapshots, and `homelab restore` restores them.\n"


def _secrets(plan: Plan) -> Iterator[str]:
    yield "# Secrets\n"
    yield "Where each secret comes from, and which units read it. No value is on this page.\n"
    rows = (
        (s.name, s.host, s.source, s.key if s.source == "stored" else "", " ".join(s.units))
        for s in sorted(plan.secrets.secrets, key=lambda s: (s.host, s.name))
    )
    yield table(("Secret", "Host", "Source", "Key", "Read by"), rows, "There is no secret.")


def _exceptions(plan: Plan) -> Iterator[str]:
    yield "# Exceptions\n"
    yield "Every decision against a default, with its reason from the stack config.\n"
    yield table(("Place", "Reason"), exceptions(plan.stack), "There is no exception.")


_PAGES: Mapping[str, Callable[[Plan], Iterator[str]]] = {
    "hosts": _hosts,
    "names": _names,
    "ports": _ports,
    "backups": _backups,
    "secrets": _secrets,
    "exceptions": _exceptions,
}
