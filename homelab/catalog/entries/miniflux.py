"""Miniflux, the feed reader."""

from homelab.catalog.model import (
    OIDC,
    Dump,
    Entry,
    Hardening,
    Oidc,
    PortFact,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

ENTRY = Entry(
    name="miniflux",
    title="Miniflux",
    summary="News and feeds, without the noise",
    category="Personal",
    icon="miniflux",
    homepage="https://miniflux.app",
    since="24.11",
    ports={"web": PortFact(8080)},
    options={
        "services.miniflux.enable": True,
        "services.miniflux.adminCredentialsFile": SecretPath("admin"),
        "services.miniflux.config": {
            "BASE_URL": Template("{url}"),
            "LISTEN_ADDR": Template("{bind}:{port}"),
        },
    },
    units=("miniflux",),
    user="miniflux",
    dynamic_user=True,
    database_at={
        "services.miniflux.config.DATABASE_URL": "",
        "services.miniflux.createDatabaseLocally": "true",
    },
    database="postgresql",
    dumps=(Dump("postgresql", "miniflux"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native", "oidc"),
        apps="reader apps",
        note="its apps use an API that cannot pass a gate",
        oidc=Oidc(
            redirects=("/oauth2/oidc/callback",),
            secret=SecretFact(form="env", env=(("OAUTH2_CLIENT_SECRET", "{value}"),)),
            options={
                "services.miniflux.config.OAUTH2_PROVIDER": "oidc",
                "services.miniflux.config.OAUTH2_CLIENT_ID": Template("{client}"),
                "services.miniflux.config.OAUTH2_OIDC_DISCOVERY_ENDPOINT": Template("{issuer}"),
                "services.miniflux.config.OAUTH2_REDIRECT_URL": Template(
                    "{url}/oauth2/oidc/callback"
                ),
                # Whoever the provider lets in has an account.
                "services.miniflux.config.OAUTH2_USER_CREATION": 1,
                "systemd.services.miniflux.serviceConfig.EnvironmentFile": [SecretPath(OIDC)],
            },
            scopes=("openid", "profile", "email"),
        ),
    ),
    health="/healthcheck",
    secrets={
        # systemd reads it before the unit has a user.
        "admin": SecretFact(
            form="env",
            env=(("ADMIN_USERNAME", "{owner}"), ("ADMIN_PASSWORD", "{value}")),
            note="the first account, made when the database is empty",
        )
    },
    hardening=Hardening(upstream=True),
)
