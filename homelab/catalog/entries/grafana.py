"""Grafana, pictures of what Prometheus measures."""

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

_SECTION = "services.grafana.settings"
_READ = "$__file{{path}}"

ENTRY = Entry(
    name="grafana",
    title="Grafana",
    summary="Pictures of what is measured",
    category="Monitoring",
    icon="grafana",
    homepage="https://grafana.com",
    since="24.11",
    ports={"web": PortFact(3000)},
    options={
        "services.grafana.enable": True,
        f"{_SECTION}.server": {
            "http_addr": Template("{bind}"),
            "http_port": PortNumber(),
            "domain": Template("{fqdn}"),
            "root_url": Template("{url}/"),
        },
        # Grafana reads the files itself; without a key of its own it uses one that everybody knows.
        f"{_SECTION}.security": {
            "admin_password": SecretPath("admin", inside=_READ),
            "secret_key": SecretPath("key", inside=_READ),
            "cookie_secure": True,
        },
    },
    reads="series",
    units=("grafana",),
    user="grafana",
    state=("/var/lib/grafana",),
    state_at={
        "services.grafana.dataDir": "/var/lib/grafana",
    },
    exclude=("/var/lib/grafana/data/log", "/var/lib/grafana/data/png"),
    database_at={
        f"{_SECTION}.database.path": "",
        f"{_SECTION}.database.type": "sqlite3",
        f"{_SECTION}.database.url": "",
        f"{_SECTION}.database.host": "",
    },
    database="sqlite",
    dumps=(Dump("sqlite", "/var/lib/grafana/data/grafana.db"),),
    sign_in=SignIn(
        kinds=("native", "forward"),
        headers=(
            ("X-WEBAUTH-EMAIL", "email"),
            ("X-WEBAUTH-NAME", "name"),
            ("X-WEBAUTH-USER", "user"),
        ),
        note="behind the gate its own form is off; who comes is a viewer, unless options say more",
        forward={
            f'{_SECTION}."auth.proxy"': {
                "enabled": True,
                "header_name": "X-WEBAUTH-USER",
                "header_property": "username",
                "headers": "Email:X-WEBAUTH-EMAIL Name:X-WEBAUTH-NAME",
                "auto_sign_up": True,
                # Whoever else comes with such a header is a stranger.
                "whitelist": Template("{proxy}"),
            },
            f"{_SECTION}.auth.disable_login_form": True,
        },
        powers={
            f'{_SECTION}."auth.anonymous".org_role': "Admin",
            f"{_SECTION}.users.auto_assign_org_role": "Admin",
        },
    ),
    health="/api/health",
    websocket=True,
    secrets={
        "admin": SecretFact(owner="grafana", note="the first account, admin, on an empty database"),
        "key": SecretFact(
            owner="grafana",
            note="encrypts what data sources sign in with",
            seals="what data sources sign in with",
        ),
    },
    # Plugins compile at run time, and it looks up network interfaces.
    hardening=Hardening(jit=True, netlink=True),
)
