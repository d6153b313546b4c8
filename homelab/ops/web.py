"""Requests with a token to the API of a cloud."""

from __future__ import annotations

import urllib.request


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follow no redirect: it would send the token to another server."""

    def redirect_request(self, *_: object) -> None:
        """Return None: urllib then raises HTTPError."""


def opener() -> urllib.request.OpenerDirector:
    """An opener that sends a request to its own server only."""
    return urllib.request.build_opener(_StayHere)
