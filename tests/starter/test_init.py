"""`homelab init`: what it writes passes every check, in every combination, and nothing is lost."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
import runpy
import shutil
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from homelab.ops.starter import library
from homelab.testing import LoadedStack, run, stack
from tests import build
from tests.starter.conftest import BASE, CLOUDFLARE, OWNER, TAILNET, Call

TWO = ("--host", "pi=192.168.7.2,aarch64-linux", "--host", "nas=192.168.7.3")
COMBINATIONS = {
    " ".join(name for name, _ in chosen if name) or "alone": tuple(
        word for _, words in chosen for word in words
    )
    for chosen in itertools.product(
        [("", ()), ("cloudflare", CLOUDFLARE)],
        [("", ()), ("tailnet", TAILNET)],
        [("", ()), ("two", TWO)],
        [("", ()), ("open", ("--sign-in", "none"))],
    )
}


@pytest.mark.parametrize(
    "flags",
    [
        pytest.param(flags, id=name, marks=() if at % 5 == 0 else pytest.mark.long)
        for at, (name, flags) in enumerate(COMBINATIONS.items())
    ],
)
def test_every_combination_passes_every_check(call: Call, flags: tuple[str, ...]) -> None:
    made = call("init", *BASE, *flags)
    assert (made.code, made.err) == (0, "")
    checked = call("check")
    assert checked.code == 0, checked.out
    kinds = {line.rpartition("[")[2] for line in checked.out.splitlines()}
    assert kinds <= {"alert-sent]", "host-placeholder]", "secret-deployer]"}, checked.out


RELAY = ("--host", "pi=192.168.7.2", "--host", "relay=203.0.113.40")


@pytest.mark.parametrize(
    "flags", [(), TAILNET, ("--host", "nas=192.168.7.3"), (*TAILNET, "--adopt-later")]
)
def test_a_host_on_the_internet_has_a_public_address(call: Call, flags: tuple[str, ...]) -> None:
    made = call("init", *BASE, *RELAY, *flags)
    assert (made.code, made.err) == (0, "")
    written = yaml.safe_load(Path("Pulumi.home.yaml").read_text())["config"]["homelab:hosts"]
    assert written["relay"]["address"] == {"public": "203.0.113.40"}
    assert written["pi"]["address"] == {"lan": "192.168.7.2"}
    checked = call("check")
    assert checked.code == 0, checked.out


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        (RELAY[2:], "the first host is at home"),
        ((*RELAY[2:], *RELAY[:2]), "the first host is at home"),
        ((*RELAY[:2], "--host", "nas=10.0.0.3"), "not on the LAN, 192.168.7.0/24"),
    ],
)
def test_an_address_that_does_not_fit_is_said_at_its_flag(
    call: Call, hosts: tuple[str, ...], says: str
) -> None:
    made = call("init", *BASE, *hosts)
    assert made.code == 2
    assert made.err.startswith("error: --host ")
    assert says in made.err
    assert not [*Path().iterdir()]


@pytest.mark.lab
@pytest.mark.parametrize("flags", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_every_combination_comes_up_in_the_lab(call: Call, flags: tuple[str, ...]) -> None:
    assert call("init", *BASE, *flags).code == 0
    up = call("lab", "up")
    assert up.code == 0, up.out + up.err
    assert call("lab", "up").out.rstrip().endswith("unchanged")
    assert call("lab", "destroy").code == 0


def files_of(place: Path) -> dict[str, bytes]:
    return {
        p.relative_to(place).as_posix(): p.read_bytes()
        for p in place.rglob("*")
        if p.is_file() and ".git" not in p.relative_to(place).parts
    }


def test_a_directory_with_files_is_refused_and_unchanged(call: Call) -> None:
    Path("notes.txt").write_text("mine")
    said = call("init", *BASE)
    assert (said.code, said.out) == (2, "")
    assert "notes.txt" in said.err
    assert "--into" in said.err
    assert files_of(Path()) == {"notes.txt": b"mine"}


@pytest.mark.parametrize("place", ["my-homelab", "below/it", "."])
def test_a_directory_in_the_clone_of_the_library_is_refused(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    clone = tmp_path / "the clone"
    clone.mkdir()
    monkeypatch.chdir(clone)
    monkeypatch.setattr(library, "running_library", lambda: f"homelab @ {clone.as_uri()}")
    said = call("init", place, *BASE)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"error: {place} is in {clone}, the clone of homelab")
    assert f"name a directory outside, such as {tmp_path / 'my-homelab'}" in said.err
    assert files_of(clone) == {}
    said = call("init", str(tmp_path / "my-homelab"), *BASE, "--library", "homelab==1")
    assert said.code == 0, said.err


def test_into_adds_and_overwrites_nothing(call: Call) -> None:
    there = {"README.md": b"my notes", "flake.nix": b"{ }", "secrets/notes.txt": b"x"}
    for name, data in there.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(data)
    said = call("init", *BASE, "--into")
    assert said.code == 0, said.err
    found = files_of(Path())
    assert {name: found[name] for name in there} == there
    assert "README.md was there and stays as it is" in said.out
    # The steps, which the README of a new homelab lists.
    assert "README.md lists" not in said.out
    assert "  - `hosts/" in said.out
    assert "Pulumi.home.yaml" in found


@pytest.mark.parametrize(
    ("project", "missing"),
    [
        ('[project]\nname = "homelab"\n', ["uv add 'homelab @ ", "uv add --dev pytest"]),
        (
            '[project]\nname = "x"\ndependencies = ["homelab>=0.1"]\n',
            ["uv add --dev pytest"],
        ),
        (
            (
                '[project]\nname = "x"\ndependencies = ["homelab @ file:///x", "pytest-cov"]\n'
                '[dependency-groups]\ndev = ["pytest>=8"]\n'
            ),
            [],
        ),
    ],
)
def test_a_project_that_was_there_gets_what_it_lacks_by_commands(
    call: Call, project: str, missing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("homelab.ops.starter.next_steps.command_prefix", lambda: "uv run ")
    Path("pyproject.toml").write_text(project)
    said = call("init", *BASE, "--into")
    assert said.code == 0, said.err
    assert Path("pyproject.toml").read_text() == project
    assert "takes homelab from a path" not in said.out
    added = [line.strip() for line in said.out.splitlines() if line.startswith("  uv add")]
    assert len(added) == len(missing)
    assert all(line.startswith(start) for line, start in zip(added, missing, strict=True))


OWN_LOCK = """{
  "nodes": {
    "nixpkgs": {
      "locked": {"lastModified": 1, "narHash": "sha256-x", "owner": "NixOS", "repo": "nixpkgs",
        "rev": "0123456789abcdef0123456789abcdef01234567", "type": "github"},
      "original": {"owner": "NixOS", "ref": "nixos-24.11", "repo": "nixpkgs", "type": "github"}
    },
    "root": {"inputs": {"nixpkgs": "nixpkgs"}}
  },
  "root": "root",
  "version": 7
}
"""
OWN_FLAKES = {
    "locked": {"flake.nix": "{ outputs = _: { }; }\n", "flake.lock": OWN_LOCK},
    "not locked": {"flake.nix": "{ outputs = _: { }; }\n"},
    "a lock alone": {"flake.lock": OWN_LOCK},
}


@pytest.mark.parametrize("there", OWN_FLAKES.values(), ids=OWN_FLAKES.keys())
def test_the_pins_are_not_in_the_lock_of_a_flake_that_was_there(
    call: Call, there: dict[str, str]
) -> None:
    for name, text in there.items():
        Path(name).write_text(text)
    said = call("init", *BASE, "--into")
    assert said.code == 0, said.err
    assert call("check").code == 0
    found = files_of(Path())
    assert {n: found[n].decode() for n in found if n.startswith("flake.")} == there
    assert "locks/nixos-25.11.lock" in found
    readme = found["README.md"].decode()
    assert "| `locks/nixos-25.11.lock` | the revisions of nixpkgs" in readme
    assert "development shell" not in readme


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("hosts/server/hardware.nix", "{ imports = [ ../gone.nix ]; }\n", "gone.nix"),
        ("locks/nixos-25.11.lock", OWN_LOCK, "[lock-complete]"),
        ("homelab.lock.yaml", "services: [\n", "homelab.lock.yaml"),
    ],
)
def test_nothing_is_written_if_a_file_that_stays_breaks_the_stack(
    call: Call, tmp_path: Path, name: str, text: str, words: str
) -> None:
    there = {name: text, "flake.nix": "{ outputs = _: { }; }\n"}
    for path, content in there.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)
    said = call("init", *BASE, "--into")
    assert said.code == 1
    assert words in said.err
    assert said.err.endswith("nothing was written\n")
    assert {n: d.decode() for n, d in files_of(Path()).items()} == there
    assert {p.as_posix() for p in Path().rglob("*") if p.is_dir()} == {
        p.as_posix() for p in Path(name).parents if p != Path()
    }
    assert list((tmp_path / "person").iterdir()) == [], "a key without a homelab"


@pytest.mark.parametrize("name", ["secrets/server.yaml", "ca/root.crt", ".sops.yaml"])
def test_new_secrets_are_not_mixed_with_existing_ones(
    call: Call, tmp_path: Path, name: str
) -> None:
    """A root certificate beside an older sops file would have lost its key."""
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(b"mine")
    said = call("init", *BASE, "--into")
    assert said.code == 2
    assert name in said.err
    assert said.err.endswith("nothing was written\n")
    assert files_of(Path()) == {name: b"mine"}
    assert list((tmp_path / "person").iterdir()) == []


def test_a_stack_that_is_there_is_never_started_again(call: Call) -> None:
    assert call("init", *BASE).code == 0
    before = files_of(Path())
    said = call("init", *BASE, "--into")
    assert said.code == 2
    assert "--stack" in said.err
    assert files_of(Path()) == before


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--host", "pi"), "--host 'pi': write NAME=VALUE"),
        (("--host", "../up=192.168.1.2"), "--host '../up'"),
        (("--host", "pi=fd00::1"), "not an IPv4 address"),
        (("--host", "pi=192.168.1.2,riscv64-linux"), "aarch64-linux"),
        (("--host", "pi=192.168.1.2", "--host", "pi=192.168.1.3"), "twice"),
        (("--host-key", f"nas={OWNER}"), "--host-key nas"),
        (("--hardware", "server=gone.nix"), "--hardware gone.nix: cannot be read"),
        (("--stack", "a/b"), "--stack 'a/b'"),
        (("--name", "Näs"), "--name 'Näs'"),
        (("--lan", "192.168.1.7/24"), "--lan 192.168.1.7/24"),
        (("--service", "navidrom"), 'did you mean "navidrome"'),
        (("--service", "authelia"), "--service"),
        (("--service", "navidrome", "--service", "jellyfin"), "leave jellyfin out"),
        (("--service", "navidrome=Music"), "--service 'Music'"),
        (("--sign-in", "auth"), "--sign-in auth"),
        (("--cloudflare-zone", "example.org"), "--cloudflare-zone-id, --cloudflare-account"),
        (("--operator", "AGE-SECRET-KEY-1QQQQ"), "not an age recipient"),
        (("--ssh-key", "-----BEGIN OPENSSH PRIVATE KEY-----"), "--ssh-key"),
        (("--timezone", "Mars/Olympus"), "Mars/Olympus"),
        (("--domain", "home arpa"), "site.domain"),
        (("--library", "../homelab"), "--library '../homelab': this is no version"),
        (("--library", "nonsense thing"), "--library 'nonsense thing'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_a_bad_flag_is_named_and_nothing_is_written(
    call: Call, tmp_path: Path, flags: tuple[str, ...], words: str
) -> None:
    said = call("init", "new", *BASE, *flags)
    assert said.code in (1, 2)
    assert words in said.err
    assert "Traceback" not in said.err
    assert "QQQQ" not in said.err, "a private key is repeated"
    assert "root.crt" not in said.err, "a file that init itself would make"
    assert list(Path().iterdir()) == []
    assert list((tmp_path / "person").iterdir()) == [], "a key without a homelab"


def test_without_a_terminal_what_has_no_default_names_its_flag(call: Call) -> None:
    said = call("init", "--user", "nora")
    assert said.code == 2
    assert "--ssh-key" in said.err
    said = call("init", "--user", "nora", "--ssh-key", OWNER, *TAILNET)
    assert "--email" in said.err


HOSTILE = 'Root of "x": {y} # \\ ${z} ]'


def test_hostile_text_stays_text(call: Call) -> None:
    key = f"{OWNER} {HOSTILE}"
    said = call("init", "--user", "nora", "--ssh-key", key, "--library", "homelab==1 # x\ny")
    assert said.code == 0, said.err
    document = yaml.safe_load(Path("Pulumi.home.yaml").read_text())
    assert document["config"]["homelab:site"]["owner"]["ssh_keys"] == [key]
    project = tomllib.loads(Path("pyproject.toml").read_text())
    assert project["project"]["dependencies"] == ["homelab==1 # x\ny"]


def test_a_service_that_does_not_fit_is_refused_with_the_problem(call: Call) -> None:
    said = call("init", "new", *BASE, "--service", "snapserver")
    assert said.code == 1
    assert "[option-demanded]" in said.err
    assert said.err.endswith(
        "begin with another --service, and add snapserver afterwards\nnothing was written\n"
    )
    assert list(Path().iterdir()) == []


def test_without_a_portal_people_sign_in_at_the_first_service(call: Call) -> None:
    """The flag's own example is a service that asks the portal by default."""
    said = call("init", *BASE, "--sign-in", "none", "--service", "navidrome=music")
    assert (said.code, said.err) == (0, "")
    assert stack("Pulumi.home.yaml").errors == []
    assert "auth: native" in Path("Pulumi.home.yaml").read_text()


def test_a_first_service_without_a_sign_in_needs_the_portal(call: Call) -> None:
    said = call("init", "new", *BASE, "--sign-in", "none", "--service", "searxng")
    assert said.code == 2
    assert "leave --sign-in none out" in said.err
    assert call("init", "new", *BASE, "--service", "searxng").code == 0


def test_a_first_service_without_a_page_has_no_name(call: Call) -> None:
    said = call("init", *BASE, "--service", "mosquitto")
    assert (said.code, said.err) == (0, "")
    assert "\n      name:" not in Path("Pulumi.home.yaml").read_text()


def test_the_tests_of_a_new_homelab_hold_with_services_that_know_the_time_zone(
    call: Call,
) -> None:
    assert call("init", *BASE).code == 0
    file = Path("Pulumi.home.yaml")
    line = "  homelab:services:\n"
    more = "".join(
        f"    {name}: {{host: server, backup: {{skip: it is a test}}}}\n"
        for name in ("vikunja", "freshrss", "paperless", "actual")
    )
    file.write_text(file.read_text().replace(line, line + more))
    own = runpy.run_path("tests/test_homelab.py")
    tests = [test for name, test in own.items() if name.startswith("test_")]
    assert len(tests) == 3
    for test in tests:
        test(file)


def test_given_facts_leave_no_placeholder(call: Call, tmp_path: Path) -> None:
    real = tmp_path / "hardware.nix"
    real.write_text('{ fileSystems."/" = { device = "/dev/disk/by-uuid/1"; fsType = "ext4"; }; }\n')
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKZqDlN6b4/Ex4pFqxsANdq9xvQyjlSnDM/FU+IDy3a0"
    said = call(
        "init", *BASE, "--host", "nas=10.0.0.5", "--host-key", f"nas={key}",
        "--hardware", f"nas={real}",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert call("check").out == "nothing is wrong\n"
    assert Path("hosts/nas/hardware.nix").read_text() == real.read_text()
    assert "gateway: 10.0.0.1" in Path("Pulumi.home.yaml").read_text()
    assert "placeholder" not in Path("README.md").read_text()


@pytest.mark.requirement("S0-80")
def test_up_refuses_placeholders_before_any_resource_and_the_rehearsal_does_not(
    call: Call,
) -> None:
    assert call("init", *BASE).code == 0
    here = stack("Pulumi.home.yaml")
    assert {p.where for p in here.problems("host-placeholder")} == {
        "hosts.server.hardware",
        "hosts.server.ssh.host_key",
    }
    assert here.register(preview=False).error == ""
    real = run(Path(), "home", settings(here), preview=False, stand_in_secrets=False)
    assert real.resources == []
    assert "[host-placeholder]" in real.error
    assert run(Path(), "home", settings(here), preview=True, stand_in_secrets=False).resources


def settings(here: LoadedStack) -> dict[str, str]:
    return {f"homelab:{k}": json.dumps(v) for k, v in here.document.values.items()}


def test_the_age_key_is_made_once_and_readable_by_its_owner_only(
    call: Call, tmp_path: Path
) -> None:
    key = tmp_path / "person/.config/sops/age/keys.txt"
    first = call("init", "one", *BASE)
    assert f"{key} has a new age key" in first.out
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().splitlines()[2] not in first.out
    text = key.read_text()
    assert f"{key} has your age key" in call("init", "two", *BASE).out
    assert key.read_text() == text


def test_no_file_of_a_new_homelab_has_a_secret_in_plain_text(call: Call, tmp_path: Path) -> None:
    assert call("init", *BASE).code == 0
    key = tmp_path / "person/.config/sops/age/keys.txt"
    identity = key.read_text().splitlines()[2]
    plain = [identity, *(v for file in ("deploy", "server") for v in opened(file, identity))]
    assert len(plain) == 5
    for name, data in files_of(Path()).items():
        for value in plain:
            assert value.encode() not in data, name


def opened(name: str, identity: str) -> list[str]:
    """Every encrypted value of a sops file, decrypted and authenticated as sops does."""
    tree = yaml.safe_load(Path(f"secrets/{name}.yaml").read_text())
    sops = tree.pop("sops")
    enc = next(
        pyrage.decrypt(entry["enc"].encode(), [pyrage.x25519.Identity.from_str(identity)])
        for entry in sops["age"]
        if entry["recipient"] == str(pyrage.x25519.Identity.from_str(identity).to_public())
    )
    values, digest = [], hashlib.sha512()
    for path, text in leaves(tree, ()):
        if path[0].endswith("_unencrypted"):
            digest.update(text.encode())
            continue
        values.append(value(text, enc, "".join(f"{part}:" for part in path)))
        digest.update(values[-1].encode())
    assert value(sops["mac"], enc, sops["lastmodified"]) == digest.hexdigest().upper()
    return values


def leaves(
    tree: dict[str, object], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str]]:
    for key, inner in tree.items():
        if isinstance(inner, dict):
            yield from leaves(inner, (*above, key))
        else:
            yield (*above, key), str(inner)


def value(text: str, key: bytes, context: str) -> str:
    found = re.fullmatch(r"ENC\[AES256_GCM,data:(.*),iv:(.*),tag:(.*),type:str\]", text)
    assert found, text
    data, iv, tag = (base64.b64decode(part) for part in found.groups())
    return AESGCM(key).decrypt(iv, data + tag, context.encode()).decode()


@pytest.mark.skipif(shutil.which("sops") is None, reason="sops is not on PATH")
def test_sops_reads_and_changes_the_new_files(call: Call) -> None:
    assert call("init", *BASE).code == 0
    users = subprocess.run(
        ["sops", "decrypt", "--extract", '["authelia"]["users"]', "secrets/server.yaml"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert yaml.safe_load(users)["users"]["nora"]["password"].startswith("$argon2id$")
    said = call("secret", "rotate", "authelia-users", "--stdin", stdin=users.replace("nora", "kim"))
    assert said.code == 0, said.err
    assert call("check").code == 0
    assert call("secret", "doctor").code == 0


def test_the_owners_password_at_the_portal_is_kept_and_used(call: Call) -> None:
    assert call("init", *BASE).code == 0
    listed = call("secret", "list").out
    assert "unused" not in listed
    assert "authelia-users" in listed


def test_no_secret_of_a_new_homelab_is_said_to_be_unused(call: Call) -> None:
    """Without `ca/key`, which no host reads before the entry host is managed, the certificate of the
    authority would be worth nothing.
    """
    assert call("init", *BASE, "--adopt-later", "--host", "nas=192.168.1.9").code == 0
    rows = json.loads(call("secret", "list", "--json").out)
    assert [row["key"] for row in rows if "unused" in row["status"]] == []
    assert "nothing reads" not in call("secret", "doctor").out
    said = call("secret", "unset", "ca/key")
    assert said.code == 2
    assert 'there is no unused key "ca/key"' in said.err


def test_questions_are_asked_on_a_terminal_only_for_missing_flags(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def prompt(question: str, default: str = "", **_: object) -> str:
        asked.append(question)
        return {"Domain of the names at home": "ask.home.arpa"}.get(question, default)

    monkeypatch.setattr("typer.prompt", prompt)
    assert call("init", "one", *BASE, "--timezone", "Europe/Oslo", terminal=True).code == 0
    assert "domain: ask.home.arpa" in Path("one/Pulumi.home.yaml").read_text()
    assert "Time zone" not in asked
    assert len(asked) <= 6
    asked.clear()
    assert call("init", "two", *BASE, "--yes", terminal=True).code == 0
    assert asked == []


@pytest.mark.parametrize(
    ("question", "wrong", "right"),
    [
        ("Your account on the hosts", "", "kim"),
        ("Hosts, NAME=ADDRESS with spaces between", "kim", "kim=192.168.1.10"),
        ("First service, SERVICE=NAME", "navidrom", "navidrome=kim"),
        ("Time zone", "Mars/Olympus", "Europe/Oslo"),
        ("cloudflare-zone-id, as the dashboard shows it", "", "9f8e7d6c5b4a39281706f5e4d3c2b1a0"),
    ],
)
def test_a_wrong_answer_is_asked_for_again_and_loses_no_other(
    call: Call, monkeypatch: pytest.MonkeyPatch, question: str, wrong: str, right: str
) -> None:
    asked: list[str] = []

    def prompt(said: str, default: str = "", **_: object) -> str:
        asked.append(said)
        if said.splitlines()[-1] != question:
            return {"Domain of the names at home": "ask.example.org"}.get(said, default)
        return right if len([a for a in asked if a.endswith(question)]) > 1 else wrong

    monkeypatch.setattr("typer.prompt", prompt)
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    flags = ("--cloudflare-zone", "example.org", "--cloudflare-account", CLOUDFLARE[-1])
    by_question = {
        "Your account on the hosts": (),
        "cloudflare-zone-id, as the dashboard shows it": flags,
    }
    user = () if question == "Your account on the hosts" else ("--user", "nora")
    said = call("init", *user, "--email", "nora@example.org", "--ssh-key", OWNER,
                *by_question.get(question, ()), terminal=True)  # fmt: skip
    assert said.code == 0, said.err
    assert len({a.splitlines()[-1] for a in asked}) == len(asked) - 1
    (again,) = (a for a in asked if "\n" in a)
    assert again.endswith(f"\n{question}")
    text = Path("Pulumi.home.yaml").read_text()
    assert right.rpartition("=")[2] in text
    assert "domain: ask.example.org" in text


def test_a_bad_flag_is_named_before_anything_is_asked(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: pytest.fail("a question was asked"))
    for flags in (("--sign-in", "auth"), ("--ssh-key", "gone.pub")):
        said = call("init", "new", "--user", "nora", *flags, terminal=True)
        assert (said.code, flags[0] in said.err) == (2, True)


def test_a_skipped_backup_of_the_whole_stack_names_the_place_of_a_service(call: Call) -> None:
    assert call("init", *BASE).code == 0
    path = Path("Pulumi.home.yaml")
    path.write_text(f"{path.read_text()}  homelab:backup: {{skip: none}}\n")
    said = call("check")
    assert said.code == 1
    assert "homelab:services: {NAME: {backup: {skip: why}}}" in said.out + said.err


def test_the_tests_of_a_new_homelab_are_those_of_this_repository() -> None:
    """The template is not Python to linters; this file, which they read, is."""
    body = "@pytest.mark.parametrize"
    ours = next((build.ROOT / "tests/own").glob("test_*.py")).read_text()
    theirs = (build.ROOT / "homelab/starter/templates/test_homelab.py.in").read_text()
    assert theirs.partition(body)[2] == ours.partition(body)[2]
    program = (build.ROOT / "homelab/starter/templates/main.py.in").read_text()
    assert program.partition("\n")[2] == (build.ROOT / "__main__.py").read_text().partition("\n")[2]


def test_the_flake_and_its_lock_have_the_same_inputs_and_are_those_that_are_tested() -> None:
    place = build.ROOT / "homelab/starter/templates"
    ours = json.loads((build.ROOT / "locks/nixos-25.11.lock").read_text())["nodes"]
    theirs = json.loads((place / "flake.lock").read_text())["nodes"]
    assert {k: ours[k] for k in theirs if k != "root"} == {
        k: v for k, v in theirs.items() if k != "root"
    }
    flake = (place / "flake.nix").read_text()
    urls = set(re.findall(r'url = "(.*)"', flake))
    assert urls == {
        "/".join(filter(None, (f"github:{o['owner']}", o["repo"], o.get("ref"))))
        for o in (node["original"] for name, node in theirs.items() if name != "root")
    }


@pytest.mark.skipif(shutil.which("nixfmt") is None, reason="nixfmt is not on PATH")
def test_nix_files_of_a_new_homelab_are_formatted(call: Call) -> None:
    assert call("init", *BASE, *TWO).code == 0
    files = [str(p) for p in Path().rglob("*.nix")]
    assert len(files) == 3
    done = subprocess.run(
        ["nixfmt", "--check", *files], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
