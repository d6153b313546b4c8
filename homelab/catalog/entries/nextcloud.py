"""Nextcloud, files and calendars: PHP behind an Nginx of its own, PostgreSQL and Redis."""

from homelab.catalog.model import (
    Dump,
    Entry,
    Hardening,
    Last,
    PortFact,
    PortNumber,
    SecretFact,
    SecretPath,
    SignIn,
    Template,
)

_STATE = "/var/lib/nextcloud"

ENTRY = Entry(
    name="nextcloud",
    title="Nextcloud",
    summary="Files, calendars and contacts, on every device",
    category="Personal",
    icon="nextcloud",
    homepage="https://nextcloud.com",
    since="24.11",
    ports={"web": PortFact(8084)},
    options={
        "services.nextcloud.enable": True,
        # The module makes a virtual host of this name in Nginx, and people never type it: so it
        # listens where our proxy finds it, and stays clear of the proxy's own names.
        "services.nextcloud.hostName": "nextcloud",
        "services.nginx.virtualHosts.nextcloud.listen": [
            {"addr": Template("{bind}"), "port": PortNumber()}
        ],
        "services.nextcloud.settings": {
            # The module names its own virtual host here.
            "trusted_domains": Last([Template("{fqdn}")]),
            "trusted_proxies": [Template("{proxy}")],
            "overwriteprotocol": "https",
            "overwrite.cli.url": Template("{url}"),
        },
        "services.nextcloud.config": {
            "dbtype": "pgsql",
            "adminuser": "admin",
            "adminpassFile": SecretPath("admin"),
        },
        "services.nextcloud.database.createLocally": True,
        "services.nextcloud.configureRedis": True,
        "services.nextcloud.maxUploadSize": "16G",
        "services.nextcloud.datadir": Template("{dataset}/nextcloud", dataset="files"),
    },
    # Of its units this one answers to people; the others are short and its own.
    units=("phpfpm-nextcloud",),
    helpers=("nextcloud-cron", "nextcloud-setup", "nextcloud-update-db"),
    workers=True,
    user="nextcloud",
    state=(_STATE,),
    state_at={
        "services.nextcloud.home": _STATE,
        "services.nextcloud.datadir": _STATE,
    },
    exclude=(f"{_STATE}/data/appdata_*/preview", f"{_STATE}/data/nextcloud.log"),
    database_at={
        "services.nextcloud.config.dbtype": "pgsql",
        "services.nextcloud.config.dbhost": "/run/postgresql",
        "services.nextcloud.config.dbname": "nextcloud",
        "services.nextcloud.database.createLocally": "true",
    },
    database="postgresql",
    keeps=("/var/lib/redis-nextcloud",),
    dumps=(Dump("postgresql", "nextcloud"),),
    audience="family",
    sign_in=SignIn(
        kinds=("native",),
        apps="desktop and phone apps and calendars",
        note="its apps and calendars cannot pass a gate",
    ),
    health="/status.php",
    upload="16GB",
    secrets={
        "admin": SecretFact(owner="nextcloud", note="the first account, admin, at installation")
    },
    datasets={"files": "where people's files lie, in place of its state directory"},
    state_in={"files": "nextcloud"},
    writes_datasets=("files",),
    hardening=Hardening(
        # Its master starts as root, and its workers are the user's; what it hands them of secret
        # settings it takes back at the next start.
        capabilities=("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL", "CAP_SETGID", "CAP_SETUID"),
        # Apps of its store lie there, wherever people's files do.
        writable=(_STATE,),
        jit=True,
        netlink=True,
        # Nginx reads the files of its apps.
        umask="0027",
    ),
)
