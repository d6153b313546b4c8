"""Every file of an ejected homelab."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from homelab.deploy.model import Release
from homelab.eject.flake import HostFlake, whole_flake, whole_lock
from homelab.eject.readme import readme
from homelab.plan import Plan
from homelab.render import HEAD
from homelab.secrets.readers import readers_of
from homelab.secrets.sops_nix import tree_path

HEAD_NOW = "Written by homelab when its owner left it. It is yours to edit."
_FLAKE = ("flake.nix", "flake.lock")


def ejected_files(
    plan: Plan,
    releases: Mapping[str, Release],
    hosts: Sequence[HostFlake],
    sources: Mapping[str, str | bytes],
    clouds: Sequence[str],
) -> dict[str, str | bytes]:
    """The files by path. The trees of the hosts are those of their releases, but for the head
    comments and the flake, which all hosts share.
    """
    files: dict[str, str | bytes] = {
        "flake.nix": whole_flake(plan, hosts, HEAD_NOW, _libraries(releases)),
        "flake.lock": whole_lock(plan, hosts, sources),
        "README.md": readme(plan, releases, clouds),
        ".sops.yaml": _rules(plan),
    }
    deployer = sources.get(plan.secrets.file)
    if deployer is not None:
        files[plan.secrets.file] = deployer
    for name, release in sorted(releases.items()):
        for path, content in release.files:
            if path not in _FLAKE:
                files[f"hosts/{name}/{path}"] = _owned(content)
    return dict(sorted(files.items()))


def _libraries(releases: Mapping[str, Release]) -> dict[str, str]:
    """Modules with options of homelab's own, which hold for any host, by name: `homelab-backup`."""
    found: dict[str, str] = {}
    for host, release in sorted(releases.items()):
        for path, content in release.files:
            name = re.fullmatch(r"lib/([a-z-]+)\.nix", path)
            if name and isinstance(content, str) and "options.homelab." in content:
                found.setdefault(f"homelab-{name[1]}", f"hosts/{host}/{path}")
    return dict(sorted(found.items()))


def _owned(content: str | bytes) -> str | bytes:
    if isinstance(content, str) and content.startswith(f"# {HEAD}\n"):
        return f"# {HEAD_NOW}\n{content.partition(chr(10))[2]}"
    return content


def _rules(plan: Plan) -> str:
    """Who may decrypt the sops files at their new places."""
    readers = readers_of(plan)
    rules: dict[str, list[str]] = {}
    for host in plan.hosts:
        for secret in plan.secrets.stored_on(host):
            path, place = tree_path(plan, host, secret.key)
            if readers[path].is_known:
                rules[f"hosts/{host}/{place}"] = [*readers[path].recipients]
    if readers[plan.secrets.file].is_known:
        rules[plan.secrets.file] = [*readers[plan.secrets.file].recipients]
    made = [{"path_regex": f"^{re.escape(path)}$", "age": age} for path, age in rules.items()]
    return yaml.safe_dump({"creation_rules": made}, sort_keys=False, width=200)
