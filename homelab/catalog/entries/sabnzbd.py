"""SABnzbd, downloads from Usenet."""

from homelab.catalog.model import Dump, Entry, Hardening, PortFact, PortNumber, SignIn, Template

ENTRY = Entry(
    name="sabnzbd",
    title="SABnzbd",
    summary="Downloads from Usenet",
    category="Media",
    icon="sabnzbd",
    homepage="https://sabnzbd.org",
    since="24.11",
    # Until 26.05 the module has no option for the port or the address: both are set on its own
    # pages, as is the list of names that it answers to.
    ports={"web": PortFact(8080, movable_since="26.05")},
    options={"services.sabnzbd.enable": True},
    options_since={
        "26.05": {
            # Servers and folders are set on its own pages, and would last until it restarts.
            "services.sabnzbd.allowConfigWrite": True,
            "services.sabnzbd.settings.misc": {
                "host": Template("{bind}"),
                "port": PortNumber(),
                "host_whitelist": Template("{fqdn}"),
            },
        }
    },
    added={
        "services.sabnzbd.allowConfigWrite": "26.05",
        "services.sabnzbd.secretFiles": "26.05",
        "services.sabnzbd.settings": "26.05",
        "services.sabnzbd.stateDir": "26.05",
    },
    units=("sabnzbd",),
    user="sabnzbd",
    state=("/var/lib/sabnzbd",),
    state_at={"services.sabnzbd.stateDir": "/var/lib/sabnzbd"},
    exclude=("/var/lib/sabnzbd/Downloads", "/var/lib/sabnzbd/logs"),
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/sabnzbd/admin/history1.db"),),
    # Those that hand it work show a key of its own.
    sign_in=SignIn(kinds=("forward", "native"), exempt=("/api", "/sabnzbd/api")),
    health="/sabnzbd/api?mode=version",
    upload="100MB",
    datasets={"downloads": "where finished downloads lie"},
    writes_datasets=("downloads",),
    unfree=("unrar",),
    # Whoever files what it downloads is in the directory's group.
    hardening=Hardening(umask="0002"),
)
