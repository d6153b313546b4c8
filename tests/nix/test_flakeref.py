"""Flake references, as Nix writes them in lock files."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from homelab.nix.flakeref import names_the_same, parse_ref, reference_of, show_ref

COMMIT = "687f05a9184cad4eaf905c48b63649e3a86f5433"
HASH = "sha256-dzM2neVRIw1kOh8aRzXR4P3JidTdfSUKhERzyDEPQME="
REGISTRY = {"type": "indirect", "id": "nixpkgs"}
FORGE = {"type": "github", "owner": "a", "repo": "b"}
SSH = {"type": "git", "url": "ssh://git@forge/a/b"}
TARBALL = {"type": "tarball", "url": "https://forge/b.tar.gz"}


@pytest.mark.parametrize(
    ("url", "original"),
    [
        ("github:a/b", {"type": "github", "owner": "a", "repo": "b"}),
        ("github:a/b/main", {"type": "github", "owner": "a", "repo": "b", "ref": "main"}),
        (f"github:a/b/{COMMIT}", {"type": "github", "owner": "a", "repo": "b", "rev": COMMIT}),
        ("gitlab:a/b?dir=nix", {"type": "gitlab", "owner": "a", "repo": "b", "dir": "nix"}),
        ("github:a/b?host=git.example.org", FORGE | {"host": "git.example.org"}),
        ("github:a/b/release/25.11", FORGE | {"ref": "release/25.11"}),
        ("sourcehut:~a/b", {"type": "sourcehut", "owner": "~a", "repo": "b"}),
        ("gitlab:a%2Fb/c", {"type": "gitlab", "owner": "a%2Fb", "repo": "c"}),
        ("github:a/b/main?ref=other", None),
        ("github:a", None),
        ("flake:nixpkgs", {"type": "indirect", "id": "nixpkgs"}),
        ("flake:nixpkgs/nixos-25.11", REGISTRY | {"ref": "nixos-25.11"}),
        ("flake:nixpkgs/nixos-25.11/" + COMMIT, REGISTRY | {"ref": "nixos-25.11", "rev": COMMIT}),
        (f"flake:nixpkgs/{COMMIT}", REGISTRY | {"rev": COMMIT}),
        ("flake:nixpkgs/a/b", None),
        ("git+https://example.org/a/b", {"type": "git", "url": "https://example.org/a/b"}),
    ],
)
def test_a_reference_is_read_as_nix_reads_it(url: str, original: dict[str, str] | None) -> None:
    assert parse_ref(url) == original
    if original is not None:
        assert names_the_same(url, original)
        assert show_ref(original) == url.replace("flake:", "indirect:")
        assert reference_of(original) == url
        # The short form of Nix's registry is the same reference.
        assert parse_ref(url.removeprefix("flake:")) == original


WITH_A_PLACE: list[tuple[str, Mapping[str, object], Mapping[str, object]]] = [
    ("git+ssh://git@forge/a/b", SSH, {}),
    (
        "git+ssh://git@forge:2222/a/b.git?ref=main",
        SSH | {"url": "ssh://git@forge:2222/a/b.git", "ref": "main"},
        {},
    ),
    (
        "git+ssh://git@forge/a/b?allRefs=1",
        SSH | {"allRefs": True},
        {"url": f"{SSH['url']}?allRefs=1", "allRefs": None},
    ),
    ("git+ssh://git@forge/a/b?dir=nix", SSH | {"dir": "nix"}, {"url": f"{SSH['url']}?dir=nix"}),
    (f"git+ssh://git@forge/a/b?ref=main&rev={COMMIT}", SSH | {"ref": "main", "rev": COMMIT}, {}),
    ("git+ssh://git@forge/a/b?submodules=1", SSH | {"submodules": True}, {}),
    ("git+ssh://git@forge/a/b?shallow=0", SSH | {"shallow": False}, {}),
    ("git+https://forge/a/b?lfs=1&x=y", SSH | {"url": "https://forge/a/b?x=y", "lfs": True}, {}),
    ("git+http://forge/a/b", SSH | {"url": "http://forge/a/b"}, {}),
    ("git+file:/srv/b", SSH | {"url": "file:/srv/b"}, {"url": "file:///srv/b"}),
    ("git+file:///srv/b", SSH | {"url": "file:///srv/b"}, {}),
    ("git://forge/a/b", SSH | {"url": "git://forge/a/b"}, {}),
    ("hg+https://forge/b?ref=x", {"type": "hg", "url": "https://forge/b", "ref": "x"}, {}),
    ("hg+ssh://hg@forge/b", {"type": "hg", "url": "ssh://hg@forge/b"}, {}),
    ("https://forge/b.tar.gz", TARBALL, {}),
    (
        "https://forge/b.tar.gz?dir=nix",
        TARBALL | {"dir": "nix"},
        {"url": f"{TARBALL['url']}?dir=nix"},
    ),
    (
        f"https://forge/b.tar.gz?rev={COMMIT}&revCount=7",
        TARBALL | {"rev": COMMIT, "revCount": 7},
        {"url": f"{TARBALL['url']}?rev={COMMIT}&revCount=7", "rev": None, "revCount": None},
    ),
    ("https://forge/archive/main", TARBALL | {"url": "https://forge/archive/main"}, {}),
    ("http://forge/b.tar.gz", TARBALL | {"url": "http://forge/b.tar.gz"}, {}),
    ("file:///srv/b.tar.gz", TARBALL | {"url": "file:///srv/b.tar.gz"}, {}),
    ("tarball+https://forge/b", TARBALL | {"url": "https://forge/b"}, {}),
    (
        f"tarball+https://forge/b?narHash={HASH}",
        TARBALL | {"url": "https://forge/b", "narHash": HASH},
        {},
    ),
    ("file+https://forge/b", {"type": "file", "url": "https://forge/b"}, {}),
    ("path:/srv/b", {"type": "path", "path": "/srv/b"}, {}),
    ("path:///srv/b", {"type": "path", "path": "/srv/b"}, {}),
    ("path:./b", {"type": "path", "path": "./b"}, {}),
    ("path:../b?lastModified=7", {"type": "path", "path": "../b", "lastModified": 7}, {}),
    ("flake:nixpkgs?dir=lib", REGISTRY | {"dir": "lib"}, {}),
]
"""A URL, its `original`, and what Nix 2.8 or another spelling has in place of that."""


@pytest.mark.parametrize(
    ("url", "original", "old"), WITH_A_PLACE, ids=[u for u, _, _ in WITH_A_PLACE]
)
def test_every_release_of_nix_wrote_it_for_this_reference(
    url: str, original: Mapping[str, object], old: Mapping[str, object]
) -> None:
    assert parse_ref(url) == original
    assert names_the_same(url, original)
    written = {k: v for k, v in {**original, **old}.items() if v is not None}
    assert names_the_same(url, written)
    # A message shows it as what an owner can write.
    assert names_the_same(show_ref(original).replace("indirect:", "flake:"), original)
    again = reference_of(original)
    assert again is None or names_the_same(again, original)
    assert (again is None) == (original["type"] in ("file", "hg", "path"))


def test_no_kind_is_taken_for_another_reference() -> None:
    """Of all kinds, with each part of them changed."""
    spellings = {"git+file:///srv/b": "git+file:/srv/b", "path:///srv/b": "path:/srv/b"}
    for (one, _, _), (other, original, old) in itertools.product(WITH_A_PLACE, repeat=2):
        same = spellings.get(one, one) == spellings.get(other, other)
        assert names_the_same(one, original) is same, (one, original)
        written = {k: v for k, v in {**original, **old}.items() if v is not None}
        assert names_the_same(one, written) is same, (one, written)
    for url, original, _ in WITH_A_PLACE:
        for key, value in original.items():
            changed = {**original, key: not value if isinstance(value, bool) else f"{value}x"}
            assert not names_the_same(url, changed), (url, changed)
            assert key == "type" or not names_the_same(url, {**original, "dir": "elsewhere"})


def test_of_an_unknown_scheme_the_place_is_compared() -> None:
    url = "s3://bucket/b.tar.gz?region=eu"
    assert names_the_same(url, {"type": "tarball", "url": url})
    assert not names_the_same(url, {"type": "tarball", "url": "s3://other/b.tar.gz?region=eu"})
    assert not names_the_same(url, FORGE)
    assert names_the_same("fossil+https://x/y", {"type": "fossil", "url": "https://x/y"})


def test_what_a_forge_ignores_is_not_compared() -> None:
    url = f"github:a/b?narHash={HASH}"
    assert names_the_same(url, FORGE)
    assert names_the_same(url, FORGE | {"narHash": HASH})
    assert names_the_same("github:a/b/", FORGE)


@pytest.mark.skipif(
    shutil.which("nix") is None or shutil.which("git") is None, reason="Nix is not on PATH"
)
def test_nix_writes_what_is_read(tmp_path: Path) -> None:
    """For what lies on this machine; nothing is fetched over a network."""
    mine = tmp_path / "mine"
    (mine / "nix").mkdir(parents=True)
    for directory in (mine, mine / "nix"):
        (directory / "flake.nix").write_text("{ outputs = _: { }; }\n")
    who = ["-c", "user.name=sam", "-c", "user.email=sam@example.org"]
    for words in (["init", "-qb", "main"], ["add", "."], [*who, "commit", "-qm", "one"]):
        subprocess.run(["git", "-C", mine, *words], check=True)
    archive = tmp_path / "mine.tar.gz"
    subprocess.run(
        ["git", "-C", mine, "archive", "--prefix=mine/", "-o", archive, "HEAD"], check=True
    )
    (tmp_path / "flake" / "inner").mkdir(parents=True)
    shutil.copy(mine / "flake.nix", tmp_path / "flake/inner")
    urls = [
        f"git+file://{mine}?ref=main&dir=nix&submodules=1",
        f"git+file:{mine}?allRefs=1",
        f"path:{mine}",
        "path:./inner",
        f"file://{archive}?dir=nix",
    ]
    inputs = "".join(f'i{number}.url = "{url}"; ' for number, url in enumerate(urls))
    (tmp_path / "flake/flake.nix").write_text(
        f"{{ inputs = {{ {inputs}}}; outputs = _: {{ }}; }}\n"
    )
    features = ["--extra-experimental-features", "nix-command flakes"]
    state = {"NIX_STORE_DIR": f"{tmp_path}/store", "NIX_STATE_DIR": f"{tmp_path}/var"}
    made = subprocess.run(
        ["nix", *features, "flake", "lock", f"path:{tmp_path}/flake"],
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **state},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stderr
    nodes: dict[str, Any] = json.loads((tmp_path / "flake/flake.lock").read_text())["nodes"]
    for number, url in enumerate(urls):
        assert names_the_same(url, nodes[f"i{number}"]["original"]), (url, nodes[f"i{number}"])
