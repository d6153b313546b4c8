"""OpenLDAP, the directory behind the sign-in."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="openldap",
    title="OpenLDAP",
    summary="The directory of people and groups",
    category="Network",
    icon="openldap",
    homepage="https://www.openldap.org",
    since="24.11",
    infrastructure=True,
    ports={"ldap": PortFact(389, why="the sign-in asks it", movable=False)},
    units=("openldap",),
    user="openldap",
    # Its own files are of no use while it runs; every night it is written down beside them.
    state=("/var/lib/openldap-dump",),
    keeps=("/var/lib/openldap",),
    state_at={
        "services.openldap.settings.children.olcDatabase={1}mdb.attrs.olcDbDirectory": (
            "/var/lib/openldap/data"
        )
    },
    own_state="a unit of ours that dumps it every night, and the directory's own start",
    sign_in=SignIn(kinds=("none",), note="a bind with a password"),
    monitor="asked by the sign-in at every turn; it has no page of its own",
    never_publish="the sign-in beside it is all that asks it",
    hardening=Hardening(
        exempt="its module lays out its configuration below /etc, as root, at every start; "
        "it listens on loopback alone"
    ),
)
