"""Every text of a rendered stack, with the language of the program that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from homelab.nix import Comment, Lines, Nix, Path, Pkg, Raw, Script, Text
from homelab.nix.values import After, Before, Call, Force, Function
from homelab.plan import Plan
from homelab.render import modules_of
from tests.site import dividing, judges
from tests.site.judges import Judge

KEY = "="
"""The last part of the place of an attribute name."""
STORE = "/nix/store/x"
"""The placeholder of a Nix expression in a text."""


@dataclass(frozen=True)
class Said:
    """A text and its place: a file and an option's path."""

    place: str
    path: tuple[str, ...]
    text: str
    stated: bool = False


def texts(plan: Plan) -> Iterator[Said]:
    """Every text of every rendered host."""
    for host in plan.hosts.values():
        if host.config.state == "planned":
            continue
        modules = modules_of(plan, host)
        for module in (each for m in modules for each in (m, *m.nested)):
            place = f"{host.name}/{module.file}"
            yield from (Said(place, p, t) for p, t in walked(module.derived))
            yield from (Said(place, p, t, stated=True) for p, t in walked(module.stated))
            yield from (Said(place, ("file", name), text) for name, text in module.extra)


def walked(value: Nix, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """The texts of a value by path. Items of a list have the list's path."""
    match value:
        case Comment(text, inner):
            # Nix's parser reads it.
            yield from walked(inner, path)
        case Force(inner) | After(inner) | Before(inner):
            yield from walked(inner, path)
        case str():
            yield path, value
        case Lines(text) | Raw(text):
            yield path, text
        case Path(text) | Pkg(text):
            yield path, text
        case Text(parts, _) | Script(parts):
            yield path, "".join(p if isinstance(p, str) else STORE for p in parts)
        case Call(_, args):
            for inner in args:
                yield from walked(inner, path)
        case Function(_, body):
            yield from walked(body, path)
        case Mapping():
            for key, inner in value.items():
                yield (*path, KEY), key
                yield from walked(inner, (*path, key))
        case list() | tuple():
            for inner in value:
                yield from walked(inner, path)


_WHOLE = judges.whole
_WORD = judges.plain
_LINE = judges.without(r"[\n\r]")
_SHELL = judges.bash
_UNIT = judges.systemd
_UNIT_NAME = judges.without(r"[^A-Za-z0-9:_.@-]", _WORD)
_ALIAS = judges.without(r"[^A-Za-z0-9_.,:@%+-]")
_GIT_NAME = judges.without(r"[^A-Za-z0-9.-]", judges.whole)
# NixOS puts it in single quotes, and tmpfiles knows escapes and specifiers there.
_TMPFILES = judges.without(r"['\\%\n\r]")
# Lines that PHP's dotenv reads. The modules of nixpkgs write them without quotes.
_DOTENV = judges.without(r"[\s#$'\"\\]")
_PAGE = judges.without(r"\{\{")
_NGINX = judges.each(dividing.nginx_words, judges.without(r"\$"))


def _by_its_program(text: str, values: judges.Values) -> list[str]:
    """Not judged here: a proxy reads its whole configuration, see `proxied.py`."""
    del text, values
    return []


def _links(text: str, values: judges.Values) -> list[str]:
    """A script that starts with an object of JSON. `</` would end a script inside of a page."""
    table, end, script = text.removeprefix("const homelabLocal = ").partition(";\n\n")
    assert end
    wrong = ["a value is outside of the table"] if judges.marks(script) else []
    wrong += ["a page ends the script"] if "</" in table else []
    return [*wrong, *judges.as_json(table, values)]


LANGUAGES: tuple[tuple[str, Judge], ...] = (
    # Lines of files, and files beside the modules.
    ("environment.etc.homelab/facts.json.**", _WHOLE),
    # A certificate, which the type of its field reads.
    ("environment.etc.homelab/upstreams/*.text", _WHOLE),
    ("environment.etc.*.text", _WORD),
    ("file.ca/index.html", judges.html),
    ("file.dashboard/links.js", _links),
    ("file.lib/disk-*", judges.without(r"[\n\r'\\%]")),
    ("file.lib/people.ldif", judges.each(dividing.ldif_lines, _LINE)),
    ("file.lib/connections-*.json", judges.as_json),
    ("file.lib/pocket-id-client.json", judges.as_json),
    ("file.lib/pocket-id-apps.json", judges.as_json),
    ("file.lib/people.json", judges.as_json),
    ("file.lib/monitors.json", judges.as_json),
    ("file.nginx/*", _NGINX),
    # Words for the kernel, the console and firewalls.
    ("boot.kernelModules", judges.without(r"^-", _WORD)),
    ("boot.blacklistedKernelModules", judges.without(r"^-", _WORD)),
    ("boot.kernelParams", judges.without(r"[\s\"']")),
    ("boot.kernel.sysctl.*", judges.without(r"[\n\r=]")),
    ("console.keyMap", judges.without(r"^-", _WORD)),
    ("networking.firewall.**", _WORD),
    ("networking.nftables.**", _WORD),
    ("networking.interfaces.**", _WORD),
    ("networking.defaultGateway.interface", _WORD),
    ("networking.hosts.**", _WORD),
    ("networking.wg-quick.interfaces.**", _WORD),
    # A pattern of known_hosts, in a list with commas.
    ("programs.ssh.knownHosts.*.hostNames", judges.without(r"[\s,*?!|#\[\]]")),
    # NixOS writes it in double quotes.
    ("networking.wireless.networks.=", judges.without(r"[\"\\\n\r]")),
    # fstab, where NixOS writes a blank as \040.
    ("environment.etc.crypttab.text", judges.each(str.split)),
    ("swapDevices.**", _WORD),
    ("boot.initrd.luks.devices.=", judges.without(r"[^A-Za-z0-9_.-]")),
    ("boot.initrd.luks.devices.**", _WORD),
    ("services.btrfs.autoScrub.fileSystems", judges.without(r"[\n\r\\]")),
    ("fileSystems.*.options", judges.without(r"[,\s\\]")),
    ("fileSystems.**", judges.without(r"[\t\n\r\\]")),
    ("environment.persistence.**", _LINE),
    # A subvolume: blank-root.nix quotes it for the script of the initrd, and writes it as a line.
    ("homelab.blankRoot.blank", _WORD),
    # nix.conf: a setting ends with its line.
    ("nix.settings.*", judges.without(r"[\n\r#]")),
    ("nixpkgs.config.allowUnfreePredicate", _WORD),
    ("nixpkgs.overlays", _WORD),
    ("nix.gc.dates", judges.without(r"[%\n\r\\\\]")),
    ("users.users.*.openssh.authorizedKeys.keys", _LINE),
    # A file that a script of NixOS opens.
    ("users.users.*.hashedPasswordFile", _LINE),
    ("security.sudo.extraRules.users", _WORD),
    ("security.sudo-rs.extraRules.users", _WORD),
    ("users.**", _WORD),
    ("security.acme.**", _WORD),
    ("security.polkit.extraConfig", judges.each(dividing.javascript_words)),
    ("sops.age.sshKeyPaths", _LINE),
    ("sops.**", _WORD),
    ("home-manager.users.*.imports", _WORD),
    # Homes. home-manager quotes the text of an alias, and not its name.
    ("home.packages", judges.without(r"[^A-Za-z0-9_'.-]")),
    *((f"programs.{shell}.shellAliases.=", _ALIAS) for shell in ("bash", "zsh")),
    *((f"programs.{shell}.shellAliases.*", _WHOLE) for shell in ("bash", "zsh")),
    # Lines of the person's own, in the language of the program.
    ("programs.bash.initExtra", _WHOLE),
    ("programs.tmux.extraConfig", _WHOLE),
    ("programs.tmux.*", _WORD),
    # INI, where Git's names stand bare and a value or the name of a subsection is quoted.
    ("programs.git.settings.=", _GIT_NAME),
    ("programs.git.settings.*.=", judges.without(r"[\"\\\n\r]")),
    ("programs.git.settings.*.*.=", _GIT_NAME),
    ("programs.git.settings.**", _WHOLE),
    # JSON and TOML.
    ("programs.micro.settings.**", _WHOLE),
    ("programs.starship.settings.**", _WHOLE),
    ("programs.vscode.profiles.default.extensions", judges.without(r"[^A-Za-z0-9_.-]")),
    ("programs.vscode.profiles.default.userSettings.**", _WHOLE),
    ("services.avahi.allowInterfaces", _WORD),
    # Settings that NixOS writes as JSON, as YAML, or as arguments.
    ("services.adguardhome.settings.**", _WHOLE),
    ("services.authelia.instances.main.settings.**", _WHOLE),
    ("services.blocky.settings.**", _WHOLE),
    ("services.cloudflared.tunnels.=", _UNIT_NAME),
    ("services.cloudflared.**", _WHOLE),
    ("services.gatus.settings.**", judges.gatus),
    # Grafana's INI: comments, quotes, and variables as ${…}, $__…{…} and %(…)s.
    ("services.grafana.settings.**", judges.without(r"[\n\r;#$%`\"]")),
    # A sed of nixpkgs makes a tag of a text like '!secret x'.
    ("services.home-assistant.config.**", judges.without(r"![a-z_]+ |^!!")),
    ("services.homepage-dashboard.allowedHosts", _WORD),
    ("services.homepage-dashboard.**", _PAGE),
    ("services.miniflux.config.**", _UNIT),
    ("services.monica.appURL", _DOTENV),
    ("services.monica.config.**", _DOTENV),
    ("services.monica.database.**", _DOTENV),
    ("services.navidrome.settings.**", _WHOLE),
    ("services.zigbee2mqtt.settings.**", _WHOLE),
    ("services.oauth2-proxy.oidcIssuerUrl", judges.without(r"[^\w.:/?=&~+-]")),
    ("services.oauth2-proxy.**", _WORD),
    ("services.openldap.settings.**", _WORD),
    ("services.pocket-id.settings.**", _UNIT),
    # A word of a command line, in nixpkgs' module without quotes.
    ("services.restic.server.**", judges.without(r"[^A-Za-z0-9/_.:@+-]")),
    # btrbk's lines and sanoid's sections.
    ("services.btrbk.instances.=", _UNIT_NAME),
    ("services.btrbk.instances.**", judges.without(r"[^A-Za-z0-9._/@+: -]")),
    # Words that systemd and a shell read, and a pool that a script imports.
    ("boot.zfs.extraPools.**", judges.without(r"[^A-Za-z0-9._:-]")),
    ("services.sanoid.datasets.**", judges.without(r"[^A-Za-z0-9._/:-]")),
    # JSON that nixpkgs' module sends to the API.
    ("services.syncthing.settings.**", _WHOLE),
    ("services.samba.settings.**", judges.without(r"[\n\r%;#\\]")),
    ("services.scrutiny.collector.settings.**", _WHOLE),
    # JSON, with a list of patterns in one of its texts.
    ("services.transmission.settings.rpc-host-whitelist", judges.without(r"[,;\s*?]")),
    ("services.transmission.settings.**", _WHOLE),
    ("services.umami.settings.**", judges.variable),
    # Lines in double quotes of xorg.conf.d, and arguments of ckbcomp in single quotes.
    ("services.xserver.xkb.*", judges.without(r"['\"\\\n\r]")),
    ("services.udev.extraRules", judges.without(r"[\"\\\n\r]")),
    ("services.openssh.extraConfig", judges.each(dividing.sshd_words, judges.without("%"))),
    # Names and values of options that an owner's facts of a service state; x is the name where the
    # stack had none (NEW in hostile.py).
    ("=", judges.option),
    ("services.=", judges.option),
    ("services.forum.**", judges.option),
    ("services.inn.db.**", _WHOLE),
    ("services.inn.db", _WHOLE),
    ("services.inn.**", judges.option),
    ("services.*zqx*.**", judges.option),
    ("*zqx*.**", judges.option),
    ("x.**", judges.option),
    # Proxies.
    ("services.caddy.email", _WORD),
    ("services.caddy.package.plugins", judges.without(r"^-|[\s@]|[^\w./~@+-]")),
    ("services.caddy.**", _by_its_program),
    ("services.nginx.**", _by_its_program),
    ("services.traefik.**", _by_its_program),
    # restic: lines of files, words of a command, an environment. lib/backup.nix quotes what goes
    # into shell, units and sshd_config, and tests/nix/test_quote.py has their programs read it.
    ("homelab.backup.jobs.=", _UNIT_NAME),
    ("homelab.backup.jobs.*.commands.=", judges.without(r"[/*?\[\]\n\r\\]|^[#!-]| $")),
    ("homelab.backup.jobs.*.commands.*", _SHELL),
    ("homelab.backup.jobs.*.paths", judges.without(r"[*?\[\]\n\r\\]|^[#!]| $")),
    ("homelab.backup.jobs.*.sqlite", judges.without(r"[*?\[\]\n\r\\]|^[#!]| $")),
    ("homelab.backup.jobs.*.exclude", judges.without(r"[$\n\r\\]|^[#!]| $")),
    ("homelab.backup.jobs.*.postgresql", _UNIT_NAME),
    ("homelab.backup.jobs.*.mounts", _LINE),
    # Words of commands, as JSON: tests/backup has them run.
    ("homelab.backup.jobs.*.inside.*.directory", _WHOLE),
    ("homelab.backup.jobs.*.before", _WHOLE),
    ("homelab.backup.jobs.*.after", _WHOLE),
    # curl gets it as one word, and reads ranges and sets in it.
    ("homelab.backup.jobs.*.probe", judges.without(r"[\[\]{}\s\\]")),
    ("homelab.backup.jobs.**", _WORD),
    ("homelab.backup.targets.=", _UNIT_NAME),
    ("homelab.backup.targets.*.repository", judges.without(r"[%\"\\\n\r$]")),
    ("homelab.backup.targets.*.repositories.=", _UNIT_NAME),
    ("homelab.backup.targets.*.repositories.*", judges.without(r"[%\"\\\n\r$]")),
    ("homelab.backup.targets.*.mounts", _LINE),
    ("homelab.backup.targets.**", _UNIT),
    ("homelab.backup.stores.=", _UNIT_NAME),
    ("homelab.backup.stores.*.path", _LINE),
    ("homelab.backup.stores.*.clients.=", _WORD),
    ("homelab.backup.stores.*.clients.*.jobs", _LINE),
    ("homelab.backup.stores.**", _WORD),
    ("homelab.backup.**", _UNIT),
    # Settings of units, as they are.
    ("homelab.hardening.units.=", _UNIT_NAME),
    ("homelab.hardening.**", _UNIT),
    # Shell and units.
    ("system.activationScripts.*.text", _SHELL),
    ("systemd.services.=", _UNIT_NAME),
    ("systemd.services.*.restartTriggers", _WHOLE),
    ("systemd.paths.=", _UNIT_NAME),
    ("systemd.paths.**", _UNIT),
    ("systemd.targets.=", _UNIT_NAME),
    ("systemd.targets.**", _UNIT),
    ("systemd.sockets.=", _UNIT_NAME),
    ("systemd.sockets.**", _UNIT),
    ("systemd.timers.=", _UNIT_NAME),
    ("systemd.services.*.script", _SHELL),
    ("systemd.services.*.preStart", _SHELL),
    ("systemd.services.*.postStop", _SHELL),
    ("systemd.services.*.path", _WORD),
    # Files with secrets of a container: JSON, whose texts tests/containers has jq write.
    ("systemd.services.*.environment.FILES.**", _WHOLE),
    ("systemd.services.*.environment.*", judges.variable),
    ("systemd.services.*.description", _LINE),
    ("systemd.services.*.serviceConfig.ExecStart", judges.command),
    ("systemd.services.*.serviceConfig.WorkingDirectory", judges.without(r"[%\n\r]")),
    ("systemd.services.**", _UNIT),
    ("systemd.timers.**", _UNIT),
    ("systemd.tmpfiles.settings.**", _TMPFILES),
    # podman's command line, each argument quoted by NixOS.
    ("virtualisation.oci-containers.containers.=", _UNIT_NAME),
    ("virtualisation.oci-containers.containers.*.volumes", judges.each(dividing.volume_words)),
    ("virtualisation.oci-containers.containers.*.cmd", _WHOLE),
    ("virtualisation.oci-containers.containers.*.environment.=", _WORD),
    ("virtualisation.oci-containers.containers.*.environment.*", _WHOLE),
    ("virtualisation.oci-containers.containers.**", _WORD),
)
"""The language of each option. A text at another path has no judge."""


def language(path: tuple[str, ...]) -> Judge | None:
    """The language of the text at a path, or None."""
    return next((j for glob, j in _globs() if _matches(glob, path)), None)


@cache
def _globs() -> tuple[tuple[tuple[str, ...], Judge], ...]:
    return tuple(
        (tuple(re.findall(r"[^.]+(?:\.(?:json|html|ldif|js))?", g)), j) for g, j in LANGUAGES
    )


def _matches(glob: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not glob or glob == ("**",):
        return bool(glob) or not path
    return bool(path) and fnmatchcase(path[0], glob[0]) and _matches(glob[1:], path[1:])
