"""Vaultwarden, the password vault."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    PortFact,
    PortNumber,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

ENTRY = Entry(
    name="vaultwarden",
    title="Vaultwarden",
    summary="Passwords, for every browser and phone",
    category="Personal",
    icon="vaultwarden",
    homepage="https://github.com/dani-garcia/vaultwarden",
    since="24.11",
    ports={"web": PortFact(8222)},
    options={
        "services.vaultwarden.enable": True,
        "services.vaultwarden.config": {
            "DOMAIN": Template("{url}"),
            "ROCKET_ADDRESS": Template("{bind}"),
            "ROCKET_PORT": PortNumber(),
            # The name that Caddy gives it; without it every failed login seems to be the proxy's.
            "IP_HEADER": "X-Forwarded-For",
            "SIGNUPS_ALLOWED": False,
        },
        "services.vaultwarden.environmentFile": SecretPath("admin"),
    },
    added={
        "services.vaultwarden.configureNginx": "25.11",
        "services.vaultwarden.configurePostgres": "25.11",
        "services.vaultwarden.domain": "25.11",
    },
    units=("vaultwarden",),
    user="vaultwarden",
    state=("/var/lib/vaultwarden",),
    state_at={
        "services.vaultwarden.config.DATA_FOLDER": "/var/lib/vaultwarden",
        "services.vaultwarden.config.ATTACHMENTS_FOLDER": "/var/lib/vaultwarden/attachments",
    },
    former_state=("24.11", "/var/lib/bitwarden_rs"),
    exclude=("/var/lib/vaultwarden/icon_cache", "/var/lib/vaultwarden/tmp"),
    database_at={
        "services.vaultwarden.config.DATABASE_URL": "",
        "services.vaultwarden.config.databaseUrl": "",
        "services.vaultwarden.dbBackend": "sqlite",
    },
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/vaultwarden/db.sqlite3"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native",),
        apps="phone apps and browser extensions",
        note="its apps and extensions cannot pass a gate",
    ),
    health="/alive",
    websocket=True,
    upload="525MB",
    secrets={
        "admin": SecretFact(
            form="env",
            env=(("ADMIN_TOKEN", "{value}"),),
            note="opens /admin, where the first people are invited",
        )
    },
    hardening=Hardening(upstream=True),
)
