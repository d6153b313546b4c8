"""cloudflared, the tunnel between Cloudflare and the reverse proxy."""

from homelab.catalog.model import Entry, Hardening, SecretFact

ENTRY = Entry(
    name="cloudflared",
    title="cloudflared",
    summary="Brings published names in from Cloudflare, without an open port",
    category="Network",
    icon="cloudflare-zero-trust",
    homepage="https://developers.cloudflare.com/cloudflare-one",
    # The unit runs as a dynamic user since 25.05; before that the module wants a user of its own.
    since="25.05",
    infrastructure=True,
    units=("cloudflared-tunnel-{tunnel}",),
    dynamic_user=True,
    stateless="its rules are in the generated configuration and its identity is issued",
    audience="public",
    monitor="every name it carries is watched by itself",
    secrets={
        "credentials": SecretFact(
            source="issued", note="the tunnel's credentials file, handed over by systemd"
        )
    },
    # Both from nixpkgs' module of 25.05 and later.
    added={
        "services.cloudflared.certificateFile": "25.05",
    },
    removed={
        "services.cloudflared.user": "25.05",
        "services.cloudflared.group": "25.05",
    },
    hardening=Hardening(netlink=True),
)
