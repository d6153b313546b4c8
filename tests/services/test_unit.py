"""The kind `unit`: a package and a command become a unit with everything around it."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from homelab.nix import Text
from homelab.problems import InvalidStackError
from homelab.services.command import command_line, variable
from homelab.services.report import report_on
from homelab.testing import merged
from tests import build
from tests.household import Changes

NTFY: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}
WEB: Changes = {
    "services": {
        "files": {
            "host": "nas",
            "audience": "family",
            "auth": "native",
            "port": 8095,
            "state": ["/var/lib/private/files"],
            "secrets": {"key": {}, "word": {"env": "WORD"}},
            "unit": {
                "package": "darkhttpd",
                "command": ["darkhttpd", "/var/lib/files", "--addr", "{bind}", "--port", "{port}"],
                "environment": {"BASE": "{url}", "KEY_FILE": "{secret[key]}"},
                "path": ["git"],
            },
        }
    }
}
JOB: Changes = {
    "services": {
        "tidy": {
            "host": "nas",
            "state": ["/var/lib/tidy"],
            "unit": {
                "package": "python3Packages.mkdocs",
                "command": ["mkdocs", "build"],
                "user": "tidy",
                "schedule": "*-*-* 04:00",
            },
        }
    }
}


def file(changes: Changes, name: str) -> str:
    return build.render(changes)["nas"][f"services/{name}.nix"]


@pytest.mark.requirement("S2-18")
def test_a_package_and_a_command_become_a_unit(tmp_path: Path) -> None:
    text = file(WEB, "files")
    assert (
        'ExecStart = "${lib.getBin pkgs.darkhttpd}/bin/darkhttpd /var/lib/files --addr 0.0.0.0 '
        '--port 8095";'
    ) in text
    for line in (
        "DynamicUser = true;",
        'StateDirectory = [ "files" ];',
        'StateDirectoryMode = "0700";',
        'LoadCredential = [ "key:/run/homelab/secrets/files-key" ];',
        'KEY_FILE = "/run/credentials/files.service/key";',
        'EnvironmentFile = [ "/run/homelab/secrets/files-word" ];',
        'BASE = "https://files.home.example.org";',
        'wantedBy = [ "multi-user.target" ];',
        "path = [ pkgs.git ];",
    ):
        assert line in text


@pytest.mark.requirement("S2-18", "S0-55")
def test_a_unit_has_all_that_a_service_of_the_catalog_has() -> None:
    plan = build.plan({**WEB, "services": {**WEB["services"], "gatus": {"host": "pi"}}})  # type: ignore[dict-item]
    (service,) = (s for s in plan.services if s.name == "files")
    assert service.units == ("files",)
    assert [r.url for r in plan.routes_of("files")] == ["https://files.home.example.org"]
    (sandbox,) = (u for u in plan.hardening if u.service == "files")
    assert sandbox.has_baseline
    assert not sandbox.exceptions
    assert plan.monitoring is not None
    assert any("files" in p.name for p in plan.monitoring.probes)
    assert {s.name for s in plan.secrets.on("nas") if s.service == "files"} == {
        "files-key",
        "files-word",
    }


def test_a_job_has_a_timer_and_a_system_user() -> None:
    text = file(JOB, "tidy")
    for part in (
        'OnCalendar = "*-*-* 04:00";',
        "Persistent = true;",
        'Type = "oneshot";',
        "isSystemUser = true;",
        "users.groups.tidy = { };",
        'User = "tidy";',
        '"${lib.getBin pkgs.python3Packages.mkdocs}/bin/mkdocs build"',
    ):
        assert part in text
    assert "multi-user.target" not in text
    assert "Restart" not in text


@pytest.mark.parametrize("stack", [WEB, JOB])
def test_a_failure_is_reported_where_alerts_are_set_up(stack: Changes) -> None:
    (name,) = stack["services"]  # type: ignore[misc]
    assert "onFailure" not in file(stack, name)
    there = build.render({**stack, **NTFY})["nas"]
    assert 'onFailure = [ "notify@%N.service" ];' in there[f"services/{name}.nix"]
    assert 'systemd.services."notify@"' in there["monitoring.nix"]
    assert "ntfy-topic" in there["secrets.nix"]


def test_a_package_of_a_flake_comes_from_an_input_of_the_host() -> None:
    """The host's flake passes its inputs to the modules, because this one uses them."""
    package = {"flake": "nixos-hardware", "package": "tool"}
    unit = {"package": package, "command": ["tool"], "schedule": "daily"}
    files = build.render({"services": {"tool": {"host": "nas", "unit": unit}}})["nas"]
    path = "inputs.nixos-hardware.packages.${pkgs.stdenv.hostPlatform.system}.tool"
    # nixfmt gives an interpolation with another one in it lines of its own.
    assert re.search(rf"lib\.getBin {re.escape(path)}\s*}}/bin/tool", files["services/tool.nix"])
    assert "inputs,\n" in files["services/tool.nix"]
    assert "specialArgs = { inherit inputs; };" in files["flake.nix"]
    assert "nixos-hardware.url" in files["flake.nix"]


@pytest.mark.parametrize(
    ("program", "path"),
    [
        ("package-tool", "${lib.getBin pkgs.a}/bin/package-tool"),
        ("{package}", "${pkgs.a}"),
        ("{package}/libexec/a", "${pkgs.a}/libexec/a"),
        ("/opt/a b", '\\"/opt/a b\\"'),
    ],
)
def test_a_program_is_found_in_the_package_or_by_its_path(program: str, path: str) -> None:
    unit = {"package": "a", "command": [program], "schedule": "daily"}
    text = file({"services": {"a": {"host": "nas", "unit": unit}}}, "a")
    assert f'ExecStart = "{path}";' in text


def test_a_unit_is_linked_to_a_service_on_another_host() -> None:
    unit = {"package": "a", "command": ["a", "{service[radio]}"], "schedule": "daily"}
    radio = {"host": "pi", "port": 8096, "unit": {"package": "b", "command": ["b"]}}
    changes: Changes = {"services": {"a": {"host": "nas", "unit": unit}, "radio": radio}}
    plan = build.plan(changes)
    assert "/bin/a http://192.168.1.2:8096" in file(changes, "a")
    (use,) = (p for p in plan.firewall.ports if p.owner == "radio")
    assert (use.host, use.port) == ("pi", 8096)
    assert [s.callers for s in plan.services if s.name == "radio"] == [("nas",)]


def test_the_killswitch_confines_a_unit_with_a_user() -> None:
    vpn = {
        "host": "nas",
        "address": ["10.2.0.2/32"],
        "dns": ["10.2.0.1"],
        "endpoint": "203.0.113.7:51820",
        "public_key": f"{'A' * 43}=",
        "key": {"sops": "vpn/privado"},
    }
    changes = {
        "vpn": {"privado": vpn},
        "services": {"tidy": {**JOB["services"]["tidy"], "vpn": "privado"}},  # type: ignore[index]
    }
    plan = build.plan(changes)
    (made,) = plan.vpn.vpns
    assert [m.user for m in made.members] == ["tidy"]
    assert not [p for p in build.problems(changes) if p.check.startswith("vpn")]


def test_a_dataset_that_it_writes_is_bound_for_writing_and_any_other_for_reading() -> None:
    dataset = {"host": "nas", "mount": "/mnt/m", "tier": "re-derivable", "group": "media"}
    changes: Changes = {
        "datasets": {n: {**dataset, "path": f"/mnt/m/{n}"} for n in ("films", "books")},
        "services": {
            "sort": {
                "host": "nas",
                "datasets": {"in": "films", "out": "books"},
                "backup": {"skip": "it keeps nothing"},
                "unit": {
                    "package": "a",
                    "command": ["a", "{dataset[in]}", "{dataset[out]}"],
                    "writes": ["out"],
                    "schedule": "daily",
                },
            }
        },
    }
    files = build.render(changes)["nas"]
    assert 'BindPaths = [ "/mnt/m/books" ];' in files["hardening.nix"]
    assert 'BindReadOnlyPaths = [ "/mnt/m/films" ];' in files["hardening.nix"]
    assert "/bin/a /mnt/m/films /mnt/m/books" in files["services/sort.nix"]


WRONG = [
    ({"command": ["bin/a"]}, "command starts with a program"),
    ({"command": ["{port}"]}, "command starts with a program"),
    ({"command": ["/opt/a$b"]}, "contains $"),
    ({"environment": {"PATH": "/bin"}}, "write path:"),
    ({"schedule": "daily", "restart": "always"}, "leave restart out"),
    ({"writes": ["films"]}, "no role of datasets"),
    ({"package": "pkgs/a"}, "attribute path of a package"),
    ({"command": []}, "give at least one"),
]


@pytest.mark.parametrize(("inside", "says"), WRONG)
def test_a_unit_that_cannot_run_is_refused(inside: Changes, says: str) -> None:
    unit = {"package": "a", "command": ["a"], **inside}
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config({"services": {"a": {"host": "nas", "unit": unit}}})
    assert says in str(refused.value)


def test_a_job_listens_on_no_port() -> None:
    unit = {"package": "a", "command": ["a"], "schedule": "daily"}
    with pytest.raises(InvalidStackError, match="leave port out"):
        build.stack_config({"services": {"a": {"host": "nas", "port": 80, "unit": unit}}})


def test_a_unit_without_state_says_so_or_is_an_error() -> None:
    unit = {"host": "nas", "port": 8000, "unit": {"package": "a", "command": ["a"]}}
    (problem,) = build.found({"services": {"a": unit}}, "backup-intent")
    assert "state: [/var/lib/private/a]" in problem.way_out


# --- quoting --------------------------------------------------------------------------------------

_LIBRARY = "/usr/lib/*/systemd/libsystemd-shared-*.so"
_CUNESCAPE, _UNQUOTE = 1 << 1, 1 << 5
"""Flags with which systemd reads ExecStart. Source: extract-word.h and load-fragment.c."""
TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"))


def parsed(line: str) -> Iterator[str]:
    """The words that systemd's own parser reads."""
    found = sorted(Path("/").glob(_LIBRARY[1:]))
    if not found:
        pytest.skip("systemd is not installed")
    library = ctypes.CDLL(str(found[0]))
    rest, word = ctypes.c_char_p(line.encode()), ctypes.c_char_p()
    while True:
        size = library.extract_first_word(
            ctypes.byref(rest), ctypes.byref(word), None, ctypes.c_uint(_CUNESCAPE | _UNQUOTE)
        )
        assert size >= 0, line
        if not size:
            return
        yield (word.value or b"").decode()


def text_of(value: Text) -> str:
    return "".join(p for p in value.parts if isinstance(p, str))


@settings(max_examples=100)
@given(st.lists(TEXT, min_size=1, max_size=6))
def test_systemd_reads_each_argument_as_it_was_written(words: list[str]) -> None:
    line = text_of(command_line([[word] for word in words]))
    assert "\n" not in line
    # Afterwards systemd replaces specifiers and variables, which are doubled here.
    read = [*parsed(line)]
    assert all("%" not in w.replace("%%", "") and "$" not in w.replace("$$", "") for w in read)
    assert [w.replace("%%", "%").replace("$$", "$") for w in read] == words


@settings(max_examples=100)
@given(TEXT)
def test_a_variable_has_no_specifier(value: str) -> None:
    assert text_of(variable([value])).replace("%%", "").count("%") == 0
    assert text_of(variable([value])).replace("%%", "%") == value


def files(name: str, **changes: object) -> Changes:
    """A unit with a web port and without state."""
    inside = {"package": "darkhttpd", "command": ["darkhttpd"], **changes.pop("unit", {})}  # type: ignore[dict-item]
    mine = {"host": "nas", "port": 8095, "backup": {"skip": "it stores nothing"}, "unit": inside}
    return {"services": {name: {**mine, **changes}}}


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize("name", ["postgres", "nobody", "wiki"])
def test_a_dynamic_user_never_becomes_an_account_that_the_host_has(name: str) -> None:
    """systemd takes an account of the unit's name instead of a dynamic user."""
    other = files("other", port=8096, unit={"user": "wiki"})
    changes = merged(files(name), other)
    (problem,) = build.found(changes, "unit-user")
    assert problem.where == f"services.{name}"
    assert f"{name}.service would run as it" in problem.what
    assert not build.found(merged(files("pages"), other), "unit-user")


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize(("user", "of"), [("miniflux", "miniflux"), ("forum", "forum")])
def test_an_account_of_another_service_is_no_account_for_a_unit(user: str, of: str) -> None:
    """Of a service of the catalog, also with a dynamic user, and of a module's facts."""
    module = {"units": ["forum"], "user": "forum", "stateless": "it stores nothing"}
    others = {
        "miniflux": {"host": "nas", "backup": {"skip": "only a test"}},
        "forum": {"host": "nas", "module": module},
    }
    changes = merged({"services": others}, files("pages", unit={"user": user}))
    (problem,) = build.found(changes, "unit-account")
    assert (problem.where, problem.severity) == ("services.pages.unit.user", "warning")
    assert f"{user} is the account of {of}" in problem.what
    elsewhere = merged(changes, {"services": {of: {"host": "pi"}}})
    assert not build.found(elsewhere, "unit-account")


@pytest.mark.requirement("S2-18")
def test_two_units_that_name_an_account_share_it() -> None:
    both = merged(
        files("pages", unit={"user": "web"}), files("wiki", port=8096, unit={"user": "web"})
    )
    assert not build.found(both, "unit-account")


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize("unit", ["sshd", "nix-daemon", "systemd-networkd", "homelab-pull"])
def test_a_flake_or_a_module_does_not_take_a_unit_of_the_system(unit: str) -> None:
    """Its sandbox would apply to the login of the host."""
    vote = {
        "host": "nas",
        "port": 8090,
        "auth": "none",
        "backup": {"skip": "it stores nothing"},
        "flake": {"input": "vote", "unit": unit},
    }
    changes = {"flakes": {"vote": {"url": "github:a/vote"}}, "services": {"vote": vote}}
    (problem,) = build.found(changes, "unit-name")
    assert problem.where == "services.vote.flake.unit"
    module = {"units": ["forum", unit], "stateless": "it stores nothing"}
    (problem,) = build.found(
        {"services": {"forum": {"host": "nas", "module": module}}}, "unit-name"
    )
    assert problem.where == "services.forum.module.units"
    # A program that only some hosts have is a service like another.
    printing = {"units": ["cups"], "stateless": "it stores nothing", "page": False}
    changes = {"services": {"printing": {"host": "nas", "module": printing}}}
    assert not build.found(changes, "unit-name")


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize("name", ["redis-wiki", "wiki-extensions", "postgresql", "podman-draw"])
def test_a_unit_has_no_name_of_a_unit_beside_another_service(name: str) -> None:
    wiki = files(
        "wiki",
        port=8096,
        databases={"postgresql": {"extensions": ["pg_trgm"]}, "redis": None},
    )
    image = f"docker.io/a/b:1@sha256:{'0' * 64}"
    draw = {
        "host": "nas",
        "port": 8097,
        "backup": {"skip": "it stores nothing"},
        "container": {"image": image, "port": 80},
    }
    changes = merged(files(name), wiki, {"services": {"draw": draw}})
    (problem,) = build.found(changes, "unit-name")
    assert problem.where == f"services.{name}"
    assert f"{name}.service is a unit of" in problem.what


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{port}", "no web port"),
        ("{url}", "no web port"),
        ("{urls: }", "no web port"),
        ("{issuer}", "no identity provider"),
        ("{discovery}", "no identity provider"),
        ("{token_endpoint}", "no identity provider"),
        ("{scopes: }", "no OIDC client"),
        ("{secret[word]}", "which only root reads"),
    ],
)
def test_a_field_without_a_value_is_refused(text: str, words: str) -> None:
    """The program would get port 0, an empty text, or a file that it cannot read."""
    unit = {"package": "darkhttpd", "command": ["darkhttpd", text]}
    job = {
        "host": "nas",
        "backup": {"skip": "it stores nothing"},
        "secrets": {"word": {"env": "WORD"}},
        "unit": unit,
    }
    (problem,) = build.found({"services": {"job": job}}, "unit-text")
    assert problem.where == "services.job.unit.command[1]"
    assert words in problem.what


@pytest.mark.requirement("S2-18")
def test_a_job_opens_no_port() -> None:
    """Nothing would listen on it between its runs."""
    ports = {"sync": {"port": 9000, "scope": "lan", "why": "phones sync at home"}}
    with pytest.raises(InvalidStackError, match="ports would stay open; leave ports out"):
        build.plan(files("tidy", port=None, ports=ports, unit={"schedule": "daily"}))


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize(
    "key", [{"health": "/ready"}, {"monitor": {"path": "/ready"}}, {"monitor": {"interval": "2m"}}]
)
def test_a_health_check_of_a_service_without_a_port_is_refused(key: Changes) -> None:
    job = files("tidy", port=None, unit={"schedule": "daily"}, **key)
    (problem,) = build.found(job, "web-port-known")
    assert "would have no effect" in problem.what


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize(("kind", "longest"), [("postgresql", 31), ("mysql", 31), ("redis", 25)])
def test_the_users_of_databases_have_names_that_linux_takes(kind: str, longest: int) -> None:
    """systemd would give a dynamic user another name, and NixOS refuses the user of Redis."""
    for length in (longest, longest + 1):
        found = build.found(files("a" * length, databases=[kind]), "unit-user")
        assert ["at most 31" in p.what for p in found] == [True] * (length - longest)


@pytest.mark.requirement("S2-18")
def test_a_switch_neither_starts_nor_restarts_a_job() -> None:
    text = file(JOB, "tidy")
    assert "restartIfChanged = false;" in text
    assert 'wantedBy = [ "multi-user.target" ]' not in text
    assert "restartIfChanged" not in file(WEB, "files")


@pytest.mark.parametrize("role", ["a", "z"])
def test_a_dataset_with_a_role_that_is_written_and_one_that_is_read_is_writable(role: str) -> None:
    tv = {"host": "nas", "path": "/mnt/m/tv", "mount": "/mnt/m", "tier": "user", "group": "media"}
    sort = files("sort", unit={"writes": [role]}, datasets={"a": "tv", "z": "tv"})
    text = build.render(merged(sort, {"datasets": {"tv": tv}}))["nas"]["hardening.nix"]
    assert 'BindPaths = [ "/mnt/m/tv" ];' in text
    assert "BindReadOnlyPaths" not in text


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize("is_job", [True, False])
def test_the_report_asks_for_no_key_that_the_stack_refuses(is_job: bool) -> None:
    """A job has no port, and the web port of a unit is `port`, not one of `ports`."""
    plan = build.plan(files("tidy", port=None, unit={"schedule": "daily"} if is_job else {}))
    (placed,) = report_on(plan, "tidy", (), {}).instances
    rows = {r.name: " ".join(r.lines or (r.way_out,)) for r in placed.rows}
    assert ("port: 3000" in rows["port"], "port: 3000" in rows["route"]) == (not is_job,) * 2
    assert ("it is a job" in rows["port"], "it is a job" in rows["route"]) == (is_job,) * 2
    assert not any("ports: {web" in text for text in rows.values())


@pytest.mark.requirement("S2-18")
@pytest.mark.parametrize(
    ("keys", "needs"),
    [
        ({"port": 80}, True),
        ({"ports": {"dns": {"port": 53, "protocol": "udp"}}}, True),
        ({"port": 8095}, False),
    ],
)
def test_a_unit_with_a_port_below_1024_may_open_it(keys: Changes, needs: bool) -> None:
    """Without the capability only root may, and the sandbox takes it from root too."""
    there = build.render(files("a", **keys))["nas"]
    allowed = 'AmbientCapabilities = [ "CAP_NET_BIND_SERVICE" ];' in there["services/a.nix"]
    bounded = 'CapabilityBoundingSet = "CAP_NET_BIND_SERVICE";' in there["hardening.nix"]
    assert (allowed, bounded) == (needs, needs)


@pytest.mark.requirement("S2-18")
def test_units_that_start_after_each_other_are_refused() -> None:
    """Directly or through others: systemd breaks a cycle by leaving out one start."""
    order = {"a": "b", "b": "c", "c": "a"}
    units = [
        files(name, port=8095 + i, unit={"after": [after]})
        for i, (name, after) in enumerate(order.items())
    ]
    places = {p.where for p in build.found(merged(*units), "unit-after")}
    assert places == {f"services.{name}.unit.after[0]" for name in order}
    assert not build.found(merged(*units, files("c", port=8097, unit={"after": []})), "unit-after")
