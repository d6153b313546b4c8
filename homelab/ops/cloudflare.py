"""Read from Cloudflare's API. Reads only; changes nothing."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http.client import HTTPException

from homelab.ops.web import opener
from homelab.problems import HomelabError

API = "https://api.cloudflare.com/client/v4"
TIMEOUT = 20
"""Seconds to wait for an answer."""
_PAGE = 50


class CloudflareError(HomelabError):
    """Cloudflare gave no usable answer."""

    def __init__(self, what: str, status: int = 0) -> None:
        """`status` is that of the answer; 0 without an answer."""
        super().__init__(f"cloudflare: Cloudflare {what}")
        self.status = status


Found = Mapping[str, object]
"""An object of the account, as the API returns it."""


def every(path: str, token: str) -> Iterator[Found]:
    """All objects of a list, page by page. Raises CloudflareError."""
    page = 1
    while True:
        joined = "&" if "?" in path else "?"
        answered = ask(f"{path}{joined}page={page}&per_page={_PAGE}", token)
        found = answered.get("result")
        objects = [o for o in found if isinstance(o, dict)] if isinstance(found, list) else []
        yield from objects
        info = answered.get("result_info")
        pages = info.get("total_pages") if isinstance(info, dict) else None
        is_last = page >= pages if isinstance(pages, int) else len(objects) < _PAGE
        if is_last or not objects:
            return
        page += 1


def ask(path: str, token: str) -> Found:
    """The answer to a GET. Raises CloudflareError, which contains no token."""
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "homelab"}
    request = urllib.request.Request(f"{API}/{path}", headers=headers)  # noqa: S310 https
    status = 0
    try:
        with opener().open(request, timeout=TIMEOUT) as answer:
            answered = json.loads(answer.read())
            if isinstance(answered, dict) and answered.get("success") is True:
                return answered
            what = "answered without success; try again"
    except urllib.error.HTTPError as error:
        status = error.code
        what = f"answered {status} for {path.partition('?')[0]}; {_way_out(status)}"
    except (OSError, HTTPException, ValueError) as error:
        kind = type(getattr(error, "reason", error)).__name__
        what = f"cannot be reached ({kind}); check whether this machine is online"
    # Raised outside the handlers, because those errors carry the request with its token.
    raise CloudflareError(what, status)


def _way_out(status: int) -> str:
    if status in (400, 401, 403):
        return (
            "check cloudflare.token, its permissions, and the ids of the account and the zone "
            "(homelab doctor --connect)"
        )
    return "wait a minute, and try again" if status == 429 else "try again later"
