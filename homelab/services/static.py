"""Static sites: a small web server on the site's host, and the units that build the site.

The server is the same behind every reverse proxy and on every host, so the reverse proxy needs no
access to the files ([ADR 24](docs/decisions/0024-a-static-site-has-a-server.md)).
"""

from __future__ import annotations

import hashlib
import json
import shlex
from importlib import resources

from homelab.config.static import SiteBuild, Static, Webhook
from homelab.hardening.baseline import FAMILIES, HIDDEN, sandbox
from homelab.hardening.paths import below, for_systemd, for_tmpfiles
from homelab.network.model import LOOPBACK
from homelab.nix import Attrs, Nix, Pkg, Raw, Script, Text, attrs, merge
from homelab.plan import Plan
from homelab.proxy.caddyfile import Directive, directive, print_caddyfile
from homelab.secret_paths import fact_path
from homelab.services.command import Part, command_line, variable
from homelab.services.misread import misread_template
from homelab.services.model import Service
from homelab.services.plan import ANYWHERE
from homelab.services.site import (
    HOOK,
    SYSTEM,
    build_unit,
    built_at,
    hook_unit,
    request_of,
)
from homelab.services.templates import fill_text, path_of_secret
from homelab.services.unit import ordered, reported, tried_again

SITE, SOURCE = "/srv/site", "/srv/source"
"""Where the server sees the site, and the build the sources. /srv is empty in both sandboxes."""
_SCRIPT = "lib/build-site.sh"
_SHELL = (resources.files("homelab.services") / "build-site.sh").read_text(encoding="utf-8")
_HOOK = "lib/site-hook.py"
_RECEIVER = (resources.files("homelab.services") / "site_hook.py").read_text(encoding="utf-8")
_TOOLS = ("git", "gnutar")


def files(plan: Plan, service: Service) -> tuple[tuple[str, str], ...]:
    """Files beside the module of a site; none for another service."""
    static = service.static
    if static is None:
        return ()
    made = [(f"services/{service.name}.Caddyfile", _caddyfile(service, static))]
    if static.build is None:
        return (*made,)
    hook = ((_HOOK, _RECEIVER),) if static.build.webhook is not None else ()
    return (*made, (_SCRIPT, _SHELL), *hook)


def site(plan: Plan, service: Service, static: Static) -> Attrs:
    """The options of a site: its server, and its build if it has one."""
    source = fill_text(static.source, plan, service) if static.source else ""
    files: str | Text | None = source if static.directory else _site_of(service)
    if static.package is not None:
        files = Text.of(Pkg(static.package), f"/{static.path}" if static.path else "")
    return merge(
        _server(plan, service, files),
        _made(service, source or ""),
        _build(plan, service, static.build, source or "") if static.build is not None else {},
    )


def _site_of(service: Service) -> str:
    return f"{built_at(service.name)}/site"


def _caddyfile(service: Service, static: Static) -> str:
    root = SITE if static.build is None else f"{SITE}/current"
    missing = [
        directive("@page", "file", "/404.html"),
        directive("@none", block=[directive("not", "file", "/404.html")]),
        directive("rewrite", "@page", "/404.html"),
        directive("file_server", "@page", block=[directive("status", "404")]),
        directive("respond", "@none", "Not found", "404"),
    ]
    # Files such as .git and .env are in many sites by mistake.
    hidden = [directive("path", "*/.*"), directive("not", "path", "/.well-known/*")]
    found = [
        directive("try_files", "{path}", "{path}/index.html", f"/{static.fallback}", live=True)
    ]
    return print_caddyfile(
        [
            Directive(
                (),
                (
                    directive("admin", "off"),
                    directive("auto_https", "off"),
                ),
            ),
            directive(
                f"http://:{service.port}",
                block=[
                    directive("bind", service.bind),
                    directive("root", "*", root),
                    # Browsers ask each time whether a file has changed, so they show a new build.
                    directive("header", "Cache-Control", "no-cache"),
                    directive("encode", "zstd", "gzip"),
                    directive("@hidden", block=hidden),
                    directive("error", "@hidden", "404"),
                    *(found if static.fallback else ()),
                    directive("file_server"),
                    directive("handle_errors", block=missing),
                ],
            ),
        ]
    )


def _server(plan: Plan, service: Service, directory: str | Text | None) -> Attrs:
    name = service.name
    config = Raw(f"./{name}.Caddyfile")
    program: list[Part] = [Raw("lib.getBin pkgs.caddy"), "/bin/caddy"]
    words: list[list[Part]] = [
        program,
        ["run"],
        ["--config"],
        [config],
        ["--adapter"],
        ["caddyfile"],
    ]
    settings: Attrs = {
        "ExecStart": command_line(words),
        "Type": "notify",
        "DynamicUser": True,
        "Restart": "on-failure",
        "RestartSec": "5s",
    }
    # A check refuses a directory in a dataset that is not there.
    if isinstance(directory, Text):
        settings["BindReadOnlyPaths"] = [Text.of(*directory.parts, f":{SITE}")]
    elif directory is not None:
        settings["BindReadOnlyPaths"] = [f"{for_systemd(directory)}:{SITE}"]
    body: Attrs = {
        "description": service.entry.summary or service.entry.title,
        "wantedBy": ["multi-user.target"],
        **ordered(plan, service, ()),
        **tried_again(plan, service.host, service),
        # Caddy has nothing to store for plain HTTP.
        "environment": {"XDG_CONFIG_HOME": "/tmp", "XDG_DATA_HOME": "/tmp"},  # noqa: S108 - private
        "serviceConfig": settings,
    }
    if service.static is not None and service.static.build is not None:
        body["unitConfig"] = {"ConditionPathExists": f"{_site_of(service)}/current"}
    return {"systemd": {"services": {name: body}}}


def _made(service: Service, source: str) -> Attrs:
    """A plain directory of the stack config, which is made if it is not there."""
    if not source or service.datasets:
        return {}
    units = (*service.units, *service.entry.helpers)
    waits = merge(
        *(
            attrs(f'systemd.services."{u}".unitConfig.RequiresMountsFor', [for_systemd(source)])
            for u in units
        )
    )
    if below(source, SYSTEM):
        return waits
    made: Attrs = {
        for_tmpfiles(source): {"d": {"mode": ":0755", "user": ":root", "group": ":root"}}
    }
    return merge(waits, {"systemd": {"tmpfiles": {"settings": {f"10-state-{service.name}": made}}}})


# --- the build -----------------------------------------------------------------------------------


def _build(plan: Plan, service: Service, build: SiteBuild, source: str) -> Attrs:
    name, unit = service.name, build_unit(service.name)
    recipe = _recipe(plan, service, build)
    repeats = bool(build.schedule or build.watch or build.webhook)
    settings: Attrs = {
        "Type": "oneshot",
        "DynamicUser": True,
        "StateDirectory": name,
        "StateDirectoryMode": "0700",
        "TimeoutStartSec": "1h",
        **_SANDBOX,
    }
    if source:
        settings["BindReadOnlyPaths"] = [f"{for_systemd(source)}:{SOURCE}"]
    if not repeats:
        settings |= {"Restart": "on-failure", "RestartSec": "5min"}
    body: Attrs = {
        "description": f"Build the site {name}",
        "after": ["network-online.target"],
        "wants": ["network-online.target"],
        **reported(plan, service.host),
        "unitConfig": {"OnSuccess": [f"{name}.service"]},
        "path": [Pkg(p) for p in (*_TOOLS, *build.packages)],
        "script": _script(plan, service, build, recipe),
        "serviceConfig": settings,
    }
    variables = sorted(_environment(plan, service, build))
    if variables:
        body["environment"] = {name: variable([text]) for name, text in variables}
    if not repeats:
        body |= {"startLimitBurst": 3, "startLimitIntervalSec": 3600}
    elif build.watch or build.webhook:
        body["startLimitIntervalSec"] = 0
    services: Attrs = {unit: body}
    if build.webhook is not None:
        # A call during the build creates the file again, so that another build follows.
        remove = (Raw("pkgs.coreutils"), f"/bin/rm -f {request_of(name)}")
        settings["ExecStartPre"] = [Text.of("+", *remove)]
        services[hook_unit(name)] = _hook(plan, service, build.webhook)
    paths = {unit: _watching(name, build)} if build.watch or build.webhook else {}
    return {
        "systemd": {
            "services": services,
            "timers": {unit: _timer(name, build, recipe)},
            **({"paths": paths} if paths else {}),
        }
    }


def _hook(plan: Plan, service: Service, webhook: Webhook) -> Attrs:
    """The unit that takes the calls. It has the key, and no access to the site or its sources."""
    name = service.name
    bind = ANYWHERE if service.called.get(HOOK) else LOOPBACK
    fact = service.entry.secrets[webhook.secret]
    program: list[list[Part]] = [[Raw("lib.getBin pkgs.python3"), "/bin/python3"], ["-I"]]
    program += [[Raw(f"../{_HOOK}")], [bind], [str(webhook.port)], [request_of(name)]]
    return {
        "description": f"Webhook of the site {name}",
        "wantedBy": ["multi-user.target"],
        # No health check calls it.
        **tried_again(plan, service.host, None),
        "serviceConfig": {
            **sandbox(),
            "ExecStart": command_line(program),
            "DynamicUser": True,
            "LoadCredential": [f"key:{fact_path(name, webhook.secret, fact)}"],
            "RuntimeDirectory": hook_unit(name),
            "RuntimeDirectoryMode": "0700",
            "RuntimeDirectoryPreserve": "restart",
            "Restart": "on-failure",
            "RestartSec": "5s",
            # Every call has a thread.
            "TasksMax": 64,
            "MemoryMax": "256M",
        },
    }


def _timer(name: str, build: SiteBuild, recipe: str) -> Attrs:
    """The timer that starts a build when the host starts, and when its sources or commands are
    others. A switch does not wait for a build, and does not fail with one.
    """
    times: Attrs = {"OnActiveSec": "1s"}
    if build.schedule is not None:
        times |= {"OnCalendar": build.schedule, "Persistent": True}
    return {
        "description": f"Build the site {name}",
        "wantedBy": ["timers.target"],
        "restartTriggers": [build.rev or build.branch or "", recipe],
        "timerConfig": times,
    }


def _watching(name: str, build: SiteBuild) -> Attrs:
    watched: list[Nix] = [*build.watch]
    config: Attrs = {"PathChanged": watched} if watched else {}
    if build.webhook is not None:
        config["PathExists"] = [request_of(name)]
    return {
        "description": f"Build the site {name} after a change",
        "wantedBy": ["paths.target"],
        "pathConfig": config,
    }


def _script(plan: Plan, service: Service, build: SiteBuild, recipe: str) -> Script:
    settings = {
        "REPOSITORY": build.repository,
        "REV": build.rev,
        "BRANCH": build.branch,
        "SOURCE": SOURCE if build.source else None,
        "OUTPUT": build.output,
        "RECIPE": recipe,
        "TOKEN": path_of_secret(service, build.token) if build.token else None,
    }
    lines = [f"{k}={shlex.quote(v)}\n" for k, v in settings.items() if v]
    commands = [shlex.join(words) for words in _commands(plan, service, build)] or ["true"]
    return Script.of(
        ". ",
        Raw(f"../{_SCRIPT}"),
        "\n",
        *lines,
        "commands() {\n  ",
        " &&\n    ".join(commands),
        # A quote before a line break would make Nix print all of it on one line.
        ";\n}\nhomelab_site\n",
    )


def _recipe(plan: Plan, service: Service, build: SiteBuild) -> str:
    """A digest of what makes a site of its sources."""
    parts = [
        _commands(plan, service, build),
        sorted(_environment(plan, service, build)),
        build.packages,
        build.output,
        build.again,
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _commands(plan: Plan, service: Service, build: SiteBuild) -> list[list[str]]:
    return [[t for w in command if (t := _filled(plan, service, w))] for command in build.run]


def _environment(plan: Plan, service: Service, build: SiteBuild) -> list[tuple[str, str]]:
    found = ((k, _filled(plan, service, text)) for k, text in build.environment.items())
    return [(k, text) for k, text in found if text is not None]


def _filled(plan: Plan, service: Service, text: str) -> str | None:
    """A template's text; None if a check refuses it, or if the service lacks its dataset."""
    if any(misread_template(text, plan, service)):
        return None
    return fill_text(text, plan, service)


_SANDBOX: Attrs = {
    # Programs of builds compile at run time, and run what they download.
    **sandbox("memory-deny-write-execute"),
    "PrivateUsers": True,
    "RestrictAddressFamilies": " ".join((*FAMILIES, "AF_NETLINK")),
    "TemporaryFileSystem": [f"{p}:ro" for p in HIDDEN],
}
