"""Homepage, the dashboard."""

from homelab.catalog.model import Entry, Hardening, PortFact, SignIn

ENTRY = Entry(
    name="homepage",
    modules=("homepage-dashboard",),
    title="Homepage",
    summary="The page that leads to all others",
    category="Tools",
    icon="homepage",
    homepage="https://gethomepage.dev",
    # It refuses every host name that allowedHosts does not list, an option of 25.05.
    since="25.05",
    infrastructure=True,
    ports={"web": PortFact(8082)},
    units=("homepage-dashboard",),
    dynamic_user=True,
    scratch=("/var/lib/private/homepage-dashboard",),
    stateless="its pages are in the generated configuration",
    sign_in=SignIn(kinds=("none", "forward")),
    health="/api/healthcheck",
    added={"services.homepage-dashboard.allowedHosts": "25.05"},
    hardening=Hardening(jit=True, netlink=True),
)
