"""Upstream resolvers in one form, and how each home resolver writes them."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from homelab.config.base import Str

_NAME = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?"
_PORT = r"(:[1-9][0-9]{0,4})?"
_OCTET = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_UPSTREAM = (
    rf"https://{_NAME}{_PORT}/[A-Za-z0-9._~/-]*|tls://{_NAME}{_PORT}"
    rf"|({_OCTET}\.){{3}}{_OCTET}{_PORT}"
)


def _upstream(value: str) -> str:
    found = re.fullmatch(_UPSTREAM, value)
    port = re.search(r"[^/:]:(\d+)(/|$)", value)
    if found is None or (port is not None and int(port[1]) > 65535):
        raise ValueError(
            "this is not a resolver; write https://dns.quad9.net/dns-query, tls://dns.quad9.net "
            "or 9.9.9.9"
        )
    return value


Upstream = Annotated[
    Str, AfterValidator(_upstream), Field(json_schema_extra={"pattern": f"^({_UPSTREAM})$"})
]
"""An upstream resolver: over HTTPS, over TLS, or as a plain address without encryption."""


def for_blocky(upstream: str) -> str:
    """The upstream in Blocky's form; AdGuard Home uses the form of the stack."""
    scheme, slashes, name = upstream.partition("://")
    if not slashes:
        return f"tcp+udp:{upstream}"
    return f"tcp-tls:{name}" if scheme == "tls" else upstream
