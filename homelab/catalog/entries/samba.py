"""Samba, which shares datasets with laptops and phones as network drives."""

from homelab.catalog.model import Entry, Hardening, PortFact

ENTRY = Entry(
    name="samba",
    title="Samba",
    summary="Datasets as network drives of laptops and phones",
    category="Tools",
    icon="samba",
    homepage="https://www.samba.org",
    since="24.11",
    infrastructure=True,
    ports={
        "smb": PortFact(
            445, scope="tailnet", why="network drives for devices of the tailnet", movable=False
        )
    },
    units=("samba-smbd",),
    user="root",
    state=("/var/lib/samba",),
    state_at={
        "services.samba.settings.global.private dir": "/var/lib/samba/private",
        "services.samba.settings.global.state directory": "/var/lib/samba",
    },
    stateless="it holds passwords alone, which smbpasswd sets again",
    audience="operator",
    monitor="it speaks to people who sign in, and to no probe",
    hardening=Hardening(exempt="it acts as each of its users, and sees what each may see"),
)
