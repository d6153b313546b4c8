"""Ways out of problems with certificates."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import IDENTITY, draw

DESEC: Changes = {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}}}
INTERNAL: Changes = {"provider": "internal", "root": "ca/root.crt", "key": {"sops": "ca/key"}}
BUNDLE = "/etc/ssl/certs/ca-bundle.crt"
BARE: Changes = {"cloudflare": None, "services": {"gatus": {"host": "pi"}}}


def acme(said: Changes | None) -> Changes:
    return {"network": {"entry": {"acme": said}}}


WAYS = (
    WayOut("certificate-issuer", BARE, acme(INTERNAL)),
    WayOut("certificate-issuer", BARE, acme(DESEC)),
    WayOut(
        "certificate-issuer",
        BARE,
        {
            "cloudflare": {
                "account": "0" * 32,
                "zone": {"name": "example.org", "id": "1" * 32},
                "token": {"sops": "cloudflare/token"},
            }
        },
        asked={"example.org": "name: …", "0" * 32: "account: …", "1" * 32: "id: …"},
    ),
    WayOut(
        "authority-page",
        {**acme(INTERNAL), "cloudflare": None, "services": {"gatus": {"host": "pi", "name": "ca"}}},
        {"services": {"gatus": {"name": "status"}}},
        asked={"status": "give gatus another name"},
    ),
    WayOut(
        "authority-container",
        {
            **acme(INTERNAL),
            "cloudflare": None,
            **IDENTITY,
            **draw(auth="oidc", oidc={"redirects": ["/cb"]}, backup={"skip": "keeps nothing"}),
        },
        {
            "services": {
                "draw": {
                    "container": {
                        "mounts": [{"source": BUNDLE, "target": BUNDLE, "read_only": True}],
                        "environment": {"SSL_CERT_FILE": BUNDLE},
                    }
                }
            }
        },
    ),
    WayOut(
        "acme-token-unused",
        {**acme(DESEC), "cloudflare": {"acme": {"until": "2030-01-01"}}},
        {"cloudflare": {"acme": {"until": None}}},
    ),
    WayOut(
        "acme-token-unused",
        {**acme(DESEC), "cloudflare": {"acme": {"allow_from": ["192.0.2.1/32"]}}},
        acme(None),
    ),
)
