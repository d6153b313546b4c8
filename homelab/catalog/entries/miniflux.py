"""Miniflux, the feed reader."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Fill,
    Hardening,
    PortFact,
    SecretFact,
    SecretPath,
    SignIn,
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
            "BASE_URL": Fill("{url}"),
            "LISTEN_ADDR": Fill("{bind}:{port}"),
        },
    },
    units=("miniflux",),
    user="miniflux",
    dynamic_user=True,
    database="postgresql",
    dumps=(Dump("postgresql", "miniflux"),),
    audience="family",
    sign_in=SignIn(kinds=("native",), note="its apps use an API that cannot pass a gate"),
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
