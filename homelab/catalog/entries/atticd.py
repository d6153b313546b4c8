"""Attic, a binary cache for Nix."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    PortFact,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

_STATE = "/var/lib/private/atticd"

ENTRY = Entry(
    name="atticd",
    title="Attic",
    summary="What was built once, for every machine",
    category="Tools",
    icon="nixos",
    homepage="https://docs.attic.rs",
    since="24.11",
    serves_packages=True,
    ports={"web": PortFact(8080)},
    options={
        "services.atticd.enable": True,
        "services.atticd.environmentFile": SecretPath("token"),
        "services.atticd.settings": {
            "listen": Template("{bind}:{port}"),
            "api-endpoint": Template("{url}/"),
        },
    },
    units=("atticd",),
    user="atticd",
    dynamic_user=True,
    state=(_STATE,),
    state_at={
        "services.atticd.settings.storage.path": f"{_STATE}/storage",
    },
    # What is cached can be built again.
    exclude=(f"{_STATE}/storage",),
    database_at={
        "services.atticd.settings.database": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_STATE}/server.db"),),
    sign_in=SignIn(
        kinds=("native",),
        apps="Nix on other machines",
        note="by tokens of `atticd-atticadm make-token`, which nothing keeps; Nix passes no gate",
    ),
    secrets={
        # An RSA key: `openssl genrsa -traditional 4096 | base64 -w0`.
        "token": SecretFact(
            form="env",
            env=(("ATTIC_SERVER_TOKEN_RS256_SECRET_BASE64", "{value}"),),
            source="stored",
            stored_key="attic/token",
            note="signs tokens; a PKCS1 RSA key, in base64",
        )
    },
    hardening=Hardening(upstream=True),
)
