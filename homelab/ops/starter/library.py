"""How the running homelab was installed, as a requirement that another project can have."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution

from homelab.plaintext import UnreadableError, json_data, mapping

NAME = "homelab"


def running_library() -> str:
    """The requirement (PEP 508) of the library that runs.

    From `direct_url.json` of the installation (PEP 610): a Git repository at its commit, an archive
    or a directory. Without it, the version from a package index.
    """
    try:
        found = distribution(NAME)
        told = found.read_text("direct_url.json")
    except PackageNotFoundError:
        return NAME
    try:
        origin = mapping(json_data(told or ""))
    except UnreadableError:
        return f"{NAME}=={found.version}"
    url, vcs = origin.get("url"), mapping(origin.get("vcs_info"))
    if not isinstance(url, str):
        return f"{NAME}=={found.version}"
    if vcs:
        return f"{NAME} @ {vcs.get('vcs', 'git')}+{url}@{vcs.get('commit_id')}"
    return f"{NAME} @ {url}"
