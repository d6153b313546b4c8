"""Names of accounts that other hosts sign in with."""

from __future__ import annotations

import hashlib

_LONGEST = 31
"""Characters of a login name (useradd(8) takes 32, with the end of the text)."""


def account(prefix: str, name: str) -> str:
    """A login of a prefix and a name. A long one is cut and ends with a digest of the whole."""
    login = f"{prefix}-{name}"
    if len(login) <= _LONGEST:
        return login
    return f"{login[: _LONGEST - 9]}-{hashlib.sha256(login.encode()).hexdigest()[:8]}"
