"""oauth2-proxy, the gate in front of apps where the identity provider has none of its own."""

from homelab.catalog.model import Entry, Hardening, PortFact, SecretFact, SignIn

ENTRY = Entry(
    name="oauth2-proxy",
    title="oauth2-proxy",
    summary="Asks for the sign-in in front of apps that cannot",
    category="Network",
    icon="oauth2-proxy",
    homepage="https://oauth2-proxy.github.io/oauth2-proxy",
    since="24.11",
    infrastructure=True,
    ports={"web": PortFact(4180, why="the proxy asks it about every request")},
    units=("oauth2-proxy",),
    user="oauth2-proxy",
    stateless="its sessions are cookies",
    sign_in=SignIn(kinds=("none",), note="is the gate"),
    health="/ping",
    secrets={
        "cookie": SecretFact(
            form="env",
            env=(("OAUTH2_PROXY_COOKIE_SECRET", "{value}"),),
            note="encrypts the sessions' cookies",
        )
    },
    never_publish="the proxy hands people to it on the names that it guards",
    hardening=Hardening(),
)
