"""Options whose text is lines, which modules write together: what becomes of ours beside theirs.

What is derived stands at priority 900 and yields to a hand-written module. For lines that would be
wrong: somebody who adds one firewall rule would throw away all of ours, the one that lets SSH in
among them. So ours join, on the side where an owner's line still has the last word. Only a text
that is ours as a whole yields as a whole, because half of it and half of another means nothing.

Every option of this type that we derive is named here; `tests/tools` keeps it so.
"""

from __future__ import annotations

from collections.abc import Mapping

from homelab.nix.values import After, Attrs, Before, Comment, Force, Nix

AFTER = (
    # Rules of a firewall, of polkit and of udev: theirs are asked first, none of ours is lost.
    "networking.firewall.extraInputRules",
    "networking.firewall.extraReversePathFilterRules",
    # Tables of ours keep containers and VPN members in: nobody replaces one unseen.
    "networking.nftables.tables.*.content",
    "security.polkit.extraConfig",
    "services.udev.extraRules",
    # To ssh and sshd the first value of a setting holds, and our Match blocks end where they stand.
    "programs.ssh.extraConfig",
    "services.openssh.extraConfig",
    # A gate in front of an app is such text: one line of theirs does not take it away.
    "services.caddy.virtualHosts.*.extraConfig",
    "services.nginx.commonHttpConfig",
    "services.nginx.virtualHosts.*.extraConfig",
    "services.nginx.virtualHosts.*.locations.*.extraConfig",
    # Steps before a unit that upstream describes.
    "systemd.services.*.preStart",
)
"""Ours follow theirs."""

BEFORE = (
    # To journald the last value of a setting holds.
    "services.journald.extraConfig",
)
"""Theirs follow ours."""

WHOLE = (
    # One file each, whose only writer we are.
    "environment.etc.*.text",
    "sops.templates.*.content",
    # The body of a unit that we describe.
    "systemd.services.*.postStop",
    "systemd.services.*.script",
)
"""Ours yield, as any other value does."""

_Trie = dict[str, "type[After | Before] | _Trie"]


def _trie() -> _Trie:
    root: _Trie = {}
    for order, paths in ((After, AFTER), (Before, BEFORE)):
        for path in paths:
            *above, last = path.split(".")
            node = root
            for key in above:
                below = node.setdefault(key, {})
                assert isinstance(below, dict)
                node = below
            node[last] = order
    return root


_SHARED = _trie()


def joined(tree: Mapping[str, Nix]) -> Attrs:
    """The same options, with the lines that several modules write made to join."""
    return _joined(tree, _SHARED)


def _joined(tree: Mapping[str, Nix], known: _Trie) -> Attrs:
    out: Attrs = {}
    for key, value in tree.items():
        rule = known.get(key, known.get("*"))
        if isinstance(rule, dict) and isinstance(value, Mapping):
            out[key] = _joined(value, rule)
        elif rule is None or isinstance(rule, dict) or isinstance(value, After | Before | Force):
            out[key] = value
        elif isinstance(value, Comment):
            out[key] = Comment(value.text, rule(value.value))
        else:
            out[key] = rule(value)
    return out


def is_decided(path: tuple[str, ...]) -> bool:
    """Whether it is written here what becomes of our lines at this path."""
    return any(_matches(known.split("."), path) for known in (*AFTER, *BEFORE, *WHOLE))


def _matches(known: list[str], path: tuple[str, ...]) -> bool:
    return len(known) == len(path) and all(k in ("*", p) for k, p in zip(known, path, strict=True))
