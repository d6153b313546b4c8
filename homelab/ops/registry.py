"""Ask registries of container images: the digest of a tag, and the tags of a repository.

The interface is that of the OCI distribution specification, with the token sign-in of Docker.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message

from homelab.plaintext import json_data, mapping
from homelab.plan import Plan
from homelab.problems import HomelabError
from homelab.services.images import DIGEST, HUB, Found, Image, UsedImage, images_of, newer_tag

TIMEOUT = 20
_HUB_API = "registry-1.docker.io"
_LARGEST = 8 * 1024 * 1024
_PAGES = 10
"""Pages of tags that are read at most, of a thousand tags each."""
_OCI = "application/vnd.oci.image"
_DOCKER = "application/vnd.docker.distribution.manifest"
_MANIFESTS = (
    f"{_OCI}.index.v1+json, {_DOCKER}.list.v2+json, {_OCI}.manifest.v1+json, {_DOCKER}.v2+json"
)
_PARAMETER = re.compile(r'(realm|service|scope)="([^"]*)"')
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


class RegistryError(HomelabError):
    """A registry gave no answer, or refused."""


def newest(plan: Plan, report: Callable[[str], None] = lambda _: None) -> tuple[Found, ...]:
    """What the registries say about every image of a stack. A failure of one is in its result."""
    asked: dict[Image, Found] = {}
    for used in images_of(plan):
        if used.image not in asked:
            report(f"asking {used.image.registry} for {used.image.repository}")
            asked[used.image] = _found(used)
    return tuple(
        Found(used.place, used.image, found.digest, found.newer, found.trouble)
        for used in images_of(plan)
        for found in (asked[used.image],)
    )


def _found(used: UsedImage) -> Found:
    image = used.image
    if not image.tag:
        return Found(used.place, image)
    try:
        digest = digest_of(image)
        tag = newer_tag(image.tag, tags_of(image))
        if not tag:
            return Found(used.place, image, digest)
        higher = Image(image.registry, image.repository, tag, "")
        newer = Image(image.registry, image.repository, tag, digest_of(higher))
    except RegistryError as error:
        return Found(used.place, image, trouble=str(error))
    return Found(used.place, image, digest, newer)


def digest_of(image: Image) -> str:
    """The digest that a tag has now. Raises RegistryError."""
    path = f"{image.repository}/manifests/{image.tag}"
    headers, body = _ask(image, path, "HEAD", _MANIFESTS)
    stated = headers.get("Docker-Content-Digest", "")
    if not stated:
        headers, body = _ask(image, path, "GET", _MANIFESTS)
        stated = f"sha256:{hashlib.sha256(body).hexdigest()}"
    if not DIGEST.fullmatch(stated):
        raise RegistryError(f"{image.registry} answered with a digest that is no SHA-256")
    return stated


def tags_of(image: Image) -> Iterator[str]:
    """The tags of an image's repository. Raises RegistryError."""
    path = f"{image.repository}/tags/list?n=1000"
    for _ in range(_PAGES):
        headers, body = _ask(image, path, "GET", "application/json")
        try:
            listed = mapping(json_data(body)).get("tags")
        except ValueError as error:
            raise RegistryError(f"{image.registry} answered with text that is no JSON") from error
        yield from (
            (tag for tag in listed or () if isinstance(tag, str))
            if isinstance(listed, list)
            else ()
        )
        following = _NEXT.search(headers.get("Link", ""))
        if following is None:
            return
        # Only the query is followed: the page is of the same repository.
        query = urllib.parse.urlsplit(following[1]).query
        path = f"{image.repository}/tags/list?{query}"


def _ask(image: Image, path: str, method: str, accept: str) -> tuple[Message, bytes]:
    url = f"{_address(image.registry)}/v2/{path}"
    try:
        return _send(url, method, accept, "")
    except urllib.error.HTTPError as error:
        challenge = error.headers.get("WWW-Authenticate", "")
        if error.code != 401 or not challenge.lower().startswith("bearer "):
            raise _refused(image, error) from error
    token = _token(image, challenge)
    try:
        return _send(url, method, accept, token)
    except urllib.error.HTTPError as error:
        raise _refused(image, error) from error


def _token(image: Image, challenge: str) -> str:
    """An anonymous token from the service that a registry names."""
    stated = dict(_PARAMETER.findall(challenge))
    realm = stated.pop("realm", "")
    parts = urllib.parse.urlsplit(realm)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_here(parts.hostname or "")):
        raise RegistryError(f"{image.registry} wants a token from an address without https")
    try:
        _, body = _send(f"{realm}?{urllib.parse.urlencode(stated)}", "GET", "application/json", "")
        answer = mapping(json_data(body))
    except (urllib.error.HTTPError, ValueError) as error:
        raise RegistryError(f"{image.registry} gives no token for {image.repository}") from error
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[\x21-\x7e]+", token):
        raise RegistryError(f"{image.registry} gives no token for {image.repository}")
    return token


def _send(url: str, method: str, accept: str, token: str) -> tuple[Message, bytes]:
    request = urllib.request.Request(url, method=method, headers={"Accept": accept})  # noqa: S310
    if token:
        # The token is not for the host to which an answer redirects.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return answer.headers, answer.read(_LARGEST)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        host = urllib.parse.urlsplit(url).netloc
        raise RegistryError(f"{host} does not answer: {error}") from error


def _refused(image: Image, error: urllib.error.HTTPError) -> RegistryError:
    if error.code in (401, 403, 404):
        return RegistryError(
            f"{image.registry} has no public image {image.repository}:{image.tag} ({error.code})"
        )
    if error.code == 429:
        return RegistryError(f"{image.registry} has had too many requests; ask again later")
    return RegistryError(f"{image.registry} answered with {error.code} for {image.name}")


def _address(registry: str) -> str:
    """The address of a registry: with http on this machine, as Docker and Podman have it."""
    host = _HUB_API if registry == HUB else registry
    return f"{'http' if _is_here(host.rpartition(':')[0] or host) else 'https'}://{host}"


def _is_here(host: str) -> bool:
    return host == "localhost" or bool(re.fullmatch(r"127(\.[0-9]{1,3}){3}", host))


def as_data(found: tuple[Found, ...]) -> str:
    """The results as JSON."""
    return json.dumps(
        [
            {
                "place": f.place,
                "image": str(f.image),
                "digest": f.digest,
                "newer": str(f.newer) if f.newer else None,
                "error": f.trouble or None,
            }
            for f in found
        ],
        indent=2,
    )
