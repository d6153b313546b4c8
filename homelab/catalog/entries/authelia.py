"""Authelia, the gate in front of apps that cannot ask for a sign-in themselves."""

from homelab.catalog.model import Dump, Entry, PortFact, SecretFact, SignIn

_USER = "authelia-main"
_STORAGE = "services.authelia.instances.main.settings.storage"


def _own(note: str, seals: str = "") -> SecretFact:
    """A file that Authelia itself reads: as its own user, before systemd could hand it over."""
    return SecretFact(owner=_USER, length=64, note=note, seals=seals)


ENTRY = Entry(
    name="authelia",
    title="Authelia",
    summary="Sign-in for apps that have none",
    category="Network",
    icon="authelia",
    homepage="https://www.authelia.com",
    since="24.11",
    infrastructure=True,
    ports={"web": PortFact(9091)},
    units=("authelia-main",),
    user=_USER,
    state=("/var/lib/authelia-main",),
    state_file_at={f"{_STORAGE}.local.path": "/var/lib/authelia-main/db.sqlite3"},
    database_at={f"{_STORAGE}.mysql": "", f"{_STORAGE}.postgres": ""},
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/authelia-main/db.sqlite3"),),
    audience="family",
    sign_in=SignIn(kinds=("native",), note="is the sign-in"),
    health="/api/health",
    secrets={
        "jwt": _own("signs the links that reset a password"),
        "session": _own("encrypts sessions"),
        "storage-encryption": _own(
            "encrypts second factors in the database; lost with them", "its database"
        ),
    },
)
