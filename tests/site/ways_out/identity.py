"""Ways out of problems with sign-in and access rules."""

from __future__ import annotations

from homelab import testing
from tests import build
from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.parts import IDENTITY, TUNNEL, draw


def both(*changes: Changes) -> Changes:
    return testing.merged(*changes)


def navidrome(**config: object) -> Changes:
    return {"services": {"navidrome": {"host": "nas", **config}}}


def identity(**said: object) -> Changes:
    return {"identity": said}


def gated(*rules: Changes, **route: object) -> Changes:
    """Music behind the auth proxy, with these rules."""
    routes = [{"name": "music", "exempt": [], **route}]
    return both(IDENTITY, navidrome(routes=routes), identity(rules=[*rules]))


def rules(*said: Changes) -> Changes:
    return identity(rules=[*said])


def routed(**route: object) -> Changes:
    return {"services": {"navidrome": {"routes": [{"name": "music", "exempt": [], **route}]}}}


def news(**route: object) -> Changes:
    """Miniflux for a group, with its own sign-in, our provider, or no provider of ours."""
    known = {"name": "news", "audience": "family", "groups": ["admins"]}
    return both(
        IDENTITY, {"services": {"miniflux": {"host": "nas", "routes": [{**known, **route}]}}}
    )


def rule(priority: int, policy: str, **more: object) -> Changes:
    return {"priority": priority, "route": "music", "policy": policy, **more}


ASKS = draw(auth="oidc", oidc={"redirects": ["/cb"]}, backup={"skip": "keeps nothing"})


def asking(**oidc: object) -> Changes:
    return {"services": {"draw": {"oidc": oidc}}}


OLD: Changes = {
    "nixpkgs": {"default": {"release": "25.05", "url": "github:NixOS/nixpkgs/nixos-25.05"}}
}
TODO: Changes = both(IDENTITY, OLD, {"services": {"vikunja": {"host": "nas", "auth": "oidc"}}})

PUBLIC = both(
    TUNNEL,
    IDENTITY,
    ASKS,
    {
        "services": {
            "draw": {"publish": "tunnel", "audience": "family"},
            "authelia": {"publish": "tunnel"},
        }
    },
)
KEY = identity(api_key={"sops": "pocket-id/api-key"})
POCKET = identity(host="pi", provider="pocket-id", users=None)
EXTERNAL = identity(
    host="pi",
    provider="external",
    users=None,
    issuer="https://id.example.org/realms/home",
    client={"client_id": "homelab"},
)
AT_KANIDM = both(
    EXTERNAL, identity(issuer="https://idm.example.org/oauth2/openid/{client}", kanidm="nas")
)
PIN = {"url": build.URL, "lock": "locks/nixos-25.05.lock"}
LDAP = {"kind": "openldap", "base_dn": "dc=home,dc=example,dc=org"}
FLAT = {
    "site": {"names": {"internal": "{name}.lan"}},
    "network": {
        "entry": {
            "acme": {"provider": "desec", "credentials": {"DESEC_TOKEN": {"sops": "acme/desec"}}}
        }
    },
    "cloudflare": None,
}

FORUM: Changes = {
    "ports": {"web": 8300},
    "state": ["/var/lib/forum"],
    "options": {"services.forum.listen": {"$text": "{bind}:{port}"}},
}
"""Facts of a service of an owner."""

WAYS = (
    WayOut("route-idp-present", navidrome(), IDENTITY),
    WayOut("route-idp-present", navidrome(), navidrome(auth="native")),
    WayOut(
        "route-idp-present", both(navidrome(), IDENTITY, identity(host="nas")), identity(host="pi")
    ),
    WayOut(
        "portal-reachable",
        both(TUNNEL, IDENTITY, navidrome(publish="tunnel")),
        {"services": {"authelia": {"publish": "tunnel"}}},
    ),
    WayOut(
        "portal-reachable",
        both(TUNNEL, IDENTITY, navidrome(publish="tunnel")),
        navidrome(publish="internal"),
    ),
    WayOut(
        "portal-reachable",
        PUBLIC,
        {"services": {"authelia": {"public": "who asks is not known yet"}}},
    ),
    WayOut("portal-reachable", PUBLIC, {"services": {"draw": {"auth": "forward", "oidc": None}}}),
    WayOut("oidc-capable", both(IDENTITY, navidrome(auth="oidc")), navidrome(auth="forward")),
    WayOut(
        "oidc-capable",
        TODO,
        {"services": {"vikunja": {"auth": "native"}}},
    ),
    WayOut(
        "oidc-capable",
        TODO,
        {"nixpkgs": {"default": {"release": "25.11", "url": "github:NixOS/nixpkgs/nixos-25.11"}}},
    ),
    WayOut(
        "oidc-capable",
        both(
            IDENTITY,
            {"services": {"modem": {"external": {"address": "192.168.1.9", "port": 80}}}},
            {"services": {"modem": {"audience": "family", "auth": "oidc"}}},
        ),
        {"services": {"modem": {"auth": "forward"}}},
        where="services.modem",
    ),
    WayOut(
        "oidc-capable",
        both(IDENTITY, {"services": {"forum": {"host": "pi", "auth": "oidc", "module": FORUM}}}),
        {
            "services": {
                "forum": {
                    "module": {"sign_in": {"kinds": ["oidc"], "oidc": {"redirects": ["/callback"]}}}
                }
            }
        },
        where="services.forum",
        asked={"/callback": "redirects: [/…]"},
    ),
    WayOut(
        "oidc-capable",
        both(IDENTITY, draw(auth="oidc", backup={"skip": "keeps nothing"})),
        {"services": {"draw": {"oidc": {"redirects": ["/cb"]}}}},
        asked={"/cb": "redirects: [/…]"},
    ),
    WayOut(
        "identity-capability",
        both(POCKET, ASKS, KEY, {"services": {"draw": {"name": "gate"}}}),
        {"services": {"draw": {"name": "drawing"}}},
        asked={"drawing": "another name"},
    ),
    WayOut(
        "identity-capability",
        POCKET,
        identity(api_key={"sops": "pocket-id/api-key"}),
    ),
    WayOut(
        "identity-capability",
        both(EXTERNAL, navidrome(routes=[{"name": "music", "policy": "two_factor"}])),
        routed(policy=None),
    ),
    WayOut(
        "identity-capability",
        both(EXTERNAL, news(auth="oidc"), {"identity": {"users": None}}),
        {"services": {"miniflux": {"routes": [{"name": "news", "audience": "family"}]}}},
    ),
    WayOut(
        "portal-reachable",
        both(
            TUNNEL,
            EXTERNAL,
            identity(issuer="https://draw.home.example.org"),
            draw(auth="native", backup={"skip": "keeps nothing"}),
            navidrome(publish="tunnel"),
        ),
        navidrome(publish="internal"),
    ),
    WayOut(
        "identity-capability",
        both(
            AT_KANIDM,
            {
                "nixpkgs": {"old": {**PIN, "release": "25.05"}},
                "hosts": {"nas": {"nixpkgs": "old"}},
            },
        ),
        identity(kanidm=None),
    ),
    WayOut(
        "identity-capability",
        both(AT_KANIDM, ASKS, asking(client_id="family")),
        asking(client_id="drawing"),
        asked={"drawing": "another id"},
    ),
    WayOut(
        "oidc-client",
        both(AT_KANIDM, ASKS, asking(client_secret={"sops": "a/b"})),
        asking(client_secret=None),
    ),
    WayOut(
        "oidc-client",
        both(IDENTITY, ASKS, asking(client_id="drawing")),
        asking(client_id=None),
    ),
    WayOut(
        "oidc-client",
        both(EXTERNAL, ASKS, asking(client_id="drawing"), draw(auth="forward")),
        {"services": {"draw": {"auth": "oidc"}}},
    ),
    WayOut(
        "oidc-client",
        both(IDENTITY, ASKS, draw(auth="forward")),
        {"services": {"draw": {"oidc": None}}},
        says="auth: forward",
    ),
    WayOut(
        "oidc-client",
        both(EXTERNAL, ASKS, asking(public=True, client_secret={"sops": "a/b"})),
        asking(client_secret=None),
    ),
    WayOut(
        "oidc-endpoint",
        both(EXTERNAL, {"services": {"grafana": {"host": "nas", "auth": "oidc"}}}),
        identity(
            endpoints={
                "authorization_endpoint": "https://id.example.org/authorize",
                "token_endpoint": "https://id.example.org/token",
                "userinfo_endpoint": "https://id.example.org/userinfo",
            }
        ),
    ),
    WayOut(
        "oidc-scope",
        both(IDENTITY, ASKS, asking(scopes=["openid", "ofline_access"])),
        asking(scopes=["openid", "offline_access"]),
    ),
    WayOut(
        "oidc-scope",
        both(IDENTITY, ASKS, asking(scopes=["openid", "roles"])),
        identity(scopes={"roles": ["groups"]}),
        asked={"groups": "identity.scopes: {roles: […]}"},
    ),
    WayOut(
        "oidc-scope",
        both(IDENTITY, ASKS, asking(scopes=["openid", "email"], id_token=["emial"])),
        asking(id_token=["email"]),
    ),
    WayOut(
        "oidc-scope",
        both(
            IDENTITY,
            ASKS,
            asking(scopes=["openid", "email"], id_token=["is_admin"]),
            identity(claims={"is_admin": "username"}),
        ),
        both(asking(id_token=["email"]), identity(claims=None)),
        where="identity",
        beside=("oidc-scope",),
    ),
    WayOut(
        "oidc-scope",
        both(
            IDENTITY,
            ASKS,
            asking(scopes=["openid", "roles"]),
            identity(scopes={"roles": ["is_admn"]}, claims={"is_admin": "username"}),
        ),
        identity(scopes={"roles": ["is_admin"]}),
        where="identity.scopes.roles",
        beside=("oidc-scope",),
    ),
    WayOut(
        "oidc-scope",
        both(IDENTITY, ASKS, identity(scopes={"roles": ["groups"]})),
        identity(scopes=None),
    ),
    WayOut(
        "oidc-scope",
        both(IDENTITY, ASKS, identity(claims={"is_admin": "username"})),
        identity(claims=None),
    ),
    WayOut(
        "cookie-domain",
        both(FLAT, IDENTITY, navidrome()),
        {"site": {"names": {"internal": "{name}.home.example.org"}}},
    ),
    WayOut(
        "cookie-domain",
        both(IDENTITY, navidrome(), {"site": {"names": {"internal": "at.{name}.example.org"}}}),
        {"site": {"names": {"internal": "{name}.home.example.org"}}},
    ),
    WayOut("group-known", gated(groups=["famly"]), routed(groups=["family"])),
    WayOut(
        "directory-members",
        both(IDENTITY, identity(users=None, directory={**LDAP, "members": {"famly": ["sam"]}})),
        identity(directory={"members": {"famly": None, "family": ["sam"]}}),
    ),
    WayOut(
        "directory-members",
        both(IDENTITY, identity(users=None, directory={**LDAP, "members": {"family": ["sma"]}})),
        identity(directory={"members": {"family": ["sam"]}}),
    ),
    WayOut("audience-auth", both(IDENTITY, navidrome(auth="none")), navidrome(auth="forward")),
    WayOut("audience-auth", both(IDENTITY, navidrome(auth="none")), navidrome(auth="native")),
    WayOut(
        "audience-auth",
        both(TUNNEL, navidrome(auth="native", audience="operator", publish="tunnel")),
        navidrome(publish="internal"),
    ),
    WayOut(
        "audience-auth",
        both(TUNNEL, navidrome(auth="native", audience="operator", publish="tunnel")),
        navidrome(audience="family"),
    ),
    WayOut(
        "admin-two-factor",
        gated(audience="operator", auth="forward"),
        routed(audience="operator", auth="forward", policy="two_factor"),
    ),
    WayOut(
        "session-bounds",
        both(IDENTITY, identity(session={"inactivity": "2d"})),
        identity(session={"inactivity": "12h"}),
    ),
    WayOut(
        "session-bounds",
        both(IDENTITY, identity(session={"expiration": "90d"})),
        identity(session={"expiration": "30d"}),
        says="too long",
    ),
    WayOut(
        "session-bounds",
        both(IDENTITY, identity(session={"remember_me": "90d"})),
        identity(session={"remember_me": "30d"}),
    ),
    # --- what is said of a sign-in that nobody asks for ---------------------------------------
    WayOut(
        "sign-in-effect",
        gated(auth="native", audience="family", groups=["admins"]),
        routed(auth="forward", audience="family", groups=["admins"]),
    ),
    WayOut(
        "sign-in-effect",
        gated(auth="native", audience="family", policy="two_factor", groups=["admins"]),
        routed(auth="native", audience="family"),
    ),
    WayOut(
        "sign-in-effect",
        gated(auth="none", audience="operator", groups=["admins"]),
        routed(auth="forward", audience="operator", groups=["admins"]),
        warns=("admin-two-factor",),
    ),
    WayOut("sign-in-effect", news(auth="native"), news(auth="oidc")),
    WayOut(
        "sign-in-effect",
        news(auth="oidc", exempt=["/v1/*"]),
        news(auth="oidc"),
    ),
    WayOut(
        "sign-in-opened",
        gated(rule(1, "bypass"), audience="family"),
        rules(rule(1, "bypass", paths=["/rest/*"])),
        asked={"/rest/*": "name single paths: paths: [/…]"},
    ),
    WayOut("sign-in-opened", gated(rule(1, "bypass"), audience="family"), rules()),
    WayOut(
        "sign-in-opened",
        gated(rule(1, "bypass", resources=["^/."]), audience="family", exempt=["/"]),
        both(rules(), routed(audience="family", exempt=["/rest/*"])),
        where="identity",
        beside=("sign-in-opened",),
        asked={"/rest/*": "name single paths: exempt: [/…]"},
    ),
    # --- rules -------------------------------------------------------------------------------
    WayOut(
        "rule-route",
        gated({**rule(30, "two_factor"), "route": "musik"}),
        rules(rule(30, "two_factor")),
    ),
    WayOut(
        "rule-route",
        gated(rule(30, "deny", resources=["^/x"], groups=["admin"])),
        rules(rule(30, "deny", resources=["^/x"], groups=["admins"])),
    ),
    WayOut(
        "rule-text",
        gated(rule(10, "bypass", paths=["/x/*"], groups=["admins"])),
        rules(rule(10, "bypass", paths=["/x/*"])),
    ),
    WayOut(
        "rule-text",
        gated(rule(10, "bypass", paths=["/x/*"], users=["sam"])),
        rules(rule(50, "one_factor", paths=["/x/*"], users=["sam"])),
    ),
    WayOut(
        "rule-text",
        gated(rule(40, "deny", resources=["^/admin\\D"])),
        rules(rule(40, "deny", paths=["/admin/*"])),
    ),
    WayOut(
        "rule-text",
        gated(rule(40, "deny", resources=["^/(?=x)"])),
        rules(rule(40, "deny", paths=["/admin/*"])),
    ),
    WayOut(
        "rule-text",
        gated(rule(40, "deny", resources=["/api"])),
        rules(rule(40, "deny", resources=["^/api"])),
    ),
    WayOut(
        "rule-range",
        gated(rule(10, "two_factor", resources=["^/x"])),
        rules(rule(20, "two_factor", resources=["^/x"])),
    ),
    WayOut(
        "rule-shadowed",
        gated(rule(70, "two_factor", resources=["^/admin"])),
        rules(rule(40, "two_factor", resources=["^/admin"])),
        asked={"40": "a priority below 55"},
    ),
    WayOut("rule-shadowed", gated(rule(70, "two_factor", resources=["^/admin"])), rules()),
    WayOut(
        "rule-deny-pair",
        gated(rule(25, "two_factor", groups=["admins"])),
        rules(rule(25, "two_factor", groups=["admins"]), rule(26, "deny")),
    ),
)
