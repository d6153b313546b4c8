"""Flake references in the form of a lock file: what Nix writes as `original` for a URL.

Source: Nix's `nix flake` manual, and its fetchers git, github, indirect, mercurial, path, tarball.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

_FORGES = ("github", "gitlab", "sourcehut")
_REGISTRY = re.compile(
    r"(?:flake:)?(?P<id>[A-Za-z][\w-]*)(?:/(?P<ref>[A-Za-z0-9_][\w.@+-]*))?(?:/(?P<rev>[0-9a-f]{40}))?",
    re.ASCII,
)
"""`nixpkgs/nixos-25.11`: the name of a flake in the registry, a branch or tag, and a commit."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RELEASE = re.compile(r"(?:^|[/=])(?:nixos|nixpkgs|release)-(\d\d\.\d\d)(?=$|[-/&?#])")
_DOWNLOADS = ("file", "http", "https")
"""Without `tarball+`, these are the URL of a tarball too, where a flake is asked for."""
_SWITCHES = frozenset(
    ("allRefs", "exportIgnore", "lfs", "shallow", "submodules", "verifyCommit"),
)
"""Parameters that Nix writes as true or false."""
_NUMBERS = frozenset(("lastModified", "revCount"))
_FILE = frozenset(("narHash", "rev", *_NUMBERS))
_PARAMETERS: Mapping[str, frozenset[str]] = {
    "git": frozenset(("keytype", "publicKey", "publicKeys", "ref", "rev", *_SWITCHES)),
    "hg": frozenset(("ref", "rev")),
    "file": _FILE,
    "tarball": _FILE,
}
"""What is a fetcher's own in the query of a URL. The server gets the rest."""
_UNWRITTEN = frozenset(("name", "unpack"))
"""Newer releases of Nix take these off the URL of a download and write them nowhere."""


def parse_ref(url: str) -> Mapping[str, object] | None:
    """`original` as Nix writes it for a reference. Without `type` for a scheme that homelab does
    not know; `None` for what Nix refuses.
    """
    scheme, colon, rest = url.partition(":")
    place, _, query = rest.partition("?")
    asked = _asked(query)
    named = _REGISTRY.fullmatch(url.partition("?")[0])
    if named is not None:
        found = {key: value for key, value in named.groupdict().items() if value}
        if _COMMIT.fullmatch(found.get("ref", "")) and "rev" not in found:
            found["rev"] = found.pop("ref")
        return {"type": "indirect", **found, **_only(asked, ("dir",))}
    if scheme in _FORGES:
        return _forge(scheme, place, _only(asked, ("dir", "host", "ref", "rev")))
    if not colon or scheme == "flake":
        return None
    if scheme == "path":
        path = place.removeprefix("//") if place.startswith("///") else place
        return {"type": "path", "path": path, **_only(asked, ("dir", *_FILE))}
    kind, plus, transport = scheme.partition("+")
    if not plus:
        transport = scheme
        kind = "git" if scheme == "git" else "tarball" if scheme in _DOWNLOADS else ""
    own = ("dir", *_PARAMETERS.get(kind, ()))
    left = "&".join(f"{key}={value}" for key, value in sorted(asked.items()) if key not in own)
    where = f"{transport}:{place}{'?' if left else ''}{left}"
    return {**({"type": kind} if kind else {}), "url": where, **_only(asked, own)}


def names_the_same(url: str, original: Mapping[str, object]) -> bool:
    """Whether Nix takes an `original` for the one of this reference, whichever release wrote it."""
    wanted = parse_ref(url)
    if wanted is None:
        return False
    locked = original if "type" in wanted else {k: v for k, v in original.items() if k != "type"}
    return _compared(wanted) == _compared(locked)


def show_ref(original: Mapping[str, object]) -> str:
    """An `original` as a flake reference for messages."""
    if (url := _with_place(original)) is not None:
        return url
    named = [original[k] for k in ("owner", "repo", "id", "ref", "rev") if k in original]
    asked = "&".join(f"{key}={original[key]}" for key in ("dir", "host") if key in original)
    kind = original.get("type", "flake")
    return f"{kind}:{'/'.join(map(str, named))}{'?' if asked else ''}{asked}"


def reference_of(original: Mapping[str, object]) -> str | None:
    """An `original` as a flake reference that Nix reads as the same; `None` for other kinds."""
    kind = original.get("type")
    if kind in _FORGES or kind == "indirect":
        shown = show_ref(original)
        shown = shown.replace("indirect:", "flake:", 1) if kind == "indirect" else shown
        return shown if parse_ref(shown) == original else None
    url = _with_place(original) if kind in ("git", "tarball") else None
    return url if url is not None and names_the_same(url, original) else None


def release_of(url: str) -> str | None:
    """The NixOS release in a reference to nixpkgs; `None` for a commit and for unstable."""
    found = _RELEASE.search(url.partition(":")[2])
    return found[1] if found else None


def _forge(scheme: str, place: str, asked: Mapping[str, object]) -> Mapping[str, object] | None:
    parts = [part for part in place.split("/") if part]
    if len(parts) < 2:
        return None
    named = "/".join(parts[2:])
    out: dict[str, object] = {"type": scheme, "owner": parts[0], "repo": parts[1]}
    if named:
        out["rev" if _COMMIT.fullmatch(named) else "ref"] = named
    return None if out.keys() & asked.keys() else {**out, **asked}


def _with_place(original: Mapping[str, object]) -> str | None:
    """The reference of an `original` with a URL or a path."""
    kind, place = original.get("type"), original.get("path", original.get("url"))
    if not isinstance(place, str):
        return None
    base, _, query = place.partition("?")
    further = {k: _text(v) for k, v in original.items() if k not in ("type", "url", "path")}
    asked = "&".join(f"{k}={v}" for k, v in sorted({**_asked(query), **further}.items()))
    has_kind = kind == "tarball" or base.startswith(f"{kind}:")
    prefix = "path:" if kind == "path" else "" if has_kind else f"{kind}+"
    return f"{prefix}{base}{'?' if asked else ''}{asked}"


def _asked(query: str) -> dict[str, str]:
    """The parameters of a URL. Nix takes the first of each, and none without `=`."""
    out: dict[str, str] = {}
    for pair in query.split("&"):
        key, is_pair, value = pair.partition("=")
        if is_pair and (value or key != "dir"):
            out.setdefault(key, value)
    return out


def _only(asked: Mapping[str, str], names: Iterable[str]) -> dict[str, str | int | bool]:
    """The parameters that Nix writes as attributes, as it writes them."""
    return {key: _written(key, value) for key, value in asked.items() if key in names}


def _written(key: str, value: str) -> str | int | bool:
    if key in _SWITCHES:
        return value == "1"
    return int(value) if key in _NUMBERS and value.isdecimal() else unquote(value)


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _compared(original: Mapping[str, object]) -> dict[str, str]:
    """An `original` with each parameter beside the URL: Nix 2.8 writes `dir` in both places, and
    leaves in the URL what newer releases write as an attribute.
    """
    kind = original.get("type")
    out: dict[str, str] = {}
    unwritten = {"narHash"} if kind in _FORGES else _UNWRITTEN if kind in _PARAMETERS else ()
    for key, value in original.items():
        if key == "url":
            place, _, query = str(value).partition("?")
            for name, text in _asked(query).items():
                out.setdefault(name, _text(_written(name, text)))
            # `file:/x` and `file:///x` are one place.
            out[key] = unquote(re.sub(r"^file:/+", "file:/", place))
        else:
            out[key] = unquote(_text(value))
    return {key: value for key, value in out.items() if key not in unwritten}
