"""Values that have an effect if a program reads them as its own syntax."""

from __future__ import annotations

import re
from itertools import product
from string import ascii_lowercase

CANARY = "zqx"
"""A name that Nix, shells and proxies do not know: as a separate word it is an error."""

# fmt: off
PAYLOADS: tuple[str, ...] = (
    # Nix: each makes the canary an undefined variable.
    *('" + zqx + "', "${zqx}", "'' + zqx + ''", "''${zqx}", "\\${zqx}", "$${zqx}", "\\\\${zqx}"),
    *('"; a = zqx; b = "', "zqx", " zqx", " (zqx)", ".${zqx}", "; zqx", "\n zqx", "\r zqx"),
    *("*/ zqx /*", "''\\${zqx}", "'''${zqx}", "zqx\\", '\\" + zqx + "', "$zqx", "''zqx", "'zqx"),
    *('"zqx', "\\n zqx"),
    # Shells.
    *("$(zqx)", "`zqx`", "; zqx #", "' ; zqx ; '", '" ; zqx ; "', "&& zqx", "| zqx", "> zqx"),
    *("$zqx", "${IFS}zqx", "\nzqx\n", "$'\\x27 zqx", "!zqx", "~zqx", "*zqx?", "{zqx,zqx}"),
    *("<(zqx)", "\\\nzqx", "EOF\nzqx", "zqx&"),
    # Caddy, Nginx, Traefik, Gatus, Homepage, Authelia.
    *("{$HOME}zqx", "{env.zqx}", "{http.request.uri}zqx", "} zqx {", " {\n zqx\n}", "$uri zqx"),
    *("; } zqx { ;", "`) || Host(`zqx", "{{ env `zqx` }}", "{{HOMEPAGE_VAR_zqx}}", "${HOME}zqx"),
    *("{$zqx}", "$zqx;", "{zqx}", "{file./etc/zqx}"),
    # systemd, tmpfiles, podman, samba, restic, resolvers, nftables, HuJSON, SQL, LDAP.
    *("%n zqx", "%%zqx", "%h/zqx", ":zqx", ",zqx", "=zqx", " #zqx", "; zqx", "//zqx", "[zqx]"),
    *('"; accept zqx #', "\n[Service]\nExecStart=zqx", "'; DROP TABLE zqx; --", "*)(uid=zqx"),
    *("\\x22zqx", "-zqx", "--zqx", "@zqx@", "&zqx", "<zqx>", "../zqx", "/../zqx", "/./zqx"),
    *("\x85zqx", "\tzqx", "/zqx/", "zqx/..", "\\040zqx", "$$zqx", "+zqx", "!!zqx", "| zqx"),
    *("\u2019zqx", "\u201czqx\u201d", "\u00a0zqx", "\u0661zqx", "\uff04{zqx}", "\u200bzqx"),
    *(": zqx", "- zqx", "? zqx", "| zqx\n", "!!python/zqx", "&a zqx", "*zqx", "# zqx", "%zqx"),
    *("zqx: true", '", "zqx": "', "*/ zqx", "-- zqx", "zqx\\'", "]zqx[", "<script>zqx</script>"),
)
FORMS: tuple[str, ...] = ("{was}{p}", "{p}{was}", "{p}", "{was}{p}{was}", "{was} {p}", "a {p} word")
EMPTY: tuple[str, ...] = (
    *("", "x", "/x", "a reason ", "https://example.net/x", "x@example.net", "1", "services.x"),
)
"""The text before the payload in an unset field."""
# fmt: on
MARKS = tuple(CANARY + "".join(letters) for letters in product(ascii_lowercase, repeat=3))
"""A canary that identifies each value."""
MARK = re.compile(rf"{CANARY}[a-z]{{3}}")
_TAME = re.compile(r"/?[A-Za-z0-9_]+([./-][A-Za-z0-9_]+)*")


def is_hostile(value: str) -> bool:
    """Whether a value is more than a plain word."""
    return CANARY in value and not _TAME.fullmatch(value)
