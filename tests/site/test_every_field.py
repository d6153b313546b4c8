"""Every field of every kind of object has an effect.

A field counts as read if some value of it that loads, in a homelab that says something of
everything, makes another file, another resource or another problem.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from functools import cache
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from homelab import testing
from homelab.config.base import Model
from homelab.config.document import Document
from homelab.config.load import load_stack_config
from homelab.config.stack import StackConfig
from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes
from tests.site.observed import Effects, effects
from tests.site.rich import OTHER_CERTIFICATE, OTHER_KEY, RICH, VARIANTS

Path = tuple[str | int, ...]

UNREAD: dict[str, str] = {
    "Issuer.root": "which file beside the stack is the root: read when files are, tests/certificates",
    "Pin.max_age_days": "a limit on the age of a file beside the stack; tests/nix/test_locks.py",
    "Pin.lock": "which file it is: hosts get what it holds, tests/nix/test_locks.py",
    "SecretsConfig.operators": "who may open the files: `.sops.yaml`, which `homelab sops` writes",
    "StoredSecret.generate": "what `homelab secret set` makes; tests/secrets/test_commands.py",
    "Generate.kind": "what `homelab secret set` makes; tests/secrets/test_generate.py",
    "Generate.length": "what `homelab secret set` makes; tests/secrets/test_generate.py",
    "Generate.user": "what `homelab secret set` makes; tests/secrets/test_generate.py",
    "EarlySecretRef.op": "refused: the host reads it before it can reach 1Password",
    "SecretRef.op": "where the deployer looks when it runs; tests/ops/test_secret_sources.py",
    "ExtraGrant.why": "tells whoever reads the stack; the policy has no place for it",
    "Oidc.ui": "tells people where they type the settings; catalog page of the reference",
    "OwnFacts.serves_packages": "orders the hosts of a deployment; tests/deploy/test_waves.py",
    "OwnFacts.homepage": "the reference page of the catalog links it",
    "SecretFact.note": "explains the secret; catalog page of the reference",
    "SignIn.note": "explains the sign-in; catalog page of the reference",
    "MergerfsPool.kind": "which kind of pool it is, and one word fits",
    "ZfsPool.layout": "how `homelab disks --disko` lays it out; tests/disks/test_disko.py",
    "ZfsPool.kind": "which kind of pool it is, and one word fits",
    **dict.fromkeys(
        [f"Upgrade.{key}" for key in ("version", "what", "way_out", "source", "one_major")],
        "`homelab update` prints it with other versions; tests/update/test_steps.py",
    ),
    **dict.fromkeys(
        [f"{kind}.critical" for kind in ("CatalogService", "StaticService", "UnitService")],
        "`homelab vm-tests` writes a test of it; tests/install/test_service_test.py",
    ),
    **dict.fromkeys(
        ["DevConfig.shells", "DevShell.packages", "DevShell.fragments"],
        "`homelab dev-shells` writes them; tests/starter/test_dev_shells.py",
    ),
    "FlakeService.critical": "as that of the other kinds that a test can run",
    "OwnFacts.upgrades": "`homelab update` prints them; tests/update/test_steps.py",
    "NixosHost.kind": "one word fits, and it is the default",
}
"""Fields without an effect of their own, each with the reason."""

VALUES: dict[str, list[object]] = {
    "ContainerSecret.mode": ["0440"],
    "PartSecret.mode": ["0440"],
    "Template.mode": ["0440"],
    "ContainerService.monitor": [{"interval": "5m"}, {"path": "/up"}],
    "ContainerService.tile": [{"group": "Media"}],
    "ContainersService.monitor": [{"interval": "5m"}, {"path": "/up"}],
    "ContainersService.tile": [{"group": "Media"}],
    "CatalogService.dashboards": [[{"id": 1, "revision": 2, "hash": f"sha256-{'B' * 43}="}]],
    "ModuleService.dashboards": [[{"id": 1, "revision": 2, "hash": f"sha256-{'B' * 43}="}]],
    "Dashboard.hash": [f"sha256-{'B' * 43}="],
    "CatalogService.may_control": [{"units": ["miniflux"], "verbs": ["stop"]}],
    "DeployConfig.may_fail": [["nixos-upgrade.service"]],
    "Directory.kind": ["lldap"],
    "Directory.base_dn": ["dc=other,dc=example"],
    "Hardening.capabilities": [["CAP_NET_RAW"]],
    "Hardening.umask": ["0027"],
    "ModuleService.ports": [{"dlna": {"port": 1901, "scope": "lan", "why": "televisions"}}],
    "ModuleService.monitor": [{"interval": "5m"}, {"path": "/up"}],
    "ModuleService.tile": [{"group": "Media"}],
    "NixosHost.host_id": ["89abcdef"],
    "OwnFacts.added": [{"services.forum.enable": "26.05"}],
    "OwnFacts.requires_one_of": [[["services.forum.mail", "services.forum.sms"]]],
    "OwnFacts.category": ["Media"],
    "OwnFacts.database_at": [{"services.forum.dbhost": "local"}],
    "OwnFacts.removed": [{"services.forum.enable": "25.05"}],
    "OwnFacts.state_at": [{"services.board.data": "/var/lib/board"}],
    "OwnFacts.state_file_at": [{"services.board.db": "/var/lib/board/db.sqlite"}],
    "SignIn.admin_options": [{"services.forum.enable": True}],
    "ServiceSecretRef.op": ["op://home/jellyfin/other"],
    "Webhook.secret": ["words"],
    "SiteBuild.repository": ["https://git.example.org/sam/other.git"],
    "Since.release": ["26.05"],
    "Since.unless": ["services.forum.enable"],
    "OwnFacts.database": ["postgresql"],
    "OwnFacts.extends": ["grafana"],
    "OwnFacts.provides": ["metrics"],
    "OwnFacts.since": ["26.05"],
    "OwnFacts.upload": ["2GB"],
    "Oidc.since": ["26.05"],
    "PortFact.movable_since": ["26.05"],
    "SecretFact.env": [{"TOKEN": "{value}"}],
    "SecretFact.stored_key": ["board/other"],
    "SignIn.kinds": [["native"]],
    "FlakeService.monitor": [{"interval": "5m"}, {"path": "/up"}],
    "FlakeService.tile": [{"group": "Media"}],
    "FlakeService.ports": [{"dlna": {"port": 1901, "scope": "lan", "why": "televisions"}}],
    "UnitService.ports": [{"dlna": {"port": 1901, "scope": "lan", "why": "televisions"}}],
    "FlakeService.harden": [{"exempt": "it confines itself"}],
    "ServiceSecret.mode": ["0440"],
    "Account.hosts": [["pi"]],
    "Kernel.blacklist": [["snd_hda_intel"]],
    "Kernel.params": [["panic=30"]],
    "Kernel.sysctl": [{"vm.swappiness": 20}],
    "Disable.id": ["SEC-SSH-006"],
    "Disable.until": ["2031-02-01"],
    "Tinker.enabled_at": ["2030-05-30"],
    "Account.ssh_keys": [[f"{OTHER_KEY} other"]],
    "Owner.ssh_keys": [[f"{OTHER_KEY} sam"]],
    "Pin.release": ["26.05"],
    "Ports.bands": [{"infrastructure": [11000, 12000], "services": [21000, 22000]}],
    "Dns.names": [{"scanner": "192.168.1.8"}],
    "External.certificate": [OTHER_CERTIFICATE],
    "External.server_name": ["other.example.org"],
    "HostNix.substituters": [[{"url": "https://a.example.org", "key": f"a:{'B' * 43}="}]],
    "Substituter.url": ["https://a.example.org"],
    "Substituter.key": [f"a:{'B' * 43}="],
    "SiteFacts.keymap": ["no"],
    "SiteFacts.locale": ["nb_NO.UTF-8"],
    "SiteFacts.timezone": ["Europe/Berlin"],
}
"""Values to try, for fields whose type does not suggest one."""


def _bands(infrastructure: int, services: int = 20000) -> Changes:
    return {
        "infrastructure": [infrastructure, infrastructure + 8999],
        "services": [services, services + 8999],
    }


def _dump(**said: object) -> Changes:
    return {"services": {"db": {"backup": {"dump": [said]}}}}


def _dynamic_board(*options: str) -> Changes:
    """A service whose state an option moves away from its dynamic user."""
    module = {
        "dynamic_user": True,
        "state": ["/var/lib/private/board"],
        "state_at": {"services.board.data": "/var/lib/private/board"},
        "static_user_at": [*options],
        "former_state": None,
    }
    return {"services": {"board": {"secrets": {"mail": {"owner": "board"}}, "module": module}}}


def _program(**stated: object) -> Changes:
    """A service whose program dumps its database."""
    command = {"package": "forum", "words": ["dump"], "secrets": {"KEY": "key"}, **stated}
    changes = _dumped("own", {"command": command})
    changes["services"]["forum"]["module"]["secrets"] = {"key": {}}
    return changes


def _papers(**said: object) -> Changes:
    return {"services": {"papers": said}}


def _papers_backup(**said: object) -> Changes:
    return _papers(backup={"dump": None, **said})


def _papers_dump(**said: object) -> Changes:
    return _papers(backup={"dump": [said]})


def _template(content: object) -> Changes:
    template = {"format": "json", "content": content, "target": "/etc/wiki.json"}
    return {"services": {"wiki": {"container": {"templates": {"config": template}}}}}


def _pad(content: object) -> Changes:
    template = {"format": "json", "content": content}
    return {"services": {"pad": {"unit": {"templates": {"config": template}}}}}


def _dumped(database: str, dump: Changes) -> Changes:
    module = {"database": database, "dumps": [dump] if dump else None}
    return {"services": {"forum": {"module": module}}}


def _at_box(**facts: object) -> Changes:
    return {"services": {"board": {"host": "box", "module": facts}}}


_HERE: Changes = {"identity": {"kanidm": "nas"}}
_AT_KANIDM: Changes = testing.merged(
    VARIANTS["a provider elsewhere"],
    {
        "identity": {
            "issuer": "https://id.example.net/oauth2/openid/{client}",
            "endpoints": None,
        }
    },
    {"services": {"wiki": {"oidc": {"client_secret": None}}}},
)


def _voting(**oidc: object) -> Changes:
    """A service of a flake that signs people in at a provider elsewhere."""
    vote = {
        "audience": "family",
        "auth": "oidc",
        "oidc": {"redirects": ["/callback"], **oidc},
        "options": {"services.vote.client": {"$text": "{client}"}},
    }
    return testing.merged(VARIANTS["a provider elsewhere"], {"services": {"vote": vote}})


def _facts(service: str, **facts: object) -> Changes:
    return {"services": {service: {"module": facts}}}


def _below(option: str) -> Changes:
    """Facts with an option for the path of the app, and `services.forum.path` in the stack."""
    module = {"api_key": {"base": option}}
    options = {"services.forum.path": "/forum"}
    return {"services": {"forum": {"module": module, "options": options}}}


def _rewritten(option: str) -> Changes:
    """Facts with a file for the key, and an option of the stack below `services.forum.config`."""
    module = {"api_key": {"replaced_by": option}}
    options = {"services.forum.config": {"name": "x"}}
    return {"services": {"forum": {"module": module, "options": options}}}


def _ai(**stated: object) -> Changes:
    ai = {"host": "nas", "without": ["open-webui"], **stated}
    return {"ai": ai, "services": {"ollama": {"gpu": None}}}


def _media(**stated: object) -> Changes:
    """A family, and a dataset of another host."""
    tv = {"host": "box", "path": "/mnt/tv", "tier": "re-derivable"}
    return {"media": {"without": ["sonarr"], **stated}, "datasets": {"tv": tv}}


def _limited(up: int) -> Changes:
    """A service of the catalog whose rate is limited at some times."""
    schedule = [{"start": "06:00", "end": "06:00", "up": up}]
    return {"services": {"transmission": {"host": "nas", "schedule": schedule}}}


def _scheduled(**facts: object) -> Changes:
    schedule = [{"start": "06:00", "end": "06:00", "up": 100}]
    return {"services": {"forum": {"schedule": schedule, "module": facts}}}


def _drawn(**facts: object) -> Changes:
    dashboards = [{"id": 1, "revision": 2, "hash": f"sha256-{'B' * 43}="}]
    return {"services": {"forum": {"dashboards": dashboards, "module": facts}}}


def _recovers(options: Changes) -> Changes:
    facts = {"sign_in": {"recovery": options}}
    return {"services": {"forum": {"recovery": True, "module": facts}}}


def _two_disks(*links: str) -> Changes:
    """The forum with a second dataset on another disk."""
    more = {"host": "nas", "path": "/mnt/more", "tier": "re-derivable"}
    forum = {
        "datasets": {"more": "more"},
        "module": {
            "datasets": {"more": "more pictures"},
            "writes_datasets": ["uploads", "more"],
            "links_datasets": [*links],
        },
    }
    return {"datasets": {"more": more}, "services": {"forum": forum}}


def _elsewhere(calls_back: object) -> Changes:
    """The forum and the board on two hosts."""
    board = {"calls_back": calls_back}
    return {
        "services": {
            "board": {"host": "box"},
            "forum": {"module": {"connects": {"board": board}}},
        }
    }


def _beside(*, socket: bool) -> Changes:
    """An app with its data on the PostgreSQL server of its own host, in place of its file."""
    facts = {
        "units": ["tavern"],
        "user": "tavern",
        "ports": {"web": {"port": 8339, "movable": False}},
        "state": ["/var/lib/tavern"],
        "options": {"services.tavern.enable": True},
        "database": "sqlite",
        "database_elsewhere": {"postgresql": {"env": {"DB": "{url}"}, "socket": socket}},
    }
    placed = {"host": "nas", "databases": {"postgresql": {"host": "nas"}}}
    return {"catalog": {"tavern": facts}, "services": {"tavern": placed}}


def _second(*connects: str) -> Changes:
    """A second instance of an app, connected to others."""
    state = "/var/lib/private/radarr-4k"
    unit = {"package": "radarr", "command": ["Radarr", f"-data={state}"]}
    second = {"host": "nas", "extends": "radarr", "port": 27879, "unit": unit, "state": [state]}
    second |= {"backup": {"live": "a test"}, "connects": [*connects]}
    return {"services": {"radarr-4k": second, "sabnzbd": {"host": "nas"}}}


def _routed(name: str) -> Changes:
    router = {"audience": None, "auth": None, "headers": None, "routes": [{"name": name}]}
    return {"services": {"router": router}}


def _open_forum(**sign_in: object) -> Changes:
    forum = {"publish": "tunnel", "public": "for everyone", "auth": "native"}
    return {"services": {"forum": {**forum, "module": {"sign_in": sign_in}}}}


def _issuer(**said: object) -> Changes:
    return {"network": {"entry": {"acme": said}}}


def _vpn(**said: object) -> Changes:
    return {"services": {"sonarr": {"vpn": said}}}


def _built(site: str, **said: object) -> Changes:
    return {"services": {site: {"static": {"build": said}}}}


def _formerly(**more: object) -> Changes:
    """A service with a part of its state that is in no backup, and a former directory."""
    former = {"before": "26.05", "directory": "/var/lib/old-board", **more}
    module = {"exclude": ["/var/lib/board/cache"], "former_state": former}
    return {"services": {"board": {"module": module}}}


_WITH_TOKEN: Changes = {
    "services": {"caddy": {"secrets": {"dns": {"env": "CLOUDFLARE_API_TOKEN"}}}}
}


def _external(**stated: object) -> Changes:
    plain = {"certificate": None, "server_name": None, "scheme": "http", **stated}
    return {"services": {"router": {"external": plain}}}


def _upstream(**said: object) -> Changes:
    upstream = {"scheme": "https", **said}
    return {"services": {"miniflux": {"routes": [{"name": "news", "upstream": upstream}]}}}


def _graphics(**said: object) -> Changes:
    wiki = {
        "host": "box",
        "gpu": "intel",
        "datasets": None,
        "uses": None,
        "container": {"depends_on": None},
    }
    return {"hosts": {"box": {"gpu": said}}, "services": {"wiki": wiki}}


def _nvidia(**said: object) -> Changes:
    gpu = {"vendor": "nvidia", "open": None, "architecture": None, "shared": None, **said}
    return {"hosts": {"nas": {"gpu": gpu}}}


def _forum(**facts: object) -> Changes:
    return {"services": {"forum": {"module": facts}}}


def _worker(parts: object) -> Changes:
    """The forum without what an option switches off."""
    optional = {"services.forum.worker": parts}
    forum = {"options": {"services.forum.worker": False}, "module": {"optional": optional}}
    return {"services": {"forum": forum}}


def _stick(**said: object) -> Changes:
    device = {"usb": None, "serial": None, "kind": None, **said}
    return {"hosts": {"nas": {"devices": {"stick": device}}}}


def _needing(**fact: object) -> Changes:
    module = {"devices": {"power": {"required": True, "option": "", **fact}}}
    return {"services": {"forum": {"devices": None, "module": module}}}


def _two_users(**said: object) -> Changes:
    both = {"forum": {"devices": {"power": "stick"}}}
    return {"hosts": {"nas": {"devices": {"stick": said}}}, "services": both}


def _pool(**stated: object) -> Changes:
    return {"hosts": {"nas": {"pools": {"pool": stated}}}}


def _old(**stated: object) -> Changes:
    return {"hosts": {"nas": {"file_systems": {"/mnt/old": stated}}}}


def _swap(**stated: object) -> Changes:
    nothing = {"disk": None, "partition": None, "size": None}
    return {"hosts": {"nas": {"swap": {**nothing, **stated}}}}


_DIRECTORY: Changes = {"identity": {"directory": {"base_dn": "dc=other,dc=example"}}}


WAYS: dict[str, tuple[Changes, Changes]] = {
    "UnitService.connects": (_second(), _second("sabnzbd")),
    "Offline.pull_from": (
        {"hosts": {"box": {"offline": {"wake_by": None, "pull_from": "pi"}}}},
        {"hosts": {"box": {"offline": {"wake_by": None, "pull_from": "nas"}}}},
    ),
    "MergerfsPool.branches": (
        _pool(branches=["/keep", "/mnt/old"]),
        _pool(branches=["/mnt/old", "/keep"]),
    ),
    "Syncing.devices": (
        {"datasets": {"library": {"syncthing": {"devices": {"tablet": None}}}}},
        {
            "datasets": {
                "library": {
                    "syncthing": {
                        "devices": {
                            "tablet": "BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN-BBBBBBB-BBBBBBN"
                        }
                    }
                }
            }
        },
    ),
    "Offload.source": (
        {"backup": {"offload": {"night": {"from": "usb"}}}},
        {"backup": {"offload": {"night": {"from": "web"}}}},
    ),
    "Mover.source": (
        _pool(mover={"from": "/keep", "age": 30}),
        _pool(mover={"from": "/mnt/old", "age": 30}),
    ),
    "FileSystemConfig.source": (
        _old(**{"from": "/dev/disk/by-label/old"}),
        _old(**{"from": "/dev/disk/by-label/older"}),
    ),
    "Swap.file": (
        _swap(file="/srv/swapfile", size="2 GB"),
        _swap(file="/srv/other/swapfile", size="2 GB"),
    ),
    "Swap.size": (
        _swap(file="/srv/swapfile", size="2 GB"),
        _swap(file="/srv/swapfile", size="4 GB"),
    ),
    "Swap.source": (
        _swap(**{"from": "/dev/disk/by-partuuid/1"}),
        _swap(**{"from": "/dev/disk/by-partuuid/2"}),
    ),
    "Boot.device": (
        {"hosts": {"nas": {"boot": {"loader": "grub", "device": "/dev/sda"}}}},
        {"hosts": {"nas": {"boot": {"loader": "grub", "device": "/dev/sdb"}}}},
    ),
    "ApiKey.format": (
        _facts("forum", api_key={"at": "api.key"}),
        _facts("forum", api_key={"at": "key", "format": "json"}),
    ),
    "ApiKey.base": (
        _below("services.forum.path"),
        _below("services.forum.other"),
    ),
    "ApiKey.replaced_by": (
        _rewritten("services.forum.config"),
        _rewritten("services.forum.other"),
    ),
    "Ai.gpu": (_ai(), _ai(gpu="nvidia")),
    "Media.host": (_media(host="nas", library="films"), _media(host="box", library="tv")),
    "Media.library": (
        _media(host="nas", library="films"),
        _media(host="nas", library="library"),
    ),
    "ModuleService.schedule": ({"services": {"forum": {"module": {}}}}, _scheduled()),
    "OwnFacts.dashboards": (_drawn(), _drawn(dashboards="grafana")),
    "SignIn.recovery": (
        _recovers({"services.forum.proxyAuth": False}),
        _recovers({"services.forum.open": True}),
    ),
    "CatalogService.schedule": (_limited(50), _limited(100)),
    "OwnFacts.rates": (_scheduled(), _scheduled(rates="transmission")),
    "OwnFacts.links_datasets": (
        _two_disks(),
        _two_disks("uploads", "more"),
    ),
    "DatabaseElsewhere.socket": (_beside(socket=False), _beside(socket=True)),
    "ConnectionFact.calls_back": (
        _elsewhere(False),
        _elsewhere(True),
    ),
    "Boot.generation_mib": ({}, {"hosts": {"pi": {"boot": {"generation_mib": 200}}}}),
    "CaddyPlugin.module": (
        {},
        {"network": {"entry": {"plugins": [{"module": "github.com/a/b", "version": "v0.1.0"}]}}},
    ),
    "CaddyPlugin.version": (
        {},
        {
            "network": {
                "entry": {
                    "plugins": [{"module": "github.com/mholt/caddy-ratelimit", "version": "v0.2.0"}]
                }
            }
        },
    ),
    "CloudflareConfig.zone": ({}, {"cloudflare": {"zone": {"id": "7" * 32}}}),
    "CloudflareConfig.advanced_certificates": (
        {"site": {"names": {"public": "{name}.home.{zone}"}}},
        {
            "site": {"names": {"public": "{name}.home.{zone}"}},
            "cloudflare": {"advanced_certificates": True},
        },
    ),
    "ExternalService.routes": (_routed("gateway"), _routed("modem")),
    "ModuleService.tags": (
        {"services": {"board": {"host": None, "tags": ["metrics"]}}},
        {"services": {"board": {"host": None, "tags": ["nowhere"]}}},
    ),
    "StaticService.datasets": (
        {"services": {"notes": {"datasets": {"texts": "films"}}}},
        {"services": {"notes": {"datasets": {"texts": "other"}}}},
    ),
    "StaticService.tags": (
        {"services": {"heim": {"host": None, "tags": ["metrics"]}}},
        {"services": {"heim": {"host": None, "tags": ["nowhere"]}}},
    ),
    "SiteBuild.rev": (_built("heim"), _built("heim", rev="0" * 40)),
    "SiteBuild.source": (_built("notes"), _built("notes", source="{dataset[texts]}/b")),
    "SiteBuild.watch": (_built("blog"), _built("blog", watch=["/var/lib/other"])),
    "Static.directory": (
        {"services": {"pages": {"static": {"directory": "/srv/pages"}}}},
        {"services": {"pages": {"static": {"directory": "/srv/other"}}}},
    ),
    "UnitService.tags": (
        {"services": {"pad": {"host": None, "tags": ["metrics"]}}},
        {"services": {"pad": {"host": None, "tags": ["nowhere"]}}},
    ),
    "OwnFacts.needs": (_at_box(), _at_box(needs=["always_on"])),
    "OwnFacts.modules": (_at_box(), _at_box(modules=["grafana"])),
    "OwnFacts.optional": (
        _facts("forum", options={"services.forum.worker": False}),
        _facts("forum", options={"services.forum.worker": False}, optional=None),
    ),
    "OwnFacts.persist": (_at_box(), _at_box(persist=["/var/lib/board-queue"])),
    "OwnFacts.user": (_at_box(), _at_box(user="other")),
    "OwnFacts.job": (
        {"services": {"board": {"module": {"provides": "metrics", "page": False}}}},
        {"services": {"board": {"module": {"provides": "metrics", "page": False, "job": "b"}}}},
    ),
    "SignIn.first_account": (_open_forum(), _open_forum(first_account="visitor")),
    "SignIn.apps": (
        {"services": {"forum": {"publish": "tunnel"}}},
        {"services": {"forum": {"publish": "tunnel", "module": {"sign_in": {"apps": "phones"}}}}},
    ),
    "SignIn.host_users": (
        {"site": {"owner": {"sudo": "passwordless", "password": None}}},
        {
            "site": {"owner": {"sudo": "passwordless", "password": None}},
            "services": {"forum": {"module": {"sign_in": {"host_users": True}}}},
        },
    ),
    **{
        f"Dump.{kind}": (_dumped(database, {}), _dumped(database, {kind: source}))
        for kind, database, source in (
            ("postgresql", "postgresql", "forum"),
            ("mysql", "mysql", "forum"),
            ("builtin", "sqlite", "/var/lib/forum/dumps"),
            ("command", "own", {"package": "forum", "words": ["dump"]}),
        )
    },
    **{
        f"DumpProgram.{field}": (_program(), _program(**{field: value}))
        for field, value in (
            ("package", "forum-tools"),
            ("words", ["dump", "--all"]),
            ("secrets", {"OTHER": "key"}),
        )
    },
    "OwnFacts.static_user_at": (_dynamic_board(), _dynamic_board("services.board.data")),
    "ContainerService.tags": (
        {"services": {"wiki": {"host": None, "tags": ["metrics"]}}},
        {"services": {"wiki": {"host": None, "tags": ["nowhere"]}}},
    ),
    "Container.templates": (_template({"a": 1}), _template({"a": 2})),
    "Unit.templates": (_pad({"a": 1}), _pad({"a": 2})),
    "ContainersService.containers": (
        {},
        _papers(containers={"cache": {"image": f"docker.io/library/redis:8@sha256:{'0' * 64}"}}),
    ),
    "ContainersService.public": (
        _papers(publish="tunnel"),
        _papers(publish="tunnel", public="everybody may read"),
    ),
    "ContainersService.routes": (
        _papers(audience=None, auth=None, routes=[{"name": "papers"}]),
        _papers(audience=None, auth=None, routes=[{"name": "documents"}]),
    ),
    "ContainersService.tags": (
        _papers(host=None, tags=["metrics"]),
        _papers(host=None, tags=["nowhere"]),
    ),
    "PartsBackup.skip": (_papers_backup(), _papers_backup(skip="it keeps nothing")),
    "PartsBackup.live": (_papers_backup(), _papers_backup(live="it writes whole files alone")),
    **{
        f"PartDump.{kind}": (_papers_dump(**{kind: one}), _papers_dump(**{kind: other}))
        for kind, one, other in (
            ("command", ["a"], ["b"]),
            ("postgresql", "a", "b"),
            ("sqlite", "/var/lib/papers/a.db", "/var/lib/papers/b.db"),
        )
    },
    "FlakeService.tags": (
        {"services": {"vote": {"host": None, "tags": ["metrics"]}}},
        {"services": {"vote": {"host": None, "tags": ["nowhere"]}}},
    ),
    "FlakeInput.private": (
        {"flakes": {"vote": {"url": "git+ssh://git@example.org/sam/vote?lfs=1"}}},
        {
            "flakes": {
                "vote": {
                    "url": "git+ssh://git@example.org/sam/vote?lfs=1",
                    "private": "a deploy key of each host",
                }
            }
        },
    ),
    "DeviceFact.why": (_needing(why="a UPS"), _needing(why="a battery")),
    "DeviceFact.required": (_needing(why="a UPS"), _needing(required=False)),
    "Device.path": (_stick(usb="0403:6001"), _stick(path="/dev/v4l/by-id/usb-a")),
    "Device.usb": (_stick(usb="0403:6001"), _stick(usb="0403:6002")),
    "Device.shared": (_two_users(shared=False), _two_users(shared=True)),
    "DumpConfig.command": (_dump(command=["a"]), _dump(command=["b"])),
    "DumpConfig.mysql": (_dump(mysql="a"), _dump(mysql="b")),
    "Issuer.credentials": (
        VARIANTS["another DNS provider"],
        _issuer(provider="desec", credentials={"DESEC_TOKEN": {"sops": "acme/other"}}),
    ),
    "Issuer.root": (
        _issuer(provider="internal", root="ca/root.crt", key={"sops": "ca/key"}),
        _issuer(provider="internal", root="ca/other.crt", key={"sops": "ca/key"}),
    ),
    "Issuer.settings": (
        VARIANTS["another DNS provider"],
        _issuer(
            provider="desec",
            credentials={"DESEC_TOKEN": {"sops": "acme/desec"}},
            settings={"DESEC_TTL": "3600"},
        ),
    ),
    "FlakeService.oidc": (
        {"services": {"vote": {"auth": "oidc", "headers": None, "oidc": {"redirects": ["/a"]}}}},
        {"services": {"vote": {"auth": "oidc", "headers": None, "oidc": {"redirects": ["/b"]}}}},
    ),
    "ContainerService.public": (
        {"services": {"wiki": {"publish": "tunnel"}}},
        {"services": {"wiki": {"publish": "tunnel", "public": "everybody may read"}}},
    ),
    "FlakeService.public": (
        {"services": {"vote": {"publish": "tunnel"}}},
        {"services": {"vote": {"publish": "tunnel", "public": "everybody may vote"}}},
    ),
    "Gpu.devices": (_graphics(), _graphics(devices=["/dev/dri/renderD129"])),
    "Gpu.architecture": (_nvidia(architecture="turing"), _nvidia(architecture="pascal")),
    "Gpu.open": (_nvidia(architecture="ampere"), _nvidia(architecture="ampere", open=False)),
    "Gpu.shared": (_nvidia(open=True, shared=True), _nvidia(open=True, shared=False)),
    "ServiceFacts.flake": (_forum(), _forum(flake="vote.nixosModules.other")),
    "ServiceFacts.optional": (_worker({"units": ["forum-worker"]}), _worker(None)),
    "OptionalPart.units": (_worker({"ports": None}), _worker({"units": None, "ports": None})),
    "OptionalPart.ports": (_worker({"units": None}), _worker({"units": None, "ports": None})),
    "Gpu.vendor": ({}, {"hosts": {"box": {"gpu": {"vendor": "amd", "generation": None}}}}),
    "ServiceVpn.gid": ({}, _vpn(gid=1234)),
    "ServiceVpn.lan": ({}, _vpn(lan=True)),
    "ServiceVpn.mode": ({}, _vpn(mode="namespace")),
    "ServiceVpn.name": ({}, _vpn(name="other")),
    "ServiceVpn.uid": ({}, _vpn(uid=1234)),
    "TailnetConfig.policy": (
        {},
        {
            "tailnet": {
                "policy": "elsewhere",
                "family": None,
                "dns": None,
                "grants": None,
                "ssh": None,
                "tests": None,
                "node_attributes": None,
                "machines": None,
            }
        },
    ),
    "External.verify": (_external(scheme="https"), _external(scheme="https", verify=False)),
    "External.scheme": (_external(), _external(scheme="https")),
    "Upstream.verify": (_upstream(), _upstream(verify=False)),
    "PortBands.infrastructure": (
        VARIANTS["ports by bands"],
        {"network": {"ports": {"policy": "banded", "bands": _bands(11000)}}},
    ),
    "PortBands.services": (
        VARIANTS["ports by bands"],
        {"network": {"ports": {"policy": "banded", "bands": _bands(10000, 21000)}}},
    ),
    "ContainerService.container": ({}, {"services": {"wiki": {"container": {"port": 3001}}}}),
    "CustomOidc.client_id": (_voting(), _voting(client_id="ballot")),
    "CustomOidc.public": (
        {"services": {"wiki": {"oidc": {"env": None}}}},
        {"services": {"wiki": {"oidc": {"env": None, "public": True}}}},
    ),
    "Entry.plugins": (
        {},
        {"network": {"entry": {"plugins": [{"module": "github.com/a/b", "version": "v0.1.0"}]}}},
    ),
    "Desktop.environment": (
        {},
        {"hosts": {"pi": {"desktop": {"environment": "plasma"}}}},
    ),
    "OwnFacts.upstream": (
        {},
        {"services": {"board": {"module": {"upstream": {"scheme": "https"}}}}},
    ),
    "FormerState.files": (_formerly(), _formerly(files="data")),
    "Entry.variables": (
        _WITH_TOKEN,
        testing.merged(_WITH_TOKEN, {"network": {"entry": {"variables": "exec_wrapper"}}}),
    ),
    "HomeManagerHost.address": ({}, {"hosts": {"mac": {"address": {"lan": "192.168.1.3"}}}}),
    "HomeManagerHost.kind": (
        {},
        {"hosts": {"mac": {"kind": "nixos", "platform": "x86_64-linux"}}},
    ),
    "IdentityConfig.directory": ({}, _DIRECTORY),
    "IdentityConfig.kanidm": (_AT_KANIDM, testing.merged(_AT_KANIDM, _HERE)),
    "IdentityConfig.provider": ({}, {**VARIANTS["passkeys"]}),
    "IdentityConfig.session": ({}, {"identity": {"session": {"inactivity": "9m"}}}),
    "IdentityConfig.users": (
        {"identity": {"directory": None, "users": {"sops": "authelia/users"}}},
        {"identity": {"directory": None, "users": {"sops": "authelia/others"}}},
    ),
    "NixosHost.offline": ({}, {"hosts": {"box": {"offline": None}}}),
    "Extends.name": ({}, {"hosts": {"old": {"extends": {"name": "attic"}}}}),
    "Pin.url": ({}, {"nixpkgs": {"default": {"url": "github:lee/other"}}}),
    "NixosHost.flakes": ({}, {"hosts": {"nas": {"flakes": ["vote.nixosModules.default"]}}}),
    "SiteFacts.mutable_users": ({}, {"site": {"mutable_users": False}}),
    "Persistence.forget": (
        {},
        {"hosts": {"box": {"persistence": {"forget": {"/var/lib/nixos": "made anew"}}}}},
    ),
}
"""Two stack configs that differ in one field only, for fields that do not load alone."""

GUESSES: tuple[object, ...] = (
    *(True, False, 1, 2, 30, 100, 1500, 3456, 60000),
    *("nas", "pi", "box", "other", "films", "admins", "jellyfin", "media", "x"),
    *("/var/lib/other", "/other/*", "example.net", "lee@example.net", "tcp:443"),
    *("192.168.1.77", "10.9.0.0/24", "10.3.0.2/32", "203.0.113.9:51820", "203.0.113.9/32"),
    *("5m", "12h", "20m", "90s", "60d", "48h", "3min", "400s", "04:44", "02:02", "20MB"),
    *("a reason that lasts", "2031-01-01", "24.11", "0755", "a" * 32, f"{'B' * 43}="),
    *("5" * 8 + "-5555-5555-5555-" + "5" * 12, "https://example.net", "github:lee/other"),
    *("other.nix", "{name}.x.{zone}", "{name}.x.{domain}", "example.net:8080", "ab:cd:ef:01:23:45"),
    *(f"sha256:{'c' * 64}", f"sha256-{'B' * 43}=", f"ghcr.io/a/c:2@sha256:{'1' * 64}"),
    *(OTHER_KEY, build.KEY, "https://127.0.0.1:8443", "k3y", "Etc/UTC", "enp9s0", "X_VAR"),
    "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
    {"sops": "other/key"},
    {"sops": "other/key", "op": None},
    {"op": "op://vault/item/field"},
)


def plain(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        return plain(inner[0]) if len(inner) == 1 else annotation
    return annotation


def kinds_in(annotation: Any) -> Iterator[type[Model]]:
    """The models that an annotation reaches, each once, without what kinds have in common."""
    pending, seen = [annotation], set()
    while pending:
        here = plain(pending.pop())
        if isinstance(here, type) and issubclass(here, BaseModel):
            if here not in seen:
                seen.add(here)
                yield here
                pending += [f.annotation for f in here.model_fields.values()]
        else:
            pending += get_args(here)


MODELS = sorted(
    {m for m in kinds_in(StackConfig) if m is not StackConfig}, key=lambda m: m.__name__
)
FIELDS = [f"{m.__name__}.{f}" for m in MODELS for f in m.model_fields]


def stack(variant: str) -> dict[str, Any]:
    """A copy of a stack that sets every field."""
    return copied(_stack(variant))


@cache
def _stack(variant: str) -> dict[str, Any]:
    return testing.changed(build.config(RICH), VARIANTS[variant])


def copied(value: Any) -> Any:
    """A copy of nested dictionaries and lists."""
    if isinstance(value, dict):
        return {key: copied(inner) for key, inner in value.items()}
    return [copied(inner) for inner in value] if isinstance(value, list) else value


@cache
def config(variant: str) -> StackConfig:
    return load_stack_config(Document(stack(variant)))


@cache
def before(variant: str) -> Effects:
    return dict(effects(config(variant)))


@cache
def occurrences() -> Mapping[str, list[tuple[str, Path]]]:
    """The places of each model, by its name: a stack config and a path in it."""
    found: dict[str, list[tuple[str, Path]]] = {}

    def walk(value: object, variant: str, path: Path) -> None:
        if isinstance(value, BaseModel):
            found.setdefault(type(value).__name__, []).append((variant, path))
            for name in type(value).model_fields:
                walk(getattr(value, name), variant, (*path, name))
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, variant, (*path, key))
        elif isinstance(value, list | tuple):
            for index, inner in enumerate(value):
                walk(inner, variant, (*path, index))

    for variant in VARIANTS:
        walk(config(variant), variant, ())
    return found


def changed(variant: str, path: Path, name: str, value: object) -> dict[str, Any] | None:
    """The stack with another value of a field, or None if the place cannot have it."""
    values = stack(variant)
    here: Any = values
    for part in path:
        if isinstance(here, dict):
            here = here.setdefault(part, {})
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        else:
            return None
    if not isinstance(here, dict) or here.get(name) == value:
        return None
    if value is None:
        if name not in here:
            return None
        del here[name]
    else:
        here[name] = value
    return values


def guesses(model: type[BaseModel], name: str, now: object) -> Iterator[object]:
    """Values to try, those of the right type first."""
    yield from VALUES.get(f"{model.__name__}.{name}", ())
    annotation = plain(model.model_fields[name].annotation)
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
        return
    if annotation is bool:
        yield not now
        return
    if annotation is int and isinstance(now, int):
        yield from (now + 1, now + 7, now * 2, max(now - 1, 1))
    inner = [plain(a) for a in get_args(annotation)]
    if get_origin(annotation) in (list, tuple):
        one = inner[0] if inner else str
        for value in _inner(one):
            yield [value]
        yield []
    elif get_origin(annotation) is dict:
        for key in ("other", "default", "user", "films", "host-network", "corp.example", "X-Other"):
            for value in _inner(inner[1] if len(inner) > 1 else str):
                yield {key: value}
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield {}
    yield from GUESSES
    yield None


def _inner(annotation: Any) -> Iterator[object]:
    if get_origin(annotation) is Literal:
        yield from get_args(annotation)
    elif get_origin(annotation) is list:
        yield from ([g] for g in GUESSES)
    elif annotation in (IPv4Address, IPv4Network, str):
        yield from GUESSES
    else:
        yield from ({}, *GUESSES)


@cache
def adapter(model: type[BaseModel], name: str) -> TypeAdapter[Any]:
    field = model.model_fields[name]
    extra = tuple(field.metadata)
    return TypeAdapter(Annotated[(field.annotation, *extra)] if extra else field.annotation)


def fits(model: type[BaseModel], name: str, value: object) -> bool:
    """Whether a value is of the field's type. This is faster than loading a stack."""
    try:
        adapter(model, name).validate_python(value)
    except ValidationError:
        return False
    except TypeError:
        return True  # a pattern met before the type; loading tells
    return True


def loaded(values: Mapping[str, Any]) -> StackConfig | None:
    """The config of a stack, or None if it does not load."""
    try:
        return load_stack_config(Document(dict(values)))
    except InvalidStackError:
        return None


TRIES = 4
"""Number of values without effect to try before the next place."""


def between(name: str) -> str:
    """The difference between the effects of the two stacks of a field, or an empty text."""
    was, now = (
        effects(load_stack_config(Document(testing.changed(stack("as it is"), dict(way)))))
        for way in WAYS[name]
    )
    return difference(dict(was), now)


def difference(was: Effects, now: Iterator[tuple[str, str]]) -> str:
    """The first effect that differs, or an empty text. Later ones are not computed."""
    found = set()
    for key, text in now:
        if was.get(key) != text:
            return key
        found.add(key)
    return next((key for key in was if key not in found), "")


def proof(model: type[BaseModel], name: str) -> str:
    """An effect of a field, or an empty text."""
    if f"{model.__name__}.{name}" in WAYS:
        return between(f"{model.__name__}.{name}")
    for variant, path in occurrences()[model.__name__]:
        stack_config: Any = config(variant)
        for part in path:
            stack_config = (
                stack_config[part]
                if isinstance(stack_config, Mapping | list | tuple)
                else getattr(stack_config, str(part))
            )
        tried = 0
        for value in guesses(model, name, getattr(stack_config, name)):
            if value is not None and not fits(model, name, value):
                continue
            values = changed(variant, path, name, value)
            if values is None or (found := loaded(values)) is None:
                continue
            if differs := difference(before(variant), effects(found)):
                return f"{value!r} at {path} of {variant}: {differs}"
            tried += 1
            if tried == TRIES:
                break
    return ""


def test_every_kind_of_object_is_in_the_stack() -> None:
    bases = {b for m in MODELS for b in m.__mro__[1:]}
    assert [m.__name__ for m in MODELS if m not in bases and m.__name__ not in occurrences()] == []


@pytest.mark.long
@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_field_has_an_effect(model: type[Model]) -> None:
    fields = [
        name
        for name, field in model.model_fields.items()
        if f"{model.__name__}.{name}" not in UNREAD
        # A required object has an effect if its fields have.
        and not (isinstance(kind := plain(field.annotation), type) and issubclass(kind, BaseModel))
    ]
    assert [f for f in fields if not proof(model, f)] == []


def test_every_exception_still_has_no_effect() -> None:
    """The list of exceptions contains no field that has an effect."""
    assert sorted(set(UNREAD) - set(FIELDS)) == []
