"""Pocket ID, the identity provider that knows passkeys and nothing else."""

from homelab.catalog.model import Dump, Entry, PortFact, SecretFact, SignIn

_STATE = "/var/lib/pocket-id"

ENTRY = Entry(
    name="pocket-id",
    title="Pocket ID",
    summary="Sign-in with passkeys",
    category="Network",
    icon="pocket-id",
    homepage="https://pocket-id.org",
    since="25.11",
    infrastructure=True,
    ports={"web": PortFact(1411)},
    units=("pocket-id",),
    user="pocket-id",
    state=(_STATE,),
    state_at={
        "services.pocket-id.dataDir": _STATE,
    },
    exclude=(f"{_STATE}/data/GeoLite2-City.mmdb",),
    database_at={
        "services.pocket-id.settings.DB_CONNECTION_STRING": "",
        "services.pocket-id.settings.DB_PROVIDER": "sqlite",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_STATE}/data/pocket-id.db"),),
    audience="family",
    sign_in=SignIn(kinds=("native",), note="is the sign-in"),
    health="/healthz",
    secrets={
        "encryption-key": SecretFact(
            owner="pocket-id",
            note="encrypts its signing keys; lost with them",
            seals="its signing keys",
        )
    },
)
