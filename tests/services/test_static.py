"""The kind `static`: a site of files has a server, and its build replaces it only as a whole."""

from __future__ import annotations

import base64
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from homelab.problems import InvalidStackError
from homelab.services.nixos import modules
from tests import build
from tests.household import Changes
from tests.programs.rendered import running
from tests.proxy.nixos import options
from tests.proxy.rig import free_ports
from tests.tools.programs import at, need

REPOSITORY = "https://git.example.org/sam/heim.git"
NTFY: Changes = {"monitoring": {"ntfy": {"topic": {"sops": "ntfy/topic"}}}}


def site(static: Changes, **further: object) -> Changes:
    return {"services": {"heim": {"host": "nas", "port": 8095, "static": static, **further}}}


def built(**said: object) -> Changes:
    return {"build": {"repository": REPOSITORY, "output": "dist", **said}}


COMMIT = site(built(rev="0" * 40, run=[["make", "all things"]], packages=["gnumake"]))
DIRECTORY = site({"directory": "/srv/www"})


def unit_options(changes: Changes, directory: Path) -> dict[str, Any]:
    """The options of the site, as data; its files are in the directory."""
    plan = build.plan(changes)
    (module,) = (m for m in modules(plan, plan.hosts["nas"]) if m.file == "services/heim.nix")
    found: dict[str, Any] = options(module, directory)["systemd"]
    return found


# --- what is rendered ----------------------------------------------------------------------------


@pytest.mark.requirement("S0-51", "S2-20")
def test_a_directory_has_a_server_that_sees_nothing_else(tmp_path: Path) -> None:
    found = unit_options(DIRECTORY, tmp_path)
    assert set(found["services"]) == {"heim"}
    server = found["services"]["heim"]["serviceConfig"]
    assert server["DynamicUser"] is True
    assert server["BindReadOnlyPaths"] == ["/srv/www:/srv/site"]
    assert "BindPaths" not in str(build.render(DIRECTORY)["nas"]["hardening.nix"])
    assert found["tmpfiles"]["settings"]["10-state-heim"] == {
        "/srv/www": {"d": {"mode": ":0755", "user": ":root", "group": ":root"}}
    }


@pytest.mark.requirement("S0-51", "S2-20")
def test_a_package_is_served_from_the_store_and_not_backed_up(tmp_path: Path) -> None:
    changes = site({"package": "it-tools", "path": "lib", "fallback": "index.html"})
    text = build.render(changes)["nas"]["services/heim.nix"]
    assert 'BindReadOnlyPaths = [ "${pkgs.it-tools}/lib:/srv/site" ];' in text
    assert "tmpfiles" not in text
    caddyfile = build.render(changes)["nas"]["services/heim.Caddyfile"]
    assert "root * /srv/site\n" in caddyfile
    assert not build.found(changes, "backup-intent")
    assert build.plan(changes).service("heim").entry.stateless  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("static", "told"),
    [
        ({"package": "it-tools", "directory": "/srv/www"}, "a site has one source"),
        ({"directory": "/srv/www", "path": "lib"}, "path is a directory of a package"),
        ({"package": "it-tools; x"}, "services.heim.static.package"),
        ({"package": "it-tools", "path": "../etc"}, "services.heim.static.path"),
    ],
)
def test_a_package_is_the_one_source_and_its_path_stays_inside(
    static: dict[str, Any], told: str
) -> None:
    with pytest.raises(Exception, match=told):
        build.plan(site(static))


@pytest.mark.requirement("S0-51")
def test_a_site_has_all_that_a_service_has() -> None:
    service = {**DIRECTORY["services"]["heim"], "audience": "family", "auth": "none"}  # type: ignore[index]
    plan = build.plan({"services": {"heim": service, "gatus": {"host": "pi"}}})
    assert [r.url for r in plan.routes_of("heim")] == ["https://heim.home.example.org"]
    (sandbox,) = (u for u in plan.hardening if u.service == "heim")
    assert sandbox.has_baseline
    assert not sandbox.exceptions
    assert plan.monitoring is not None
    assert any("heim" in p.name for p in plan.monitoring.probes)
    assert plan.service("heim").state == ("/srv/www",)  # type: ignore[union-attr]


@pytest.mark.parametrize("directory", ["/run/current-system/sw/share/doc", "/nix/var/site"])
def test_files_of_the_system_are_not_backed_up_and_not_made(directory: str, tmp_path: Path) -> None:
    changes = site({"directory": directory})
    assert build.plan(changes).service("heim").state == ()  # type: ignore[union-attr]
    assert "tmpfiles" not in unit_options(changes, tmp_path)
    assert not build.found(changes, "backup-intent")


@pytest.mark.requirement("S0-51")
def test_a_switch_starts_a_build_only_for_another_commit_or_recipe(tmp_path: Path) -> None:
    """A timer starts it, so the switch neither waits for a build nor fails with one."""
    found = unit_options(COMMIT, tmp_path)
    timer, job = found["timers"]["heim-build"], found["services"]["heim-build"]
    assert "wantedBy" not in job
    assert job["serviceConfig"]["Type"] == "oneshot"
    assert timer["timerConfig"] == {"OnActiveSec": "1s"}
    again = unit_options(COMMIT, tmp_path)
    assert again == found
    other = unit_options(site(built(rev="1" * 40, run=[["make", "all things"]])), tmp_path)
    assert other["timers"]["heim-build"]["restartTriggers"] != timer["restartTriggers"]
    assert other["services"]["heim"] == found["services"]["heim"]
    for change in ({"again": "x"}, {"run": [["make"]]}, {"environment": {"A": "b"}}):
        changed = unit_options(site(built(rev="0" * 40, **change)), tmp_path)
        assert changed["timers"]["heim-build"]["restartTriggers"] != timer["restartTriggers"]


@pytest.mark.requirement("S0-51")
def test_the_server_starts_after_the_first_build(tmp_path: Path) -> None:
    found = unit_options(COMMIT, tmp_path)["services"]
    assert found["heim"]["unitConfig"] == {
        "ConditionPathExists": "/var/lib/private/heim/site/current"
    }
    assert found["heim"]["serviceConfig"]["BindReadOnlyPaths"] == [
        "/var/lib/private/heim/site:/srv/site"
    ]
    assert found["heim-build"]["unitConfig"]["OnSuccess"] == ["heim.service"]


def test_times_and_files_start_builds_of_a_branch(tmp_path: Path) -> None:
    changes = site(built(branch="main", schedule="hourly", watch=["/var/lib/asked"]))
    found = unit_options(changes, tmp_path)
    assert found["timers"]["heim-build"]["timerConfig"] == {
        "OnActiveSec": "1s",
        "OnCalendar": "hourly",
        "Persistent": True,
    }
    assert found["paths"]["heim-build"]["pathConfig"] == {"PathChanged": ["/var/lib/asked"]}


@pytest.mark.requirement("S0-51")
def test_only_the_build_reads_the_secrets(tmp_path: Path) -> None:
    changes = site(
        built(rev="0" * 40, token="git"),
        secrets={"git": {"ref": {"sops": "heim/git"}}, "films": {"env": "FILMS"}},
    )
    found = unit_options(changes, tmp_path)["services"]
    settings = found["heim-build"]["serviceConfig"]
    assert [s.partition(":")[0] for s in settings["LoadCredential"]] == ["git"]
    assert len(settings["EnvironmentFile"]) == 1
    assert "TOKEN=/run/credentials/heim-build.service/git" in found["heim-build"]["script"]
    assert not {"LoadCredential", "EnvironmentFile"} & set(found["heim"]["serviceConfig"])


def test_the_build_is_confined(tmp_path: Path) -> None:
    settings = unit_options(COMMIT, tmp_path)["services"]["heim-build"]["serviceConfig"]
    for key in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateUsers"):
        assert settings[key] is True
    assert settings["ProtectSystem"] == "strict"
    assert settings["CapabilityBoundingSet"] == ""


def test_a_failed_build_is_reported_where_alerts_are_set_up(tmp_path: Path) -> None:
    assert "onFailure" not in unit_options(COMMIT, tmp_path)["services"]["heim-build"]
    told = unit_options({**COMMIT, **NTFY}, tmp_path)["services"]["heim-build"]
    assert told["onFailure"] == ["notify@%N.service"]
    assert 'systemd.services."notify@"' in build.render({**COMMIT, **NTFY})["nas"]["monitoring.nix"]


def test_a_dataset_is_bound_for_reading_and_waited_for(tmp_path: Path) -> None:
    dataset = {"host": "nas", "mount": "/mnt/m", "path": "/mnt/m/texts", "tier": "user"}
    changes: Changes = {
        "datasets": {"texts": {**dataset, "group": "texts"}},
        **site({"directory": "{dataset[notes]}/public"}, datasets={"notes": "texts"}),
    }
    found = unit_options(changes, tmp_path)
    server = found["services"]["heim"]["serviceConfig"]
    assert server["BindReadOnlyPaths"] == ["/mnt/m/texts/public:/srv/site"]
    assert 'SupplementaryGroups = [ "texts" ];' in build.render(changes)["nas"]["storage.nix"]
    assert "tmpfiles" not in found


WRONG = [
    ({"directory": "/srv/www", "build": built(rev="0" * 40)["build"]}, {}, "one source"),
    ({}, {}, "one source"),
    (built(), {}, "write rev:"),
    (built(rev="0" * 40, branch="main"), {}, "write rev:"),
    (built(rev="main"), {}, "not a commit"),
    (built(rev="0" * 40, schedule="daily"), {}, "leave schedule out"),
    (built(rev="0" * 40, watch=["/srv/a"]), {}, "leave watch out"),
    (built(rev="0" * 40, source="/srv/a"), {}, "one source"),
    ({"build": {"source": "/srv/a", "rev": "0" * 40, "output": "a"}}, {}, "has no rev"),
    (built(rev="0" * 40, output="../a"), {}, "without"),
    (built(rev="0" * 40, environment={"PATH": "/bin"}), {}, "write packages:"),
    (built(rev="0" * 40, token="git"), {}, "names a stored file"),
    (built(branch="--upload-pack=x"), {}, "not the name of a branch"),
    ({"directory": "{dataset[a]}"}, {}, "no role of datasets"),
    ({"directory": "/srv/a"}, {"datasets": {"a": "b"}}, "nothing below static uses"),
    ({"directory": "/srv/a"}, {"secrets": {"a": {}}}, "only a build reads secrets"),
    ({"directory": "/srv/a"}, {"port": 80}, "below 1024"),
    ({"directory": "/srv/a"}, {"port": None}, "write port: 8095"),
    ({"directory": "srv/a"}, {}, "absolute"),
]


@pytest.mark.parametrize(("static", "further", "says"), WRONG)
def test_a_site_that_cannot_be_served_is_refused(
    static: Changes, further: Changes, says: str
) -> None:
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config(site(static, **further))
    assert says in str(refused.value)


# --- the build, with the real git -----------------------------------------------------------------


@dataclass
class Rig:
    """A repository, and the state directory of a build of it."""

    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=Sam", "-c", "user.email=sam@example.org")
        done = subprocess.run(
            ["git", "-C", str(self.repository), *who, *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    @property
    def repository(self) -> Path:
        return self.directory / "repository"

    @property
    def served(self) -> Path:
        return self.directory / "state" / "site" / "current"

    def commit(self, text: str) -> str:
        """A commit whose build copies `page`."""
        (self.repository / "page").write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD")

    def build(self, static: Changes, **further: object) -> subprocess.CompletedProcess[str]:
        """One run of the unit's script. The repository's address leads to the directory."""
        place = self.directory / "tree"
        script = unit_options(site(static, **further), place)["services"]["heim-build"]["script"]
        script = script.replace("/srv/source", str(self.repository))
        script = script.replace("/run/credentials/heim-build.service", str(self.directory))
        state = self.directory / "state"
        state.mkdir(exist_ok=True)
        return subprocess.run(
            ["bash", "-e", "-c", script],
            env={
                "PATH": "/usr/bin:/bin",
                "STATE_DIRECTORY": str(state),
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"url.file://{self.repository}.insteadOf",
                "GIT_CONFIG_VALUE_0": REPOSITORY,
                **self.environment,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


MAKE = [["mkdir", "dist"], ["cp", "page", "dist/index.html"]]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    need("git")
    found = Rig(tmp_path)
    found.repository.mkdir()
    found.git("init", "--quiet", "--initial-branch=main")
    return found


@pytest.mark.requirement("S0-51")
def test_a_commit_is_built_once(rig: Rig) -> None:
    rev = rig.commit("one")
    first = rig.build(built(rev=rev, run=MAKE))
    assert first.returncode == 0, first.stderr
    assert (rig.served / "index.html").read_text() == "one"
    assert (rig.served / "index.html").stat().st_mode & 0o777 == 0o644
    assert rig.served.readlink().parts == (rig.served.readlink().name,), "the link is relative"
    second = rig.build(built(rev=rev, run=MAKE))
    assert f"{rev} is built already" in second.stdout


@pytest.mark.requirement("S0-51")
def test_an_older_commit_is_built_and_another_one_replaces_it(rig: Rig) -> None:
    old, new = rig.commit("one"), rig.commit("two")
    for rev, text in ((old, "one"), (new, "two"), (old, "one")):
        done = rig.build(built(rev=rev, run=MAKE))
        assert done.returncode == 0, done.stderr
        assert (rig.served / "index.html").read_text() == text
    assert rig.build(built(rev=old, run=MAKE, again="x")).stdout.endswith("is served\n")


FAILING: list[tuple[list[list[str]], str]] = [
    ([["false"]], "the build failed"),
    ([["no-such-program"]], "the build failed"),
    ([["mkdir", "other"]], "made no dist"),
    ([["touch", "dist"]], "not a directory"),
    ([["ln", "-s", "/etc", "dist"]], "outside of the sources"),
    ([["mkdir", "dist"], ["ln", "-s", "/etc/passwd", "dist/a"]], "absolute path"),
    ([["mkdir", "dist"], ["ln", "-s", "../../../etc/passwd", "dist/a"]], "leaves the site"),
    ([["mkdir", "dist"], ["false"], ["true"]], "the build failed"),
]


@pytest.mark.parametrize(("run", "says"), FAILING)
@pytest.mark.requirement("S0-51")
def test_the_last_good_site_is_served_after_a_build_that_fails(
    rig: Rig, run: list[list[str]], says: str
) -> None:
    rev = rig.commit("one")
    rig.build(built(rev=rev, run=MAKE))
    before = rig.served.readlink()
    done = rig.build(built(rev=rig.commit("two"), run=run))
    assert done.returncode == 1
    assert says in done.stderr
    assert "still served" in done.stderr
    assert rig.served.readlink() == before
    assert (rig.served / "index.html").read_text() == "one"
    repaired = rig.build(built(rev=rig.commit("three"), run=MAKE))
    assert repaired.returncode == 0, repaired.stderr
    assert (rig.served / "index.html").read_text() == "three"


def test_a_commit_or_branch_that_does_not_exist_is_named(rig: Rig) -> None:
    rig.commit("one")
    missing = rig.build(built(rev="0" * 40, run=MAKE))
    assert missing.returncode == 1
    assert f"{REPOSITORY} has no commit {'0' * 40}" in missing.stderr
    other = rig.build(built(branch="other", run=MAKE))
    assert other.returncode == 1
    assert f"{REPOSITORY} has no branch other" in other.stderr
    assert not rig.served.exists()


def test_a_branch_is_built_when_it_has_another_commit(rig: Rig) -> None:
    rig.commit("one")
    for text, says in (("one", "is served"), ("one", "is built already"), ("two", "is served")):
        if text == "two":
            rig.commit(text)
        done = rig.build(built(branch="main", run=MAKE))
        assert done.returncode == 0, done.stderr
        assert says in done.stdout
        assert (rig.served / "index.html").read_text() == text


def test_a_directory_is_built_from_a_copy_when_it_has_changed(rig: Rig) -> None:
    page = rig.repository / "page"
    page.write_text("one")
    static: Changes = {"build": {"source": "/srv/notes", "output": "dist", "run": MAKE}}
    assert "is served" in rig.build(static).stdout
    assert "is built already" in rig.build(static).stdout
    page.write_text("two")
    assert "is served" in rig.build(static).stdout
    assert (rig.served / "index.html").read_text() == "two"
    assert not (rig.repository / "dist").exists()


def test_a_change_during_a_build_is_built_as_well(rig: Rig) -> None:
    """The path unit does not notice a change while the unit that it starts is running."""
    page, first = rig.repository / "page", rig.directory / "first"
    page.write_text("one")
    change = f"[ -e {first} ] || (touch {first}; echo two >{page})"
    run = [*MAKE, ["bash", "-c", change]]
    static: Changes = {"build": {"source": "/srv/source", "output": "dist", "run": run}}
    done = rig.build(static)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is served\n") == 2
    assert (rig.served / "index.html").read_text() == "two\n"


def test_two_builds_are_kept(rig: Rig) -> None:
    for text in ("one", "two", "three", "four"):
        done = rig.build(built(rev=rig.commit(text), run=MAKE))
        assert done.returncode == 0, done.stderr
        time.sleep(0.02)
    kept = [p for p in rig.served.parent.iterdir() if not p.is_symlink()]
    assert sorted((p / "index.html").read_text() for p in kept) == ["four", "three"]
    assert not (rig.directory / "state" / "work").exists()


def test_the_root_of_a_repository_is_served_without_its_history(rig: Rig) -> None:
    done = rig.build(built(rev=rig.commit("one"), output="."))
    assert done.returncode == 0, done.stderr
    assert (rig.served / "page").read_text() == "one"
    assert not (rig.served / ".git").exists()


def test_arguments_and_variables_reach_the_build_as_they_are_written(rig: Rig) -> None:
    text = "a b  $HOME `id` \"'\\ ''${x} *"
    run = [["mkdir", "dist"], ["cp", "page", f"dist/{text.replace('/', '')}"]]
    done = rig.build(
        built(
            rev=rig.commit("one"),
            run=[[w.replace("{", "{{").replace("}", "}}") for w in c] for c in run],
        )
    )
    assert done.returncode == 0, done.stderr
    assert [p.name for p in rig.served.iterdir()] == [text]


def test_the_token_goes_to_the_server_of_the_repository_alone(rig: Rig) -> None:
    asked: list[str | None] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization"))
            self.send_response(401 if asked[-1] is None else 404)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    secrets = {"git": {"ref": {"sops": "heim/git"}}}
    (rig.directory / "git").write_text("t0p$ecret\n")
    with serving(Server) as port:
        here = f"http://127.0.0.1:{port}/sam/heim.git"
        static = built(repository=here, branch="main", token="git")
        done = rig.build(static, secrets=secrets)
        assert done.returncode == 1
        wanted = "Basic " + base64.b64encode(b"token:t0p$ecret").decode()
        assert wanted in asked
        assert "t0p$ecret" not in done.stdout + done.stderr
        asked.clear()
        rig.environment = {
            "GIT_CONFIG_KEY_0": f"url.http://localhost:{port}/.insteadOf",
            "GIT_CONFIG_VALUE_0": f"http://127.0.0.1:{port}/",
        }
        assert rig.build(static, secrets=secrets).returncode == 1
        assert set(asked) == {None}, "another server gets no token"


class serving:  # noqa: N801 - used as a function
    """A server on a port of the loopback, during a `with` block."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self) -> int:
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self.server.server_port

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()


# --- the server, with the real Caddy ---------------------------------------------------------------


def answered(port: int, path: str) -> tuple[int, str]:
    for _ in range(100):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Any]:
    program = at("caddy")
    running_now = []

    def start(static: Changes, root: Path) -> int:
        (port,) = free_ports(1)
        unit_options(site(static, port=port), tmp_path / "tree")
        text = (tmp_path / "tree/services/heim.Caddyfile").read_text()
        assert "/srv/site" in text
        text = text.replace("/srv/site", str(root)).replace("bind 0.0.0.0", "bind 127.0.0.1")
        file = tmp_path / "Caddyfile"
        file.write_text(text)
        words = [str(program), "run", "--config", str(file), "--adapter", "caddyfile"]
        process = running(words, tmp_path / "log", {"HOME": str(tmp_path)})
        process.__enter__()
        running_now.append(process)
        return port

    yield start
    for process in running_now:
        process.__exit__(None, None, None)


@pytest.mark.requirement("S0-51")
def test_the_server_serves_files_and_hides_dot_files(serve: Any, tmp_path: Path) -> None:
    root = tmp_path / "www"
    for name in ("index.html", "sub/index.html", ".env", ".git/config", ".well-known/a"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    port = serve({"directory": "/srv/www"}, root)
    assert answered(port, "/") == (200, "index.html")
    assert answered(port, "/sub/") == (200, "sub/index.html")
    assert answered(port, "/.well-known/a") == (200, ".well-known/a")
    for path in ("/.env", "/.git/config", "/sub/../.env", "/%2eenv", "/nothing"):
        assert answered(port, path)[0] == 404, path
    (root / "404.html").write_text("no such page")
    assert answered(port, "/nothing") == (404, "no such page")


@pytest.mark.requirement("S0-51")
def test_a_path_without_a_file_has_the_fallback(serve: Any, tmp_path: Path) -> None:
    root = tmp_path / "site"
    first, second = root / "a", root / "b"
    for place in (first, second):
        place.mkdir(parents=True)
        (place / "index.html").write_text(place.name)
    (root / "current").symlink_to("a")
    port = serve({"fallback": "index.html", **built(rev="0" * 40)}, root)
    assert answered(port, "/people/sam") == (200, "a")
    (root / "next").symlink_to("b")
    (root / "next").rename(root / "current")
    assert answered(port, "/people/sam") == (200, "b"), "a new build shows at once"


@pytest.mark.requirement("S0-51")
@pytest.mark.parametrize("key", ["directory", "source"])
@pytest.mark.parametrize(
    ("path", "is_taken"),
    [
        ("/", True),
        ("/etc", True),
        ("/home/sam", True),
        ("/home/sam/.ssh", True),
        ("/run/secrets", True),
        ("/var/lib", True),
        ("/home/sam/site", False),
        ("/srv/site", False),
        ("/var/lib/www", False),
        ("/run/current-system/sw/share/doc/nixos", False),
    ],
)
def test_a_site_shows_no_directory_of_the_system_or_of_a_person(
    key: str, path: str, is_taken: bool
) -> None:
    static = {key: path} if key == "directory" else {"build": {"source": path, "output": "."}}
    changes = {"services": {"a": {"host": "nas", "port": 8008, "auth": "none", "static": static}}}
    errors = {p.check for p in build.problems(changes) if p.where.startswith("services.a.static")}
    assert errors == ({"path-taken"} if is_taken else set())


def test_a_directory_below_var_lib_is_backed_up_where_it_is() -> None:
    """It is no directory of a dynamic user: homelab creates it for root."""
    static = {"directory": "/var/lib/www"}
    changes = {"services": {"a": {"host": "nas", "port": 8008, "auth": "none", "static": static}}}
    assert not build.found(changes, "dynamic-user-path")
