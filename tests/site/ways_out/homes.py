"""Ways out of problems with homes."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import ROOT, both, host, own

HOME, KEY = "home/sam.nix", f"{build.OWNER} kim"
GIT: Changes = {"git": {"name": "Sam"}}
BARE = "{ pkgs, ... }: {\n  home.packages = [ pkgs.htop ];\n}\n"


def home(user: str, /, **said: object) -> Changes:
    return {"homes": {user: said}}


def _kim(*hosts: str) -> Changes:
    """A member, with an account on these hosts."""
    account = {"hosts": [*hosts], "ssh_keys": [KEY]} if hosts else None
    return {"site": {"members": {"kim": {"email": "kim@example.org", "account": account}}}}


def _aliases(ll: str) -> dict[str, str]:
    """The hardware module of nas, with an alias for everybody."""
    return own(ROOT, f'environment.shellAliases.ll = "{ll}";')


WAYS = (
    WayOut(
        "home-known",
        home("sma", **GIT, hosts=["nas"]),
        {"homes": {"sma": None, "sam": {**GIT, "hosts": ["nas"]}}},
    ),
    WayOut(
        "home-known",
        home("sam", **GIT),
        home("sam", hosts=["nas"]),
        asked={"nas": "name the hosts"},
    ),
    WayOut(
        "home-known",
        both(host("nas", home=HOME), home("sam", **GIT, hosts=["nsa"])),
        home("sam", hosts=["nas"]),
    ),
    WayOut(
        "home-minimum",
        host("nas", home=HOME),
        home("sam", **GIT),
        files={HOME: BARE},
        asked={"Sam": "name: …"},
    ),
    WayOut(
        "home-minimum",
        home("sam", hosts=["nas"], packages=["htop"]),
        home("sam", **GIT),
        asked={"Sam": "name: …"},
    ),
    WayOut(
        "home-alias",
        home("sam", hosts=["nas"], aliases={"ll": "ls -l", "la": "ls -a"}),
        home("sam", aliases={"ll": None}),
        files=_aliases("ls -l"),
    ),
    WayOut(
        "home-alias",
        home("sam", hosts=["nas"], aliases={"ll": "ls -l", "la": "ls -a"}),
        home("sam", aliases={"ll": None}),
        files=_aliases("ls -lh"),
    ),
    WayOut(
        "home-known",
        both(_kim("nas"), home("kim", **GIT, hosts=["nas", "pi"])),
        home("kim", hosts=["nas"]),
    ),
    WayOut(
        "home-known",
        both(_kim(), home("kim", **GIT)),
        _kim("nas"),
        asked={"nas": "{hosts: […]", KEY: "ssh_keys: […]"},
    ),
)
