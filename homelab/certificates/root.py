"""File checks of the internal authority's root certificate, a file beside the stack file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from homelab.certificates.checks import WHERE
from homelab.plan import Plan
from homelab.problems import Problem

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
from homelab.check import file_check

AUTHORITY_ENDS = file_check(
    "authority-ends",
    "error",
    "When the root certificate expires, so does every internal certificate, and every device has "
    "to trust the next one.",
)
AUTHORITY_ROOT = file_check(
    "authority-root",
    "error",
    "The root file must be one CA certificate without its key, limited to the internal names.",
)

_ANEW = "create it again, as in the guide's page on certificates"
_EARLY = timedelta(days=90)


def check_root(plan: Plan, sources: Mapping[str, str | bytes]) -> Iterator[Problem]:
    """That it is one certificate, of an authority, good for the names at home and no others."""
    found = _text(plan, sources)
    if found is None:
        return
    path, text = found
    if "PRIVATE KEY" in text:
        yield _problem(
            f"{path} holds a private key in plain text",
            f"remove it, {_ANEW}, and keep the key in the sops file of the entry host",
        )
        return
    root = _read(text)
    if root is None:
        yield _problem(f"{path} is not one certificate in PEM", _ANEW)
        return
    from cryptography import x509

    try:
        authority = root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        authority = False
    if not authority:
        yield _problem(f"{path} is not the certificate of an authority", _ANEW)
        return
    domains = sorted({c.domain for c in plan.certificates.certificates})
    allowed = _permitted(root)
    if not allowed:
        yield _problem(
            f"{path} is valid for every name on the internet, so its key can impersonate any site",
            f"limit it to {', '.join(domains) or plan.stack.site.domain}: {_ANEW}",
            severity_is_warning=True,
        )
        return
    for domain in domains:
        if not any(domain == a or domain.endswith(f".{a}") for a in allowed):
            yield _problem(f"{path} is valid for {', '.join(allowed)}, but not for {domain}", _ANEW)


def root_ends(plan: Plan, sources: Mapping[str, str | bytes], today: str) -> Iterator[Problem]:
    """A root that ends within three months of a day (`2026-12-31`). No check: it needs a clock."""
    found = _text(plan, sources)
    root = _read(found[1]) if found else None
    if found is None or root is None:
        return
    now = datetime.combine(date.fromisoformat(today), datetime.min.time(), UTC)
    if root.not_valid_after_utc < now + _EARLY:
        over = root.not_valid_after_utc <= now
        yield Problem(
            f"{WHERE}.root",
            f"{found[0]} {'expired' if over else 'expires'} on {root.not_valid_after_utc.date()}, "
            "and every internal certificate with it",
            f"{_ANEW}, and trust the new one on every device",
            check=AUTHORITY_ENDS,
            severity="error" if over else "warning",
        )


def _text(plan: Plan, sources: Mapping[str, str | bytes]) -> tuple[str, str] | None:
    said = plan.stack.network.entry.acme
    if said is None or said.root is None or said.root not in sources:
        return None  # file-present tells
    content = sources[said.root]
    return said.root, content if isinstance(content, str) else ""


def _read(text: str) -> Certificate | None:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(text.encode())
        return found[0] if len(found) == 1 else None
    except ValueError:
        return None


def _permitted(root: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        limits = root.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return ()
    names = limits.permitted_subtrees or []
    return tuple(sorted(n.value.lstrip(".") for n in names if isinstance(n, x509.DNSName)))


def _problem(what: str, way_out: str, *, severity_is_warning: bool = False) -> Problem:
    return Problem(
        f"{WHERE}.root",
        what,
        way_out,
        check=AUTHORITY_ROOT,
        severity="warning" if severity_is_warning else "error",
    )
