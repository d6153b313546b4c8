"""Newer images: references, versions, and what a registry answers."""

from __future__ import annotations

import socket

import pytest

from homelab.ops.registry import RegistryError, digest_of, newest
from homelab.services.images import Image, newer_tag
from tests import build
from tests.containers.registry import digest, registry
from tests.household import Changes

OLD = f"sha256:{'0' * 64}"


def stack(*images: str) -> Changes:
    """A service with a container of each image."""
    parts: dict[str, Changes] = {f"p{i}": {"image": image} for i, image in enumerate(images)}
    parts["p0"] = {**parts["p0"], "port": 80}
    return {"services": {"app": {"host": "nas", "port": 8010, "containers": parts}}}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("postgres", ("docker.io", "library/postgres", "latest", "")),
        ("a/b:1", ("docker.io", "a/b", "1", "")),
        ("ghcr.io/a/b/c:1.2", ("ghcr.io", "a/b/c", "1.2", "")),
        ("localhost:5000/a", ("localhost:5000", "a", "latest", "")),
        (f"docker.io/library/redis:8@{OLD}", ("docker.io", "library/redis", "8", OLD)),
        (f"quay.io/a/b@{OLD}", ("quay.io", "a/b", "", OLD)),
    ],
)
def test_a_reference_has_a_registry_a_repository_a_tag_and_a_digest(
    text: str, parts: tuple[str, ...]
) -> None:
    image = Image.of(text)
    assert (image.registry, image.repository, image.tag, image.digest) == parts


@pytest.mark.parametrize(
    ("tag", "others", "newer"),
    [
        ("16-alpine", ["17", "17-alpine", "18-bookworm", "9-alpine"], "17-alpine"),
        ("2.9", ["2.10", "2.9", "2.8.1", "3"], "2.10"),
        ("v1.2.3", ["v1.2.3-rc1", "v1.10.0", "1.11.0"], "v1.10.0"),
        ("17", ["17", "16"], ""),
        ("latest", ["1", "2"], ""),
        ("1.0", ["20240101.1", "nightly-7"], ""),
    ],
)
def test_a_newer_tag_is_written_as_the_old_one(tag: str, others: list[str], newer: str) -> None:
    assert newer_tag(tag, others) == newer


@pytest.mark.parametrize("states_digest", [True, False])
def test_a_moved_tag_and_a_higher_version_are_shown_with_their_digests(
    *, states_digest: bool
) -> None:
    """Over the sign-in with a token, and over several pages of tags."""
    tags = {"a/b": ["1.9", "latest", "1.10", "nightly", "1.8"]}
    with registry(tags, states_digest=states_digest) as (address, requests):
        image = f"{address}/a/b:1.9@{OLD}"
        (found,) = newest(build.plan(stack(image)))
        (current,) = newest(build.plan(stack(f"{address}/a/b:latest@{digest('latest')}")))
    assert [*found.lines()] == [
        f"its tag has another image now: {address}/a/b:1.9@{digest('1.9')}",
        f"a higher version: {address}/a/b:1.10@{digest('1.10')}",
    ]
    assert found.place == "services.app.containers.p0.image"
    assert [*current.lines()] == []
    assert any("tags/list?from=4" in r for r in requests)


def test_an_image_that_two_containers_share_is_asked_for_once() -> None:
    with registry({"a/b": ["latest"]}) as (address, requests):
        image = f"{address}/a/b:latest@{OLD}"
        found = newest(build.plan(stack(image, image)))
    assert [f.place.rpartition(".")[0] for f in found] == [
        "services.app.containers.p0",
        "services.app.containers.p1",
    ]
    assert len([r for r in requests if r.startswith("HEAD")]) == 2  # without and with the token


def test_a_registry_that_fails_is_named_and_the_others_are_still_asked() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nobody = f"127.0.0.1:{closed.getsockname()[1]}"
        with registry({"a/b": ["1"]}) as (address, _):
            plan = build.plan(
                stack(
                    f"{nobody}/a/b:1@{OLD}",
                    f"{address}/a/c:1@{OLD}",
                    f"{address}/a/b:1@{digest('1')}",
                    f"{address}/a/b@{OLD}",
                )
            )
            unreachable, unknown, current, untagged = newest(plan)
    assert f"{nobody} does not answer" in unreachable.trouble
    assert "has no public image a/c:1 (404)" in unknown.trouble
    assert [*current.lines()] == []
    assert "no tag" in next(untagged.lines())


@pytest.mark.parametrize("realm", ["http://registry.example/token", "file:///etc/passwd"])
def test_a_registry_cannot_ask_for_a_token_without_https(realm: str) -> None:
    """The realm of its answer is any address; only https and this machine are used."""
    with (
        registry({"a/b": ["1"]}, tokens_at=realm) as (address, _),
        pytest.raises(RegistryError, match="without https"),
    ):
        digest_of(Image.of(f"{address}/a/b:1"))
