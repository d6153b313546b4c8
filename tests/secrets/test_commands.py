"""`homelab secret …` with real sops files: what is written, for whom, and that nothing leaks."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from homelab.secrets.age import age_recipient
from homelab.secrets.sops_file import parse_sops_file
from tests import build
from tests.secrets.conftest import Bench

TOKEN = "cf-" + "a1B2" * 12
LOGIN = "B2_ACCOUNT_ID=account\nB2_ACCOUNT_KEY=word-of-b2\n"
KEY = "sW0rdf1sh" * 4
PASTE: dict[str, Any] = {
    "services": {
        "paste": {
            "host": "nas",
            "container": {"image": f"example.org/paste:1@sha256:{'0' * 64}", "port": 8000},
            "audience": "operator",
            "state": ["/var/lib/paste"],
            "secrets": {
                "token": {"ref": {"sops": "paste/token"}, "env": "PASTE_TOKEN"},
                "file": {"ref": {"sops": "paste/file"}},
            },
        }
    }
}


def leaves(bench: Bench, *values: str) -> list[str]:
    """Files of the stack, and records of processes, that contain a value in plain text."""
    files = [p for p in bench.directory.rglob("*") if p.is_file()]
    text = {str(p): p.read_bytes() for p in [*files, bench.words] if p.exists()}
    return [name for name, data in text.items() for v in values if v.encode() in data]


@pytest.mark.requirement("S0-57", "S0-58")
def test_set_makes_the_file_and_its_rule_and_encrypts_for_its_readers(bench: Bench) -> None:
    bench.write(PASTE)
    said = bench.call("secret", "set", "paste/token", "--stdin", stdin=f"{TOKEN}\n")
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines() == [
        ".sops.yaml written",
        "secrets/nas.yaml is new",
        "paste/token is in secrets/nas.yaml",
    ]
    made = parse_sops_file("nas.yaml", (bench.directory / "secrets/nas.yaml").read_text())
    assert made.recipients == {bench.recipient, age_recipient(build.host_key("nas"))}
    assert yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"] == {"token": TOKEN}
    assert made.changed == {"paste/token": made.modified}
    assert leaves(bench, TOKEN) == []
    left = [p.name for p in bench.directory.iterdir() if p.name.startswith(".homelab-sops")]
    assert left == []


def test_set_keeps_other_keys_and_dates_each_one(bench: Bench) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "paste-token", "--stdin", stdin=TOKEN).code == 0
    before = parse_sops_file("", (bench.directory / "secrets/nas.yaml").read_text())
    said = bench.call("secret", "set", "paste/file", "--stdin", stdin="line one\nline two\n")
    assert said.code == 0, said.err
    tree = yaml.safe_load(bench.read("secrets/nas.yaml"))
    assert tree["paste"] == {"token": TOKEN, "file": "line one\nline two\n"}
    after = parse_sops_file("", (bench.directory / "secrets/nas.yaml").read_text())
    assert after.kinds.keys() == {"paste/token", "paste/file"}
    assert after.changed.keys() == {"paste/token", "paste/file"}
    assert before.changed.items() <= after.changed.items()


def test_a_value_that_its_reader_would_refuse_is_not_written(bench: Bench) -> None:
    bench.write(PASTE)
    said = bench.call("secret", "set", "cloudflare.token", "--stdin", stdin="hunter2secret")
    assert said.code == 1
    assert "cloudflare.token: a Cloudflare token has 40 or more letters" in said.err
    two = bench.call("secret", "set", "paste/token", "--stdin", stdin="two\nlines")
    assert "an environment variable has one line" in two.err
    empty = bench.call("secret", "set", "paste/token", "--stdin", stdin="\n")
    assert "the value is empty" in empty.err
    assert not (bench.directory / "secrets/deploy.yaml").exists()
    assert "hunter2secret" not in said.err + said.out


@pytest.mark.long
def test_set_missing_makes_what_it_can_and_names_the_rest(bench: Bench) -> None:
    stored = {
        "paste/token": {"generate": "password"},
        "paste/file": {"generate": {"kind": "argon2", "length": 20}},
    }
    bench.write({**PASTE, "secrets": {"stored": stored}})
    said = bench.call("secret", "set", "--missing")
    assert said.code == 0, said.err
    assert "cloudflare/token is still missing" in said.out
    assert "master is in secrets/deploy.yaml" in said.out
    tree = yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"]
    deploy = yaml.safe_load(bench.read("secrets/deploy.yaml"))
    assert len(tree["token"]) == 32
    Argon2id.verify_phc_encoded(deploy["paste"]["file"].encode(), tree["file"])
    assert len(deploy["paste"]["file"]) == 20
    values = (tree["token"], tree["file"], deploy["paste"]["file"], deploy["master"])
    assert leaves(bench, *values) == []
    assert not any(value in said.out for value in values)
    again = bench.call("secret", "set", "--missing")
    assert yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"] == tree, "made once"
    assert "master" not in again.out


def test_set_missing_gives_a_new_host_what_the_others_have(bench: Bench) -> None:
    stored = {"paste/token": {"generate": "password"}}
    bench.write({**PASTE, "secrets": {"stored": stored}})
    assert bench.call("secret", "set", "paste/file", "--stdin", stdin="one\ntwo\n").code == 0
    assert bench.call("secret", "set", "paste/token", "--generate", "password").code == 0
    before = yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"]
    paste = PASTE["services"]["paste"]
    second = {**paste, "host": "pi", "name": "second", "port": 8123, "state": ["/var/lib/second"]}
    services = {"services": {"paste": paste, "second": second}, "secrets": {"stored": stored}}
    bench.write(services)
    said = bench.call("secret", "set", "--missing")
    assert said.code == 0, said.err
    assert "paste/token is in secrets/pi.yaml, as in secrets/nas.yaml" in said.out
    assert yaml.safe_load(bench.read("secrets/pi.yaml"))["paste"] == before
    assert yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"] == before


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("b2", "B2_ACCOUNT_ID=a\nB2_ACCOUNT_KEY=b\n", ""),
        ("b2", "# mine\n\nB2_ACCOUNT_ID=a\nB2_ACCOUNT_KEY=b=\nB2_TIMEOUT=3", ""),
        ("b2", "K00abc", "B2_ACCOUNT_ID=… and B2_ACCOUNT_KEY=…, one variable per line"),
        ("b2", "B2_ACCOUNT_ID=a", "B2_ACCOUNT_ID=… and B2_ACCOUNT_KEY=…, one variable per line"),
        ("b2", "B2_ACCOUNT_ID=a\nB2_ACCOUNT_KEY=", "one variable per line"),
        ("s3", "export AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b", "AWS_ACCESS_KEY_ID=…"),
        ("rest", "RESTIC_REST_USERNAME=a\nRESTIC_REST_PASSWORD=b", ""),
        ("rclone", "[drive]\ntype = drive\n", ""),
        ("rclone", "drive:restic", "this is not rclone.conf"),
    ],
)
def test_the_login_of_a_backup_target_has_the_form_that_restic_reads(
    bench: Bench, kind: str, value: str, form: str
) -> None:
    path = {"b2": "bucket/x", "s3": "https://s3.example.org/x", "rest": "https://r.example.org/"}
    target = {"kind": kind, "path": path.get(kind, "drive:x"), "credentials": {"sops": "restic/x"}}
    bench.write({**PASTE, "backup": {"targets": {"off": target}}})
    said = bench.call("secret", "set", "restic/x", "--stdin", stdin=value)
    assert (said.code, form in said.err) == (1 if form else 0, True), said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("paste/new",), "write {sops: paste/new} in the stack where it is read, first"),
        (("paste/tokn",), 'did you mean "paste/token"?'),
        (("restic-b2",), "is derived from the master key"),
        (("acme-cloudflare",), "is issued by a provider"),
        ((), "name a secret, or write --missing"),
        (("paste/token", "--stdin", "--generate", "hex"), "a value has one source"),
        (("paste/token", "--generate", "hexx"), 'did you mean "hex"?'),
        (("paste/token",), "there is no terminal to ask on"),
        (("paste/token", "--missing"), "--missing sets every missing secret"),
        (("paste/token", "--from-file", "nowhere"), "cannot be read"),
    ],
)
def test_a_wrong_call_says_what_to_write(
    bench: Bench, words: tuple[str, ...], message: str
) -> None:
    public = {"cloudflare": {"tunnel": {"host": "pi"}}}
    bench.write({**PASTE, **public})
    said = bench.call("secret", "set", *words)
    assert said.code == 2, said.out
    assert message in said.err


def test_an_old_sops_that_takes_values_as_arguments_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    if bench.is_real:
        pytest.skip("the real sops has one version")
    monkeypatch.setenv("STAND_IN_SOPS", "3.10.2")
    bench.write(PASTE)
    said = bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN)
    assert "install 3.11 or later" in said.err
    assert bench.call("secret", "doctor").code == 1


@pytest.mark.requirement("S0-58")
def test_recipients_follow_the_stack_and_a_lost_reader_costs_a_new_data_key(bench: Bench) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    assert bench.call("secret", "recipients").out == "every sops file has the right recipients\n"
    before = (bench.directory / "secrets/nas.yaml").read_text()
    new = build.host_key("another")
    bench.write({**PASTE, "hosts": {"nas": {"ssh": {"host_key": new}}}})
    check = bench.call("check")
    assert "encrypt it for its readers: homelab secret recipients" in check.out
    dry = bench.call("secret", "recipients", "--dry-run")
    assert dry.code == 1
    assert "secrets/nas.yaml: + nas" in dry.out
    assert "secrets/nas.yaml: - age1" in dry.out
    assert (bench.directory / "secrets/nas.yaml").read_text() == before
    said = bench.call("secret", "recipients")
    assert said.code == 0, said.err
    made = parse_sops_file("", (bench.directory / "secrets/nas.yaml").read_text())
    assert made.recipients == {bench.recipient, age_recipient(new)}
    assert yaml.safe_load(bench.read("secrets/nas.yaml"))["paste"] == {"token": TOKEN}
    texts = (before, (bench.directory / "secrets/nas.yaml").read_text())
    old, after = (yaml.safe_load(text)["paste"]["token"] for text in texts)
    assert old != after, "encrypted with a new data key"
    assert bench.call("secret", "recipients", "--dry-run").code == 0
    (bench.directory / ".sops.yaml").unlink()
    rules = bench.call("secret", "recipients", "--dry-run")
    assert (rules.code, rules.out) == (1, ".sops.yaml changes\n")


def test_list_shows_every_secret_and_never_a_value(bench: Bench) -> None:
    stored = {"paste/token": {"limit": "180d"}}
    bench.write({**PASTE, "secrets": {"stored": stored}})
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    rows = {
        (r["name"], r["host"]): r for r in json.loads(bench.call("secret", "list", "--json").out)
    }
    token = rows["paste-token", "nas"]
    assert (token["file"], token["key"]) == ("secrets/nas.yaml", "paste/token")
    assert (token["limit"], token["exact"], token["status"]) == (180, True, [])
    assert token["units"] == ["podman-paste.service"]
    assert rows["paste-file", "nas"]["status"] == ["missing"]
    assert rows["cloudflare.token", "deployer"]["status"] == ["file missing"]
    assert rows["restic-b2", "nas"]["source"] == "derived"
    text = bench.call("secret", "list").out
    assert "paste/token" in text
    assert "180 d" in text
    assert TOKEN not in text


@pytest.mark.long
def test_a_key_that_nothing_reads_is_listed_and_can_be_removed(bench: Bench) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    assert bench.call("secret", "set", "paste/file", "--stdin", stdin="x").code == 0
    bench.write({"services": {"paste": {**PASTE["services"]["paste"], "secrets": {
        "file": {"ref": {"sops": "paste/file"}}}}}})  # fmt: skip
    assert "unused" in bench.call("secret", "list").out
    assert "nothing reads paste/token" in bench.call("secret", "doctor").out
    assert bench.call("secret", "unset", "paste/file").code == 2
    assert bench.call("secret", "unset", "paste/token").code == 0
    made = parse_sops_file("", (bench.directory / "secrets/nas.yaml").read_text())
    assert (made.kinds.keys(), made.changed.keys()) == ({"paste/file"}, {"paste/file"})


@pytest.mark.long
def test_doctor_is_content_with_what_set_made(bench: Bench) -> None:
    bench.write(PASTE)
    for name in ("restic/b2", "cloudflare/token", "paste/token", "paste/file"):
        value = LOGIN if name == "restic/b2" else TOKEN
        assert bench.call("secret", "set", name, "--stdin", stdin=value).code == 0
    assert bench.call("secret", "set", "secrets.master", "--generate", "base64").code == 0
    said = bench.call("secret", "doctor")
    assert said.code == 0, said.out
    assert "keys.txt" in said.out
    assert "opens secrets/deploy.yaml, secrets/nas.yaml" in said.out


def test_doctor_finds_each_fault_and_changes_nothing(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=TOKEN).code == 0
    keys = tmp_path / "keys.txt"
    keys.chmod(0o644)
    (bench.directory / "secrets/pi.yaml").write_text("restic: {b2: in-plain-sight}\n")
    before = {p: p.read_bytes() for p in bench.directory.rglob("*") if p.is_file()}
    said = bench.call("secret", "doctor")
    assert said.code == 1
    assert f"chmod 600 {keys}" in said.out
    assert "secrets/pi.yaml is not encrypted" in said.out
    assert "secrets/nas.yaml lacks paste/file (paste); homelab secret set paste/file" in said.out
    assert "in-plain-sight" not in said.out
    assert {p: p.read_bytes() for p in bench.directory.rglob("*") if p.is_file()} == before
    assert stat.S_IMODE(keys.stat().st_mode) == 0o644
    other = tmp_path / "other.txt"
    other.write_text(f"{pyrage.x25519.Identity.generate()}\nnonsense\n")
    other.chmod(0o600)
    monkeypatch.setenv("SOPS_AGE_KEY_FILE", str(other))
    said = bench.call("secret", "doctor")
    assert "opens no secrets file of this stack" in said.out
    assert f"{other}:2 is not an age key" in said.out
    assert "secrets/nas.yaml cannot be opened with the keys here" in said.out
    assert "no key here can decrypt" in bench.call(
        "secret", "set", "paste/token", "--stdin", stdin=TOKEN
    ).err  # fmt: skip


def test_doctor_asks_1password_only_where_the_stack_does(bench: Bench, tmp_path: Path) -> None:
    op = tmp_path / "bin/op"
    op.write_text("#!/bin/sh\nexit 1\n")
    op.chmod(0o755)
    bench.write({})
    assert "op is" not in bench.call("secret", "doctor").out
    bench.write({"cloudflare": {"token": {"sops": None, "op": "op://home/cf/token"}}})
    said = bench.call("secret", "doctor")
    assert "op is not signed in, and cloudflare.token need it" in said.out
    op.write_text("#!/bin/sh\nexit 0\n")
    assert "ok: op is signed in to 1Password" in bench.call("secret", "doctor").out


def test_the_short_form_prints_a_derived_secret(bench: Bench) -> None:
    bench.write(PASTE)
    assert bench.call("secret", "set", "secrets.master", "--generate", "base64").code == 0
    long = bench.call("secret", "show", "restic-b2", "nas")
    short = bench.call("secret", "restic-b2", "nas")
    assert long.code == 0
    assert len(long.out) == 43
    assert long == short


SHARED: dict[str, Any] = {
    "secrets": {"stored": {"restic/b2": {"file": "secrets/shared.yaml"}}},
    "hosts": {"pi": {"ssh": {"host_key": build.KEY}}},
    "services": {
        "paste": PASTE["services"]["paste"],
        "board": {**PASTE["services"]["paste"], "host": "pi", "secrets": None, "port": 8010},
    },
}


@pytest.mark.long
@pytest.mark.requirement("S0-58")
def test_hosts_share_a_file_for_one_key_and_keep_their_own_for_the_others(bench: Bench) -> None:
    bench.write(SHARED)
    said = bench.call("secret", "set", "restic/b2", "--stdin", stdin=LOGIN)
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == "restic/b2 is in secrets/shared.yaml"
    assert bench.call("secret", "set", "paste/token", "--stdin", stdin=KEY).code == 0
    shared = parse_sops_file("", (bench.directory / "secrets/shared.yaml").read_text())
    both = {age_recipient(build.host_key("nas")), age_recipient(build.KEY)}
    assert shared.recipients == {bench.recipient, *both}
    own = parse_sops_file("", (bench.directory / "secrets/nas.yaml").read_text())
    assert own.recipients == {bench.recipient, age_recipient(build.host_key("nas"))}
    assert own.kinds.keys() == {"paste/token"}
    assert bench.call("secret", "recipients", "--dry-run").code == 0
    assert bench.call("secret", "set", "paste/file", "--stdin", stdin=KEY).code == 0
    check = bench.call("check")
    assert "shared.yaml" not in check.out + check.err
    bench.write({**SHARED, "services": {"paste": PASTE["services"]["paste"]}})
    dry = bench.call("secret", "recipients", "--dry-run")
    assert "secrets/shared.yaml: - pi" in dry.out
    assert bench.call("secret", "recipients").code == 0
    after = parse_sops_file("", (bench.directory / "secrets/shared.yaml").read_text())
    assert after.recipients == {bench.recipient, age_recipient(build.host_key("nas"))}
