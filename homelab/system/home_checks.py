"""Checks of homes: who has one, what is in it, and aliases that the system has as well."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.check import check, file_check
from homelab.config.homes import HomeBash, HomeConfig
from homelab.nix.code import inputs_in
from homelab.nix.source import Setting, Value, read_nix
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean
from homelab.system.home import homes_of
from homelab.system.model import Host
from homelab.system.own import Sources, named_at, reached

HOME_MINIMUM = file_check(
    "home-minimum",
    "warning",
    "home-manager is worth its builds where a home has settings. One with packages alone, or with "
    "a shell that is only switched on, could as well have them from the system.",
)
HOME_ALIAS = file_check(
    "home-alias",
    "warning",
    "An alias of a home hides the system's alias for one person. A change of the system's alias "
    "then has no effect for them.",
)
_SHELLS = ("bash", "fish", "nushell", "zsh")
_THIN = (
    *(("home", last) for last in ("homeDirectory", "packages", "stateVersion", "username")),
    ("programs", "home-manager", "enable"),
    *(("programs", shell, "enable") for shell in _SHELLS),
)
"""Options that leave a home as it would be without home-manager."""
_AT_HOME = (("home", "shellAliases"), *(("programs", s, "shellAliases") for s in _SHELLS))
_ON_SYSTEM = (
    ("environment", "shellAliases"),
    *(("programs", s, "shellAliases") for s in _SHELLS),
)


@check("home-known", whole=True)
def home_known(plan: Plan) -> Iterator[Problem]:
    """A home belongs to a person with an account, on a host where they have it. Elsewhere nothing
    is written, and no error says so.
    """
    site = plan.stack.site
    for user, home in plan.stack.homes.items():
        where = f"homes.{user}"
        people = [site.owner.user, *site.members]
        if user not in people:
            way_out = did_you_mean(user, people, "people")
            yield Problem(where, f'"{user}" is neither the owner nor a member', way_out)
            continue
        member = site.members.get(user)
        if member is not None and user != site.owner.user and member.account is None:
            yield Problem(
                where,
                f"{user} has no account on any host, so there is no home",
                f"add site.members.{user}.account: {{hosts: […], ssh_keys: […]}}",
            )
            continue
        yield from _at_hosts(plan, user, home)


def _at_hosts(plan: Plan, user: str, home: HomeConfig) -> Iterator[Problem]:
    where, owner = f"homes.{user}", plan.stack.site.owner.user
    having = [h.name for h in plan.hosts.values() if user in dict(h.homes)]
    if home.hosts is None and not having:
        yield Problem(
            where,
            f"no host has a home of {user}",
            "name the hosts: hosts: […], or write home: home/….nix at one of them",
        )
    for i, name in enumerate(home.hosts or ()):
        at = f"{where}.hosts[{i}]"
        if name not in plan.hosts:
            way_out = did_you_mean(name, plan.hosts, "hosts")
            yield Problem(at, f'there is no host "{name}"', way_out)
        elif name not in having and user != owner:
            yield Problem(
                at,
                f"{user} has no account on {name}",
                f"add {name} to site.members.{user}.account.hosts, or leave it out here",
            )


def check_homes(plan: Plan, sources: Sources) -> Iterator[Problem]:
    """Homes with nothing but packages, and aliases of a home that its system has as well."""
    reported: set[tuple[str, str]] = set()
    for host in plan.hosts.values():
        system = _aliases(_settings(_modules(host), sources), _ON_SYSTEM) if host.is_nixos else {}
        for user, module in homes_of(host, plan.stack.site.owner.user).items():
            home = dict(host.homes).get(user)
            found = _settings([module], sources) if module is not None else []
            if not _describes(home) and (module is None or _is_thin(module, found, sources)):
                where = named_at(host, module) if module is not None else f"homes.{user}"
                if (user, where if module is None else module) not in reported:
                    yield _thin(where, user, module)
                reported.add((user, where if module is None else module))
            here = {**_aliases(found, _AT_HOME), **(home.aliases if home is not None else {})}
            for name in sorted(here.keys() & system.keys()):
                said = home is not None and name in home.aliases
                where = f"homes.{user}.aliases.{name}" if said else named_at(host, module or "")
                yield _repeated(host, user, where, name, same=here[name] == system[name])


def _modules(host: Host) -> list[str]:
    return [path for path in (host.config.hardware, *host.config.modules) if path]


def _settings(paths: list[str], sources: Sources) -> list[Setting]:
    """The options that these modules set, and those that they import."""
    return [
        setting
        for name, text in reached(paths, sources).items()
        if name.endswith(".nix") and isinstance(text, str)
        for setting in read_nix(text).settings
    ]


def _aliases(
    settings: list[Setting], options: tuple[tuple[str, ...], ...]
) -> dict[str, Value | None]:
    return {s.path[-1]: s.value for s in settings if s.path[:-1] in options and s.path[-1] != "*"}


def _describes(home: HomeConfig | None) -> bool:
    """Whether the stack says something of a home besides packages and a bare shell."""
    if home is None:
        return False
    rest = home.model_copy(update={"hosts": None, "packages": []})
    return rest not in (HomeConfig.model_construct(), HomeConfig(bash=HomeBash()))


def _is_thin(module: str, settings: list[Setting], sources: Sources) -> bool:
    """Whether a module, with all that it imports, sets packages at most. What it takes from a flake
    or fetches may set anything.
    """
    files = reached([module], sources)
    texts = [t for name, t in files.items() if name.endswith(".nix") and isinstance(t, str)]
    if not texts or any(inputs_in(t) or read_nix(t).unread or "fetch" in t for t in texts):
        return False
    return all(s.path in _THIN for s in settings)


def _thin(where: str, user: str, module: str | None) -> Problem:
    leave = f"homes.{user}" if module is None else module
    return Problem(
        where,
        f"the home of {user} has packages at most, and no settings",
        f"describe it: homes: {{{user}: {{git: {{name: …}}}}}}, or remove {leave} and write its "
        "packages in a module of the host",
        check=HOME_MINIMUM,
        severity="warning",
    )


def _repeated(host: Host, user: str, where: str, name: str, *, same: bool) -> Problem:
    what = "says the same as" if same else "hides"
    return Problem(
        where,
        f"this alias {name} of {user} {what} that of the system on {host.name}",
        "remove one of them" if same else "give one of them another name, or remove it",
        check=HOME_ALIAS,
        severity="warning",
    )
