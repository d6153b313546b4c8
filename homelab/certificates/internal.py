"""The internal certificate authority: every host trusts its root certificate, and the entry host
signs with its key and serves the root certificate.

It is not a network service: a unit signs certificates that are missing or about to expire.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from importlib import resources

from homelab.certificates.model import AUTHORITY_KEY, PAGE_PORT, ROOT, SIGNER
from homelab.certificates.page import page
from homelab.hardening.baseline import sandbox
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Comment, Module, Nix, Path, Pkg, Raw, Script, attrs, merge
from homelab.plan import Plan
from homelab.secret_paths import referred_path
from homelab.services.unit import reported
from homelab.system.model import Host

_SIGN_FILE = "lib/issue-certificates.sh"
_SIGN = (resources.files("homelab.certificates") / "issue.sh").read_text(encoding="utf-8")
BUNDLE = "/etc/ssl/certs/ca-bundle.crt"
_DIRECTORY = ROOT.rpartition("/")[0]
_TRUSTED = ("NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")
"""How programs that bring authorities of their own are told of the system's."""


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """`trust.nix` on every host, and `certificates.nix` on the one that signs."""
    if plan.certificates.kind != "internal" or not host.is_nixos:
        return
    variables: Attrs = dict.fromkeys(_TRUSTED, BUNDLE)
    yield Module(
        "trust.nix",
        "Trust the internal certificate authority, which signs the internal names",
        derived=merge(
            attrs("security.pki.certificateFiles", [Path(ROOT)]),
            attrs(
                "systemd.globalEnvironment",
                Comment("Some programs use their own list of authorities by default.", variables),
            ),
        ),
        shared=True,
    )
    signed = [c for c in plan.certificates.certificates if c.host == host.name]
    if not signed:
        return
    proxy = f"{plan.stack.network.entry.proxy}.service"
    words = (plan.stack.network.entry.proxy, proxy, plan.certificates.directory)
    calls = "".join(f"vouch {shlex.join((c.domain, f'*.{c.domain}', *c.names))}\n" for c in signed)
    root = Raw(f"./{ROOT}")
    script = Script.of(
        ". ", Raw(f"./{_SIGN_FILE}"), "\nsign ", root, f" {shlex.join(words)}\n{calls}tell\n"
    )
    yield Module(
        "certificates.nix",
        "Certificates of the internal authority, and the page with its root certificate",
        derived=merge(
            attrs(f"systemd.services.{SIGNER}", _unit(plan, proxy, script)),
            attrs(
                f"systemd.services.{SIGNER}-renew",
                {
                    "description": "Renew certificates that expire within a month",
                    "startAt": "daily",
                    "script": f"systemctl restart {SIGNER}.service",
                    "serviceConfig": {
                        "Type": "oneshot",
                        "PrivateNetwork": True,
                        # Only root may restart the unit.
                        **sandbox("capability-bounding-set"),
                    },
                },
            ),
            attrs(f"systemd.timers.{SIGNER}-renew.timerConfig.Persistent", True),
            attrs(
                "services.static-web-server",
                {
                    "enable": True,
                    "listen": f"{LOOPBACK}:{PAGE_PORT}",
                    "root": Path(_DIRECTORY),
                },
            ),
        ),
        extra=(
            (_SIGN_FILE, _SIGN),
            (f"{_DIRECTORY}/index.html", page(plan.certificates.page, plan.stack.site.domain)),
        ),
    )


def _unit(plan: Plan, proxy: str, script: Nix) -> Attrs:
    issuer = plan.stack.network.entry.acme
    key = referred_path(issuer.key if issuer else None, *AUTHORITY_KEY)
    return {
        "description": "Sign certificates that are missing or expire within a month",
        "before": [proxy],
        "wantedBy": [proxy, "multi-user.target"],
        "path": [Pkg("openssl")],
        "script": script,
        **reported(plan, plan.stack.network.entry.host),
        "serviceConfig": {
            "Type": "oneshot",
            "RemainAfterExit": Comment("A switch restarts it if the names change.", True),
            "LoadCredential": [f"key:{key}"],
            "StateDirectory": plan.certificates.directory.rpartition("/")[2],
            # The proxy enters the directory, and reads the files of its group.
            "StateDirectoryMode": "0711",
            "CapabilityBoundingSet": Comment("For chgrp to the proxy's group.", ["CAP_CHOWN"]),
            "NoNewPrivileges": True,
            "PrivateNetwork": Comment("The process with the key has no network.", True),
            "PrivateTmp": True,
            "ProtectHome": True,
            "ProtectSystem": "strict",
        },
    }
