"""OpenID Connect: only the provider has the hash and only the app has the secret."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex

import pytest

from homelab.config.secrets import SecretsConfig
from homelab.ops.secrets.derive import derive, derive_secret, pbkdf2
from homelab.problems import InvalidStackError
from homelab.secrets.rotation import rotatable
from tests import build
from tests.household import Changes, household

MASTER = base64.b64encode(bytes(range(32))).decode()
NEWS: Changes = {"services": {"miniflux": {"host": "aurora", "name": "news", "auth": "oidc"}}}
IMAGE = "ghcr.io/example/app:1@sha256:" + "0" * 64


def custom(**more: object) -> Changes:
    return {
        "services": {
            "draw": {
                "host": "aurora",
                "audience": "family",
                "auth": "oidc",
                "container": {"image": IMAGE, "port": 80},
                "backup": {"skip": "it keeps nothing"},
                **more,
            }
        }
    }


@pytest.mark.requirement("S0-27")
def test_auth_oidc_creates_a_client_and_configures_the_app() -> None:
    """Client, redirect URI, scopes and hash at the provider; issuer and secret at the app."""
    files = build.render(household(NEWS))
    provider, app = files["pi"]["identity.nix"], files["aurora"]["services/miniflux.nix"]
    for line in (
        'client_id = "news";',
        'client_name = "Miniflux";',
        'redirect_uris = [ "https://news.home.example.org/oauth2/oidc/callback" ];',
        'authorization_policy = "one_factor";',
        'client_secret = "{{ secret \\"/run/homelab/secrets/authelia-oidc-news\\" }}";',
        'oidcHmacSecretFile = "/run/homelab/secrets/authelia-oidc-hmac";',
        'oidcIssuerPrivateKeyFile = "/var/lib/authelia-main/oidc.pem";',
    ):
        assert line in provider, line
    for line in (
        'OAUTH2_CLIENT_ID = "news";',
        'OAUTH2_OIDC_DISCOVERY_ENDPOINT = "https://auth.home.example.org";',
        'EnvironmentFile = [\n      "/run/homelab/secrets/miniflux-oidc"\n    ];',
    ):
        assert line in app, line


@pytest.mark.requirement("S0-27")
def test_no_generated_text_contains_the_hash_or_the_secret() -> None:
    """Both are files on their hosts. Each host has only its own."""
    made = build.plan(household(NEWS))
    text = "".join(t for files in build.render(household(NEWS)).values() for t in files.values())
    assert "pbkdf2" not in text
    raw = next(s for s in made.secrets.on("aurora") if s.name == "miniflux-oidc")
    hashed = next(s for s in made.secrets.on("pi") if s.name == "authelia-oidc-news")
    assert derive(MASTER, raw.purpose) not in text
    assert (hashed.owner, hashed.units) == ("authelia-main", ("authelia-main.service",))
    assert raw.units == ("miniflux.service",)
    assert not [s.name for s in made.secrets.on("pi") if s.name == raw.name]


@pytest.mark.requirement("S0-27")
def test_the_hash_matches_the_secret_and_is_stable() -> None:
    """Authelia's format (PHC string). It is stable, so a preview shows no change."""
    made = build.plan(household(NEWS))
    raw = next(s for s in made.secrets.on("aurora") if s.name == "miniflux-oidc")
    hashed = next(s for s in made.secrets.on("pi") if s.name == "authelia-oidc-news")
    value = derive_secret(MASTER, raw).removeprefix("OAUTH2_CLIENT_SECRET=").strip()
    told = derive_secret(MASTER, hashed)
    parts = re.fullmatch(r"\$pbkdf2-sha512\$310000\$([A-Za-z0-9./]{22})\$([A-Za-z0-9./]{86})", told)
    assert parts, told
    salt, digest = (base64.b64decode(p.replace(".", "+") + "==") for p in parts.groups())
    assert hashlib.pbkdf2_hmac("sha512", value.encode(), salt, 310000) == digest
    assert pbkdf2.__wrapped__(value, derive(MASTER, f"{raw.purpose}/salt")) == told


@pytest.mark.requirement("S0-27")
def test_a_new_epoch_changes_hash_and_secret() -> None:
    """The service's epoch rotates it, as all its secrets."""
    raised: Changes = {"secrets": {"epochs": {"miniflux": 2}}}
    before, after = (
        {
            s.name: derive_secret(MASTER, s)
            for host in ("pi", "aurora")
            for s in build.plan(household(NEWS, more)).secrets.on(host)
            if "oidc" in s.name
        }
        for more in (Changes(), raised)
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"miniflux-oidc", "authelia-oidc-news"}


@pytest.mark.requirement("S0-27", "S0-76")
def test_the_secret_of_one_client_rotates_alone() -> None:
    """The client secret and its hash; no other secret of the app or of the provider."""
    raised: Changes = {"secrets": {"epochs": {"miniflux.oidc": 2}}}
    before, after = (
        {
            (s.host, s.name): (s.epoch, derive_secret(MASTER, s))
            for s in build.plan(household(NEWS, more)).secrets.secrets
            if s.source == "derived"
        }
        for more in (Changes(), raised)
    )
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {("aurora", "miniflux-oidc"), ("pi", "authelia-oidc-news")}
    both = rotatable(build.plan(household(NEWS)))["miniflux.oidc"]
    assert [(s.host, s.units) for s in both] == [
        ("aurora", ("miniflux.service",)),
        ("pi", ("authelia-main.service",)),
    ]


@pytest.mark.requirement("S0-76")
def test_raising_the_service_rotates_a_secret_with_an_epoch_of_its_own() -> None:
    epochs = SecretsConfig(epochs={"miniflux": 3, "miniflux.oidc": 2})
    assert [epochs.epoch("miniflux", n) for n in ("oidc", "admin")] == [4, 3]
    assert SecretsConfig().epoch("miniflux", "oidc") == 1


@pytest.mark.requirement("S0-76")
def test_a_hash_and_a_shared_password_have_no_epoch_of_their_own() -> None:
    """Raising them would change nothing: the app's epoch counts, and the directory's."""
    people: Changes = {"identity": {"users": None, "directory": {"base_dn": "dc=a"}}}
    keys = rotatable(build.plan(household(NEWS, people)))
    assert {"miniflux.oidc", "openldap.ldap", "authelia.jwt"} <= keys.keys()
    assert not {"authelia.oidc-news", "authelia.ldap"} & keys.keys()


@pytest.mark.requirement("S0-27")
def test_a_public_client_has_no_secret() -> None:
    """A program on people's devices cannot keep one: it proves each sign-in with PKCE."""
    oidc = {"redirects": ["/cb", "org.example.app:///callback"], "public": True}
    made = household(custom(oidc=oidc))
    text = build.render(made)["pi"]["identity.nix"]
    for line in ("public = true;", "require_pkce = true;", '"org.example.app:///callback"'):
        assert line in text, line
    assert 'token_endpoint_auth_method = "none";' in text
    assert "client_secret" not in text
    assert not [s.name for s in build.plan(made).secrets.secrets if s.name.endswith("oidc-draw")]
    assert not [s.name for s in build.plan(made).secrets.secrets if s.name == "draw-oidc"]


@pytest.mark.parametrize("more", [{"env": "SECRET"}, {"post": True}])
@pytest.mark.requirement("S0-27")
def test_a_public_client_with_a_secret_is_refused(more: Changes) -> None:
    with pytest.raises(InvalidStackError, match="a public client has no secret"):
        build.stack_config(custom(oidc={"redirects": ["/cb"], "public": True, **more}))


@pytest.mark.parametrize(
    "redirect",
    ["javascript:/x", "http://elsewhere.example/cb", "cb", "//x", "https://a b", "data:/x"],
)
@pytest.mark.requirement("S0-27")
def test_a_redirect_is_a_path_or_the_address_of_a_program(redirect: str) -> None:
    """Anybody could read a code that a plain-text address receives."""
    with pytest.raises(InvalidStackError, match="takes people back after a sign-in"):
        build.stack_config(custom(oidc={"redirects": [redirect]}))
    for good in ("http://localhost:8085/cb", "https://elsewhere.example/cb", "a.b:/cb"):
        build.stack_config(custom(oidc={"redirects": [good]}))


ROLES: Changes = {
    "identity": {
        "scopes": {"roles": ["is_admin", "groups"]},
        "claims": {"is_admin": '"admins" in groups'},
    }
}


@pytest.mark.requirement("S0-27")
def test_a_scope_of_the_stack_gives_computed_claims() -> None:
    """Only to the app that asks for it."""
    oidc = {"redirects": ["/cb"], "scopes": ["openid", "roles"], "id_token": ["is_admin"]}
    text = build.render(household(NEWS, ROLES, custom(oidc=oidc)))["pi"]["identity.nix"]
    assert 'expression = "\\"admins\\" in groups"' in text
    assert text.count("claims_policy = ") == 1
    assert 'is_admin.attribute = "homelab_is_admin"' in text
    assert "roles.claims = [" in text


@pytest.mark.parametrize("text", ["{{ env }}", "a\nb", " "])
@pytest.mark.requirement("S0-27")
def test_a_claim_is_an_expression_and_no_template(text: str) -> None:
    with pytest.raises(InvalidStackError, match="expression of one line"):
        build.stack_config({"identity": {"host": "pi", "claims": {"x": text}}})


@pytest.mark.requirement("S0-27", "S1-07")
def test_groups_of_a_route_become_a_policy_of_its_client() -> None:
    """The provider refuses users in none of the groups."""
    routes = [{"name": "news", "auth": "oidc", "groups": ["family"], "policy": "two_factor"}]
    changes = household({"services": {"miniflux": {"host": "aurora", "routes": routes}}})
    text = build.render(changes)["pi"]["identity.nix"]
    policy = text[text.index("authorization_policies") : text.index("clients = ")]
    assert 'default_policy = "deny";' in policy
    assert 'policy = "two_factor";' in policy
    assert '"group:family"' in policy
    assert 'authorization_policy = "news";' in text


@pytest.mark.requirement("S0-27")
def test_the_signing_key_is_created_on_the_host_before_the_provider_starts() -> None:
    files = build.render(household(NEWS))["pi"]
    assert 'requiredBy = [ "authelia-main.service" ];' in files["identity.nix"]
    assert "openssl genrsa" in files["lib/oidc-key.sh"]
    assert "lib/oidc-key.sh" not in build.render(household({}))["pi"]


@pytest.mark.requirement("S0-27", "S4-17")
def test_an_own_service_states_its_redirect_uri() -> None:
    oidc = {"redirects": ["/cb"], "env": "OIDC_SECRET", "scopes": ["openid", "offline-access"]}
    changes = household(custom(oidc={**oidc, "scopes": ["openid"], "post": True}))
    text = build.render(changes)["pi"]["identity.nix"]
    assert 'redirect_uris = [ "https://draw.home.example.org/cb" ];' in text
    assert 'token_endpoint_auth_method = "client_secret_post";' in text
    app = build.render(changes)["aurora"]["services/draw.nix"]
    assert 'environmentFiles = [ "/run/homelab/secrets/draw-oidc" ];' in app


MINE = {"oidc-capable", "identity-capability", "portal-reachable", "route-idp-present"}


@pytest.mark.parametrize(
    ("check", "changes", "words"),
    [
        (
            "oidc-capable",
            {"services": {"navidrome": {"host": "aurora", "auth": "oidc"}}},
            ["services.navidrome.auth", "no known OIDC support", "auth: forward"],
        ),
        (
            "oidc-capable",
            {
                "nixpkgs": {"default": {"release": "25.05"}},
                "services": {"vikunja": {"host": "aurora", "auth": "oidc"}},
            },
            [
                "services.vikunja.auth",
                "OpenID Connect of vikunja needs NixOS 25.11; aurora is pinned to 25.05",
                "write auth: native; or set nixpkgs.default.release",
            ],
        ),
        (
            "oidc-capable",
            custom(),
            ["services.draw.auth", "services.draw.oidc: {redirects: [/…]}"],
        ),
        (
            "route-idp-present",
            {**NEWS, "identity": None},
            ["services.miniflux.auth", "has auth: oidc", "homelab:identity"],
        ),
        (
            "portal-reachable",
            {"services": {"miniflux": {"host": "aurora", "auth": "oidc", "publish": "tunnel"}}},
            ["services.miniflux.publish", "the portal has only an internal name"],
        ),
        (
            "portal-reachable",
            {
                "services": {
                    "miniflux": {"host": "aurora", "auth": "oidc", "publish": "tunnel"},
                    "authelia": {"publish": "tunnel"},
                }
            },
            [
                "services.authelia.public",
                "miniflux connects to auth-home.example.org",
                "cannot pass Access",
            ],
        ),
        (
            "identity-capability",
            {
                "services": {"miniflux": {"host": "aurora", "name": "gate", "auth": "oidc"}},
                "identity": {"provider": "pocket-id", "users": None, "api_key": {"sops": "a/b"}},
            },
            ["services.miniflux.name", "the auth proxy has that id", "another name"],
        ),
        (
            "identity-capability",
            {"identity": {"provider": "pocket-id", "users": None}},
            [
                "identity.api_key",
                "pocket-id of NixOS 25.11 cannot take its API key",
                "api_key: {sops:",
            ],
        ),
    ],
)
@pytest.mark.requirement("S0-11", "S0-27", "S4-16", "T2")
def test_a_client_that_cannot_work_is_refused(
    check: str, changes: Changes, words: list[str]
) -> None:
    messages = [str(p) for p in build.problems(household(changes)) if p.check in MINE]
    assert messages
    assert all(m.startswith(words[0]) for m in messages), messages
    assert all(word in "\n".join(messages) for word in words), messages
    assert {p.check for p in build.problems(household(changes)) if p.check in MINE} == {check}


@pytest.mark.requirement("S0-27")
def test_a_correct_client_passes() -> None:
    assert [p for p in build.problems(household(NEWS)) if p.check in MINE] == []


@pytest.mark.requirement("S0-27")
def test_an_app_reaches_the_portal_with_any_resolver() -> None:
    """The resolver's own host uses other resolvers."""
    box: Changes = {"services": {"miniflux": {"host": "pi", "name": "news", "auth": "oidc"}}}
    text = build.render(household(box))["pi"]["portal.nix"]
    assert 'networking.hosts."192.168.1.2" = [ "auth.home.example.org" ];' in text
    assert "portal.nix" not in build.render(household({}))["pi"]


@pytest.mark.requirement("S0-27")
@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("paperless", "PAPERLESS_SOCIALACCOUNT_PROVIDERS"),
        ("tandoor-recipes", "SOCIALACCOUNT_PROVIDERS"),
    ],
)
def test_a_client_in_one_variable_is_whole_and_its_secret_is_in_no_file(
    name: str, variable: str
) -> None:
    """An app of Django reads issuer, client and secret as one JSON text: the host gets it as a
    secret, and the store has nothing of it.
    """
    stack = household({"services": {name: {"host": "aurora", "name": "papers", "auth": "oidc"}}})
    made = build.plan(stack)
    secret = next(s for s in made.secrets.on("aurora") if s.name == f"{name}-oidc")
    assert secret.units == (f"{made.service(name).units[0]}.service",)
    read, _, text = derive_secret(MASTER, secret).strip().partition("=")
    assert read == variable
    # systemd takes the quotes and the backslashes away, as a shell does.
    (app,) = json.loads(shlex.split(text)[0])["openid_connect"]["APPS"]
    assert app["client_id"] == "papers"
    assert app["secret"] == derive(MASTER, secret.purpose)
    assert app["settings"]["server_url"] == "https://auth.home.example.org"
    files = build.render(stack)
    everything = "".join(t for host in files.values() for t in host.values())
    assert app["secret"] not in everything
    assert f'"{secret.path}"' in files["aurora"][f"services/{name}.nix"]
    callback = f"https://papers.home.example.org/accounts/oidc/{app['provider_id']}/login/callback/"
    assert f'"{callback}"' in files["pi"]["identity.nix"]


def test_a_client_of_an_external_provider_is_in_its_variable_too() -> None:
    """sops-nix writes the text, and the sops file has the secret alone."""
    stack = household(
        {
            "identity": None,
            "services": {
                "paperless": {
                    "host": "aurora",
                    "auth": "oidc",
                    "oidc": {"client_id": "papers@home", "client_secret": {"sops": "sso/papers"}},
                }
            },
        },
        {
            "identity": {
                "host": "pi",
                "provider": "external",
                "issuer": "https://id.example.org/a",
                "client": {"client_id": "gate"},
            }
        },
    )
    text = build.render(stack)["aurora"]["secrets.nix"]
    assert '"client_id":"papers@home","secret":"${config.sops.placeholder.' in text
    assert '"server_url":"https://id.example.org/a"' in text


@pytest.mark.requirement("S0-27")
def test_vikunja_has_a_provider_whose_secret_its_variable_adds() -> None:
    """Its file in the store has the provider without the secret. The parts of the variable's name
    are the keys of the settings, and the last part of the redirect is the provider's key.
    """
    stack = household({"services": {"vikunja": {"host": "aurora", "name": "todo", "auth": "oidc"}}})
    text = build.render(stack)["aurora"]["services/vikunja.nix"]
    for line in (
        'authurl = "https://auth.home.example.org";',
        'clientid = "todo";',
        'scope = "openid profile email";',
        '"/run/homelab/secrets/vikunja-session"',
        '"/run/homelab/secrets/vikunja-oidc"',
    ):
        assert line in text, line
    assert "auth.openid = {\n          enabled = true;\n          providers.oidc = {" in text
    made = build.plan(stack)
    secret = next(s for s in made.secrets.on("aurora") if s.name == "vikunja-oidc")
    variable, _, value = derive_secret(MASTER, secret).strip().partition("=")
    keys = variable.removeprefix("VIKUNJA_").lower().split("_")
    assert keys == ["auth", "openid", "providers", "oidc", "clientsecret"]
    assert value not in text
    (client,) = [c for c in made.identity.clients if c.id == "todo"] if made.identity else []
    assert client.redirects == ("https://todo.home.example.org/auth/openid/oidc",)


@pytest.mark.requirement("S0-27")
def test_vaultwarden_signs_people_in_and_keeps_its_own_sessions() -> None:
    """The provider lets people in; the vault has its master password, and apps stay signed in."""
    stack = household({"services": {"vaultwarden": {"host": "aurora", "auth": "oidc"}}})
    files = build.render(stack)
    text = files["aurora"]["services/vaultwarden.nix"]
    for line in (
        "SSO_ENABLED = true;",
        'SSO_AUTHORITY = "https://auth.home.example.org";',
        'SSO_CLIENT_ID = "vaultwarden";',
        "SSO_AUTH_ONLY_NOT_SESSION = true;",
        'environmentFile = "/run/homelab/secrets/vaultwarden-admin";',
        'EnvironmentFile = [\n      "/run/homelab/secrets/vaultwarden-oidc"\n    ];',
    ):
        assert line in text, line
    made = build.plan(stack)
    secret = next(s for s in made.secrets.on("aurora") if s.name == "vaultwarden-oidc")
    assert derive_secret(MASTER, secret).startswith("SSO_CLIENT_SECRET=")
    callback = "https://vaultwarden.home.example.org/identity/connect/oidc-signin"
    assert f'"{callback}"' in files["pi"]["identity.nix"]
    native = {"services": {"vaultwarden": {"host": "aurora"}}}
    assert "SSO_" not in build.render(household(native))["aurora"]["services/vaultwarden.nix"]


@pytest.mark.requirement("S0-27")
@pytest.mark.parametrize(
    ("name", "method", "callback"),
    [
        ("memos", "client_secret_post", "/auth/callback"),
        ("beszel", "client_secret_basic", "/api/oauth2-redirect"),
        ("vikunja", "client_secret_basic", "/auth/openid/oidc"),
    ],
)
def test_a_client_proves_itself_as_its_app_does(name: str, method: str, callback: str) -> None:
    """Authelia refuses a secret in the body if the client has it in a header, and the reverse."""
    stack = household({"services": {name: {"host": "aurora", "name": "app", "auth": "oidc"}}})
    text = build.render(stack)["pi"]["identity.nix"]
    client = text[text.index('client_id = "app";') :].split("}")
    assert f'"https://app.home.example.org{callback}"' in "}".join(client[:6])
    assert f'token_endpoint_auth_method = "{method}";' in "}".join(client[:6])


CLOUD: Changes = {"services": {"nextcloud": {"host": "aurora", "name": "cloud", "auth": "oidc"}}}


@pytest.mark.requirement("S0-27")
def test_nextcloud_gets_its_provider_from_a_unit() -> None:
    """Its providers are in its database. The command reads the secret from the file of its user, and
    runs again whenever Nextcloud starts, so a new secret arrives there too.
    """
    files = build.render(household(CLOUD))
    text = files["aurora"]["services/nextcloud.nix"]
    unit = text[text.index("systemd.services.nextcloud-oidc = {") :]
    command = re.search(r'ExecStart = "(.*)";', unit)
    assert command is not None
    assert shlex.split(command[1].replace('\\"', '"')) == [
        "/run/current-system/sw/bin/nextcloud-occ",
        "user_oidc:provider",
        "oidc",
        "--clientid=cloud",
        "--clientsecret-file=/run/homelab/secrets/nextcloud-oidc",
        "--discoveryuri=https://auth.home.example.org/.well-known/openid-configuration",
        "--scope=openid profile email",
        "--unique-uid=0",
        "--mapping-uid=preferred_username",
    ]
    for line in (
        'User = "nextcloud";',
        'partOf = [ "phpfpm-nextcloud.service" ];',
        'wantedBy = [ "phpfpm-nextcloud.service" ];',
        'requires = [ "nextcloud-setup.service" ];',
        "LoadCredential = config.systemd.services.nextcloud-cron.serviceConfig.LoadCredential;",
    ):
        assert line in unit, line
    secret = next(
        s for s in build.plan(household(CLOUD)).secrets.on("aurora") if s.name == "nextcloud-oidc"
    )
    assert (secret.owner, secret.units) == ("nextcloud", ("phpfpm-nextcloud.service",))
    provider = files["pi"]["identity.nix"]
    assert '"https://cloud.home.example.org/apps/user_oidc/code"' in provider
    assert 'token_endpoint_auth_method = "client_secret_post";' in provider


@pytest.mark.requirement("S0-27")
def test_the_provider_of_nextcloud_cannot_take_an_account_over() -> None:
    """Names come from the provider, and `admin` has a password here."""
    text = build.render(household(CLOUD))["aurora"]["services/nextcloud.nix"]
    assert "soft_auto_provision = false;" in text
    app = "config.services.nextcloud.package.packages.apps.user_oidc"
    assert f"extraApps.user_oidc = {app};" in text
    assert "appstoreEnable = true;" in text
    native: Changes = {"services": {"nextcloud": {"host": "aurora"}}}
    assert "oidc" not in build.render(household(native))["aurora"]["services/nextcloud.nix"]


@pytest.mark.requirement("S0-27")
def test_nextcloud_has_its_provider_beside_a_job_with_an_app_of_its_own() -> None:
    more: Changes = {"services": {"nextcloud": {"jobs": {"generate-previews": {}}}}}
    text = build.render(household(CLOUD, more))["aurora"]["services/nextcloud.nix"]
    assert "previewgenerator = config." in text
    assert "user_oidc = config." in text
