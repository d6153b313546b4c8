"""n8n, automations of steps that are drawn."""

from homelab.catalog.model import Dump, Entry, Hardening, PortFact, PortNumber, SignIn, Template

_STATE = "/var/lib/private/n8n"

ENTRY = Entry(
    name="n8n",
    title="n8n",
    summary="Automations, drawn as steps",
    category="Automation",
    icon="n8n",
    homepage="https://n8n.io",
    since="24.11",
    ports={"web": PortFact(5678)},
    # Variables of its environment took the place of a file with 25.11.
    options={
        "services.n8n.enable": True,
        "services.n8n.environment": {
            "N8N_EDITOR_BASE_URL": Template("{url}"),
            "N8N_LISTEN_ADDRESS": Template("{bind}"),
            "N8N_PORT": Template("{port}"),
            "N8N_PROXY_HOPS": "1",
            "WEBHOOK_URL": Template("{url}/"),
        },
        "services.n8n.settings": {"listen_address": Template("{bind}"), "port": PortNumber()},
        "services.n8n.webhookUrl": Template("{url}/"),
    },
    added={"services.n8n.environment": "25.11"},
    removed={"services.n8n.settings": "25.11", "services.n8n.webhookUrl": "25.11"},
    units=("n8n",),
    user="n8n",
    dynamic_user=True,
    # With the key to the credentials that it keeps.
    state=(_STATE,),
    state_at={
        "services.n8n.environment.N8N_USER_FOLDER": _STATE,
    },
    exclude=(f"{_STATE}/.cache", f"{_STATE}/.n8n/n8nEventLog*.log"),
    database_at={
        "services.n8n.environment.DB_TYPE": "sqlite",
        "services.n8n.environment.DB_SQLITE_DATABASE": "database.sqlite",
    },
    database="sqlite",
    dumps=(Dump("sqlite", f"{_STATE}/.n8n/database.sqlite"),),
    sign_in=SignIn(
        kinds=("native", "forward"),
        # Whom an automation waits for cannot sign in.
        exempt=(
            "/form/*",
            "/form-waiting/*",
            "/webhook/*",
            "/webhook-test/*",
            "/webhook-waiting/*",
            "/rest/oauth2-credential/callback",
        ),
    ),
    health="/healthz",
    websocket=True,
    unfree=("n8n",),
    hardening=Hardening(jit=True, netlink=True),
)
