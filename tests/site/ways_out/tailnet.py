"""Ways out of problems with the tailnet's policy, routes and logins."""

from __future__ import annotations

from tests import build
from tests.site.ways_out.model import NULL, Changes, WayOut
from tests.site.ways_out.stacks import FORGETS, PERSIST, TAILNET, both, host, machine, own, service

AGENT: Changes = {"hosts": {"box": machine("192.168.1.9", "100.64.0.9", role="agent")}}


def tailnet(**said: object) -> Changes:
    return both(TAILNET, {"tailnet": said})


def grant(src: list[str], dst: list[str], *ip: str) -> Changes:
    return {"src": src, "dst": dst, "ip": [*ip], "why": "the printer"}


KIM: Changes = {"site": {"members": {"kim": {"email": "kim@example.org"}}}}

WAYS = (
    WayOut(
        "acl-lockout",
        tailnet(family=["kim@example.org"], grants=[grant(["group:family"], ["nas"], "*")]),
        tailnet(grants=[]),
        says="fails a test",
    ),
    WayOut(
        "acl-lockout",
        tailnet(family=["kim@example.org"], grants=[grant(["group:family"], ["nas"], "*")]),
        tailnet(grants=[grant(["group:family"], ["nas"], "tcp:80")]),
        says="fails a test",
        asked={"tcp:80": "ip: [tcp:…]"},
    ),
    *(
        WayOut(
            "tailnet-login",
            both(tailnet(family=[typed]), KIM),
            tailnet(family=["kim@example.org"]),
            asked={"kim@example.org": 'did you mean "kim@example.org"?'},
        )
        for typed in ("kimm@example.org", "kmi@example.org", "kim@exmaple.org")
    ),
    WayOut(
        "tailnet-login",
        both(tailnet(family=["kim@example.org", "kima@example.org"]), KIM),
        {"site": {"members": {"kima": {"email": "kima@example.org"}}}},
        asked={"kima@example.org": "site.members: {NAME: {email: kima@example.org}}"},
    ),
    WayOut(
        "acl-test",
        tailnet(tests=[{"src": "tag:appliance", "accept": ["nas:80"]}]),
        tailnet(grants=[{"src": ["tag:appliance"], "dst": ["nas"], "ip": ["tcp:80"]}]),
        says="cannot reach nas:80",
    ),
    WayOut(
        "acl-test",
        tailnet(
            family=["kim@example.org"],
            tests=[{"src": "kym@example.org", "accept": ["nas:80"]}],
            grants=[grant(["kim@example.org"], ["nas"], "tcp:80")],
        ),
        tailnet(tests=[{"src": "kim@example.org", "accept": ["nas:80"]}]),
        says="no group and no grant names",
    ),
    WayOut(
        "acl-test",
        tailnet(
            tests=[{"src": "tag:appliance", "deny": ["nas:80"]}],
            grants=[grant(["pi"], ["nas"], "tcp:80", "tcp:81")],
        ),
        tailnet(grants=[grant(["pi"], ["nas"], "tcp:81")]),
        says="pi can reach nas:80",
        asked={"tcp:81": "narrow its ip: [tcp:…]"},
    ),
    WayOut(
        "acl-tag-known",
        both(
            tailnet(grants=[grant(["autogroup:member"], ["new"], "tcp:80")]),
            {"hosts": {"new": machine("192.168.1.9")}},
        ),
        host("new", address={"tailnet": "100.64.0.9"}),
        says="no tailnet address",
        asked={"100.64.0.9": "let it join, then write"},
    ),
    WayOut(
        "acl-tag-known",
        tailnet(grants=[grant(["tag:appliace"], ["nas"], "tcp:80")]),
        tailnet(grants=[grant(["tag:appliance"], ["nas"], "tcp:80")]),
        says="there is no host, tag or group",
    ),
    WayOut(
        "acl-tag-known",
        both(TAILNET, host("nas", tailscale={"tags": ["iac"]})),
        host("nas", tailscale={"tags": ["media"]}),
        says="owns all",
        asked={"media": "another tag"},
    ),
    WayOut(
        "machine-elsewhere",
        tailnet(machines={"nas": {"address": "100.64.0.9", "tags": ["x"]}}),
        tailnet(machines={"nas": None}),
        says="is a host",
    ),
    WayOut(
        "machine-elsewhere",
        tailnet(machines={"far": {"address": "100.64.0.9", "tags": ["iac"]}}),
        tailnet(machines={"far": {"tags": ["far"]}}),
        says="owns all",
        asked={"far": "another tag"},
    ),
    WayOut(
        "device-unique",
        both(
            TAILNET,
            host("nas", tailscale={"device": "abc"}),
            host("pi", tailscale={"device": "abc"}),
        ),
        host("pi", tailscale={"device": "abd"}),
        asked={"abd": "`homelab status` lists every device and its id"},
    ),
    WayOut(
        "subnet-covers-entry",
        both(build.TAILNET, service("jellyfin", host="nas")),
        host("pi", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
    ),
    WayOut(
        "dns-push-target",
        both(TAILNET, {"network": {"dns": {"host": "nas"}}}, host("nas", tailscale=NULL)),
        host("nas", tailscale=None),
        says="not in the tailnet",
    ),
    WayOut(
        "dns-push-target",
        both(TAILNET, {"network": {"dns": {"host": "nas"}}}, host("nas", state="planned")),
        host("nas", state="live"),
        says="is planned",
        beside=("service-host-state",),
    ),
    WayOut(
        "dns-push-target",
        both(TAILNET, {"network": {"dns": {"host": "nas"}}}, host("nas", state="planned")),
        {"network": {"dns": {"host": "pi"}}},
        says="is planned",
        beside=("service-host-state",),
    ),
    WayOut(
        "dns-push-target",
        tailnet(dns={"split": {"corp.example.com": ["192.168.1.3"]}}),
        tailnet(dns={"split": {"corp.example.com": ["100.64.0.2"]}}),
        says="has no resolver",
    ),
    WayOut(
        "dns-push-target",
        tailnet(dns={"split": {"home.example.org": ["10.0.0.53"]}}),
        tailnet(dns={"split": None}),
        says="already uses",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, host("box", tailscale={"exit_node": True})),
        host("box", tailscale={"exit_node": None}),
        says="would forward",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, {"network": {"dns": {"host": "box"}}}),
        {"network": {"dns": {"host": "nas"}}},
        says="the resolver of all devices",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, host("box", tailscale={"tags": ["appliance"]})),
        host("box", tailscale={"tags": []}),
        says="a host of the role appliance",
    ),
    WayOut(
        "agent-posture",
        both(
            TAILNET,
            AGENT,
            {"datasets": {"films": {"host": "box", "path": "/srv/films", "tier": "re-derivable"}}},
            {"datasets": {"films": {"samba": {"users": ["sam"]}}}},
        ),
        {"datasets": {"films": {"host": "nas"}}},
        says="would open 445/tcp",
    ),
    WayOut(
        "agent-gpu",
        both(TAILNET, AGENT, host("box", gpu={"vendor": "intel"})),
        host("box", gpu=None),
        says="would reach the driver",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, host("nas", build={"host": "box"})),
        host("nas", build={"host": None}),
        says="would build",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, host("box", build={"host": "nas"})),
        host("box", build={"host": None}),
        says="would log in",
    ),
    WayOut(
        "agent-posture",
        both(TAILNET, AGENT, service("ollama", host="box")),
        service("ollama", host="nas"),
        says="is on the agent",
    ),
    WayOut(
        "agent-posture",
        both(
            TAILNET,
            AGENT,
            service(
                "prometheus",
                host="box",
                never_publish="it is for the host",
                secrets={"github": {"ref": {"sops": "gh"}}},
            ),
        ),
        service("prometheus", host="nas"),
        says="GitHub",
    ),
    WayOut(
        "agent-posture",
        both(
            TAILNET,
            AGENT,
            host(
                "box", hardware="hosts/box/hardware.nix", persistence={"directories": ["/etc/ssh"]}
            ),
        ),
        host("box", persistence={"directories": None}),
        says="SSH keys",
        files=own(FORGETS, PERSIST, of="box"),
    ),
    WayOut(
        "accept-routes-own-lan",
        both(TAILNET, host("nas", tailscale={"accept_routes": True})),
        host("nas", tailscale={"accept_routes": None}),
    ),
    WayOut(
        "ssh-direction",
        both(
            tailnet(ssh=[{"src": ["tag:appliance"], "dst": ["tag:workhorse"], "users": ["media"]}]),
            host("nas", tailscale={"ssh": True}),
        ),
        tailnet(ssh=[{"src": ["tag:workhorse"], "dst": ["tag:workhorse"], "users": ["media"]}]),
        says="would log in on",
    ),
    WayOut(
        "ssh-direction",
        both(
            tailnet(ssh=[{"src": ["autogroup:member"], "dst": ["nas"], "users": ["media"]}]),
            host("nas", tailscale={"ssh": True}),
        ),
        tailnet(ssh=[{"src": ["autogroup:member"], "dst": ["tag:workhorse"], "users": ["media"]}]),
        says="is a host",
    ),
    WayOut(
        "ssh-direction",
        tailnet(ssh=[{"src": ["autogroup:member"], "dst": ["tag:workhorse"], "users": ["media"]}]),
        host("nas", tailscale={"ssh": True}),
        says="has Tailscale SSH on",
    ),
    WayOut(
        "subnet-route-width",
        both(TAILNET, host("nas", tailscale={"subnet_routes": ["0.0.0.0/0"]})),
        host("nas", tailscale={"subnet_routes": None, "exit_node": True}),
        says="whole internet",
    ),
    WayOut(
        "subnet-route-width",
        both(TAILNET, host("nas", tailscale={"subnet_routes": ["100.64.0.0/24"]})),
        host("nas", tailscale={"subnet_routes": ["10.1.0.0/24"]}),
        says="tailnet's own",
        asked={"10.1.0.0/24": "name the network behind the host"},
    ),
    WayOut(
        "subnet-route-width",
        both(TAILNET, host("nas", tailscale={"subnet_routes": ["192.0.0.0/4"]})),
        host("nas", tailscale={"subnet_routes": ["192.168.1.0/24"]}),
        says="larger than",
    ),
    WayOut(
        "funnel-width",
        tailnet(node_attributes=[{"target": ["*"], "attr": ["funnel"]}]),
        tailnet(node_attributes=[{"target": ["nas"], "attr": ["funnel"]}]),
        asked={"nas": "name the host or the tag"},
    ),
    WayOut(
        "ssh-root",
        both(
            tailnet(
                ssh=[{"src": ["autogroup:member"], "dst": ["tag:workhorse"], "users": ["root"]}]
            ),
            host("nas", tailscale={"ssh": True}),
        ),
        tailnet(ssh=[{"src": ["autogroup:member"], "dst": ["tag:workhorse"], "users": ["media"]}]),
        asked={"media": "name another user"},
    ),
    WayOut(
        "tag-used",
        both(
            tailnet(grants=[grant(["autogroup:member"], ["nas"], "tcp:80")]),
            host("nas", tailscale={"tags": ["media"]}),
        ),
        tailnet(grants=[grant(["autogroup:member"], ["tag:media"], "tcp:80")]),
    ),
    WayOut(
        "acl-tag-known",
        both(
            tailnet(grants=[grant(["autogroup:member"], ["tag:media"], "tcp:80")]),
            host("pi", tailscale={"tags": ["media"]}),
            host("nas", tailscale={"tags": ["meida"]}),
        ),
        host("nas", tailscale={"tags": ["media"]}),
        says="tag:meida",
    ),
    WayOut(
        "tag-used",
        both(TAILNET, host("nas", tailscale={"tags": ["media"]})),
        host("nas", tailscale={"tags": None}),
    ),
)
