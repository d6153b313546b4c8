"""Flake references in the form of a lock file: GitHub, GitLab, SourceHut and Nix's registry."""

from __future__ import annotations

import re
from collections.abc import Mapping

_FORGES = ("github", "gitlab", "sourcehut")
_REGISTRY = re.compile(
    r"(?:flake:)?(?P<id>[A-Za-z][\w-]*)(?:/(?P<ref>[A-Za-z0-9_][\w.@+-]*))?(?:/(?P<rev>[0-9a-f]{40}))?",
    re.ASCII,
)
"""`nixpkgs/nixos-25.11`: the name of a flake in the registry, a branch or tag, and a commit."""
_COMMIT = re.compile(r"[0-9a-f]{40}")
_RELEASE = re.compile(r"(?:^|[/=])(?:nixos|nixpkgs|release)-(\d\d\.\d\d)(?=$|[-/&?#])")


def parse_ref(url: str) -> Mapping[str, str] | None:
    """`original` as Nix writes it for a reference; `None` for other kinds of references."""
    if named := _REGISTRY.fullmatch(url):
        found = {key: value for key, value in named.groupdict().items() if value}
        if _COMMIT.fullmatch(found.get("ref", "")) and "rev" not in found:
            found["rev"] = found.pop("ref")
        return {"type": "indirect", **found}
    scheme, _, rest = url.partition(":")
    path, _, query = rest.partition("?")
    parts = path.split("/", 2)
    if scheme not in _FORGES or len(parts) < 2 or not all(parts) or "%" in rest or "#" in rest:
        return None
    out = {"type": scheme, "owner": parts[0], "repo": parts[1]}
    if len(parts) > 2:
        out["rev" if _COMMIT.fullmatch(parts[2]) else "ref"] = parts[2]
    for pair in query.split("&") if query else ():
        key, _, value = pair.partition("=")
        if key not in ("dir", "ref", "rev") or not value or key in out:
            return None
        out[key] = value
    return out


def show_ref(original: Mapping[str, object]) -> str:
    """An `original` as a flake reference for messages."""
    named = [
        original[k] for k in ("owner", "repo", "id", "url", "path", "ref", "rev") if k in original
    ]
    where = f"?dir={original['dir']}" if "dir" in original else ""
    return f"{original.get('type', 'flake')}:{'/'.join(map(str, named))}{where}"


def reference_of(original: Mapping[str, object]) -> str | None:
    """An `original` as a flake reference that Nix reads as the same; `None` for other kinds."""
    kind = original.get("type")
    if kind in _FORGES:
        shown = show_ref(original)
        return shown if parse_ref(shown) == original else None
    if kind == "indirect":
        shown = "/".join(
            ["flake:" + str(original.get("id"))]
            + [str(original[key]) for key in ("ref", "rev") if key in original]
        )
        return shown if parse_ref(shown) == original else None
    if kind in ("git", "tarball") and isinstance(original.get("url"), str):
        further = {k: str(v) for k, v in original.items() if k not in ("type", "url")}
        if not further.keys() <= {"dir", "ref", "rev"}:
            return None
        query = "&".join(f"{key}={value}" for key, value in sorted(further.items()))
        url = str(original["url"])
        prefix = "git+" if kind == "git" else ""
        return f"{prefix}{url}{'?' if query else ''}{query}"
    return None


def release_of(url: str) -> str | None:
    """The NixOS release in a reference to nixpkgs; `None` for a commit and for unstable."""
    found = _RELEASE.search(url.partition(":")[2])
    return found[1] if found else None
