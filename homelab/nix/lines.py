"""Options of type `lines`: how generated lines combine with those of hand-written modules.

Derived options have priority 900, so a hand-written definition replaces them. For `lines` that
would be wrong: an owner who adds one firewall rule would remove all generated rules, including the
one for SSH. So generated lines are merged with the owner's, on the side where the owner's lines
take precedence. Only a text that makes no sense in parts is replaced as a whole.

This file lists every option of this type that homelab generates; `tests/tools` checks that.
"""

from __future__ import annotations

from collections.abc import Mapping

from homelab.nix.values import After, Attrs, Before, Comment, Force, Lines, Nix

AFTER = (
    # Rules of the firewall, polkit and udev: the owner's rules are evaluated first.
    "networking.firewall.extraInputRules",
    "networking.firewall.extraReversePathFilterRules",
    # sudo uses the last rule that matches, and these rules end by themselves.
    "security.sudo.extraConfig",
    "users.motd",
    # These tables isolate containers and VPN members; a hand-written one must not replace them.
    "networking.nftables.tables.*.content",
    "security.polkit.extraConfig",
    "services.udev.extraRules",
    # ssh and sshd use the first value of a setting, and a generated Match block would capture
    # lines after it.
    "programs.ssh.extraConfig",
    "services.openssh.extraConfig",
    # This text contains the auth proxy of an app; an owner's line must not remove it.
    "services.caddy.virtualHosts.*.extraConfig",
    "services.nginx.commonHttpConfig",
    "services.nginx.virtualHosts.*.extraConfig",
    "services.nginx.virtualHosts.*.locations.*.extraConfig",
    # The button that switches links; the owner's script runs first.
    "services.homepage-dashboard.customJS",
    # Commands before the start of units that nixpkgs defines.
    "systemd.services.*.preStart",
)
"""Generated lines come after the owner's (`mkAfter`)."""

BEFORE = (
    # journald uses the last value of a setting.
    "services.journald.extraConfig",
)
"""Generated lines come before the owner's (`mkBefore`)."""

WHOLE = (
    # Whole files that only homelab writes.
    "environment.etc.*.text",
    "sops.templates.*.content",
    # One address, on which the app listens.
    "services.kavita.settings.IpAddresses",
    # Scripts of units that homelab defines.
    "systemd.services.*.postStop",
    "systemd.services.*.script",
)
"""A hand-written definition replaces the generated text, as for options of other types."""

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
    """The same options, with `After` or `Before` around the text of `AFTER` and `BEFORE`."""
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
            out[key] = rule(Lines(value) if isinstance(value, str) and "\n" in value else value)
    return out


def is_decided(path: tuple[str, ...]) -> bool:
    """Whether this file lists the option at this path."""
    return any(_matches(known.split("."), path) for known in (*AFTER, *BEFORE, *WHOLE))


def _matches(known: list[str], path: tuple[str, ...]) -> bool:
    return len(known) == len(path) and all(k in ("*", p) for k, p in zip(known, path, strict=True))
