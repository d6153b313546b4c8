"""Ways out of problems with secrets."""

from __future__ import annotations

from tests.site.ways_out.model import Changes, WayOut
from tests.site.ways_out.stacks import IDENTITY, ROOT, both, container, own, service

GITHUB = f"ghp_{'a1B2' * 9}"
"""A text in the format of a GitHub token."""


def _templated(content: Changes) -> Changes:
    """A unit that reads a file with secrets."""
    unit = {
        "package": "attic-server",
        "command": ["atticd", "--config", "{templates}/config"],
        "templates": {"config": {"format": "toml", "content": content}},
    }
    secrets = {"k": {"ref": {"sops": "a/k"}}}
    said = {"host": "nas", "port": 8096, "auth": "native", "backup": {"skip": "it keeps nothing"}}
    return {**said, "tile": {"group": "Tools"}, "secrets": secrets, "unit": unit}


WAYS = (
    WayOut(
        "secret-master",
        both(IDENTITY, {"secrets": {"master": None}}),
        {"secrets": {"master": {"sops": "master"}}},
    ),
    WayOut(
        "secret-known",
        both(
            service("sabnzbd", host="nas", audience="operator"),
            service("sonarr", host="pi", connects=["sabnzbd"]),
            service("sabnzbd", secrets={"api-key": {"ref": {"path": "/run/agenix/key"}}}),
        ),
        service("sabnzbd", secrets=None),
        says="cannot copy this file from nas",
    ),
    WayOut(
        "secret-stored",
        {"secrets": {"stored": {"master": {"file": "secrets/shared.yaml"}}}},
        {"secrets": {"stored": {"master": None}}},
        says="only the deployer reads",
    ),
    WayOut(
        "secret-shared",
        both(
            service("jellyfin", host="nas", secrets={"k": {"ref": {"sops": "restic/b2"}}}),
            {"secrets": {"stored": {"restic/b2": {"file": "secrets/deploy.yaml"}}}},
        ),
        {"secrets": {"stored": {"restic/b2": {"file": "secrets/shared.yaml"}}}},
        says="of the deployer",
    ),
    WayOut(
        "secret-shared",
        both(
            service("jellyfin", host="nas", secrets={"k": {"ref": {"sops": "restic/b2"}}}),
            {"secrets": {"stored": {"restic/b2": {"file": "secrets/pi.yaml"}}}},
        ),
        {"secrets": {"stored": {"restic/b2": {"file": "secrets/shared.yaml"}}}},
        says="of pi",
    ),
    WayOut(
        "op-token-present",
        service("jellyfin", host="nas", secrets={"k": {"ref": {"op": "op://a/b/c"}}}),
        {"secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}}},
    ),
    WayOut(
        "op-token-used",
        {"secrets": {"onepassword": {"token": {"sops": "onepassword/token"}}}},
        {"secrets": {"onepassword": None}},
    ),
    WayOut(
        "secret-unique",
        both(
            service("a", **container(auth="none", secrets={"b-c": {"ref": {"sops": "x"}}})),
            service(
                "a-b", **container("nas", 8009, auth="none", secrets={"c": {"ref": {"sops": "x"}}})
            ),
        ),
        service("a-b", secrets={"c": None, "d": {"ref": {"sops": "x"}}}),
        asked={"d": "another name"},
    ),
    WayOut(
        "secret-unique",
        both(
            service("restic", **container(auth="none", secrets={"b2": {}})),
            service("jellyfin", host="nas"),
        ),
        service("restic", secrets={"b2": None, "shop": {}}),
        says="restic-b2",
        asked={"shop": "another name"},
    ),
    WayOut(
        "secret-epoch",
        both(IDENTITY, {"secrets": {"epochs": {"autelia": 2}}}),
        {"secrets": {"epochs": {"autelia": None, "authelia": 2}}},
        says="has no derived or issued secret to rotate",
    ),
    WayOut(
        "secret-epoch",
        both(IDENTITY, {"secrets": {"epochs": {"authelia.session-key": 2}}}),
        {"secrets": {"epochs": {"authelia.session-key": None, "authelia.session": 2}}},
        says="no derived secret",
    ),
    WayOut(
        "secret-epoch",
        both(IDENTITY, {"secrets": {"epochs": {"authelia": 0}}}),
        {"secrets": {"epochs": {"authelia": 1}}},
        says="first epoch",
    ),
    WayOut(
        "secret-stored",
        service("jellyfin", host="nas", secrets={"k": {"ref": {"sops": "a/key"}}})
        | {"secrets": {"stored": {"a/kee": {"limit": "180d"}}}},
        {"secrets": {"stored": {"a/kee": None, "a/key": {"limit": "180d"}}}},
    ),
    WayOut(
        "secret-literal",
        service("jellyfin", host="nas", options={"environment.etc.x.text": GITHUB}),
        service(
            "jellyfin",
            options={"environment.etc.x.text": {"$secret": "k"}},
            secrets={"k": {"ref": {"sops": "j/k"}}},
        ),
        asked={"k": "{name: {ref"},
    ),
    WayOut(
        "secret-literal",
        {},
        {},
        says="hosts/nas/hardware.nix",
        files=own(ROOT, "services.x.token =", f'"{GITHUB}";'),
        fixed=own(ROOT, "services.x.token =", '"/run/homelab/secrets/x";'),
        asked={"run/homelab/secrets/x": "use the path of its file on the host"},
    ),
    WayOut(
        "secret-stored",
        service("jellyfin", host="nas", secrets={"k": {"ref": {"sops": "a/key"}}})
        | {"secrets": {"stored": {"a/kee": {"limit": "180d"}}}},
        {"secrets": {"stored": {"a/kee": None, "a/key": {"limit": "180d"}}}},
    ),
    WayOut(
        "secret-literal",
        service("jellyfin", host="nas", options={"services.x.password": "hunter22"}),
        service(
            "jellyfin",
            options={"services.x.password": {"$secret": "k"}},
            secrets={"k": {"ref": {"sops": "j/k"}}},
        ),
        asked={"k": "{name: {ref"},
    ),
    WayOut(
        "secret-literal",
        service("app", **_templated({"token": {"$value": "k"}, "password": "hunter22222x"})),
        service("app", **_templated({"token": {"$value": "k"}, "password": {"$value": "k"}})),
        says="config.password",
        asked={"k": "{name: {ref", "content": "in the template"},
    ),
)
