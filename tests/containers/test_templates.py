"""Files with secrets: each language's own parser reads the secret back as it was."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from homelab.services.secret_files import specified
from tests import build
from tests.build import ROOT
from tests.containers.paperless import DIGEST
from tests.household import Changes
from tests.tools.programs import need

SCRIPT = ROOT / "homelab/services/write-files.sh"
HOSTILE = (
    "plain",
    'a"b\\c',
    "$HOME `id` $(id) ${x}",
    "{{value}} {value[key]} %s %%",
    "# no comment: [x] - y",
    "'single' & <tag>",
    "é ü ß 日本 \u2028 \u2029 \ufeff \u0085",
    "  blanks around  ",
    "null",
    "-",
)


def service(template: Changes) -> Changes:
    return with_templates({"config": template})


def with_templates(templates: Mapping[str, Changes]) -> Changes:
    return {
        "services": {
            "app": {
                "host": "nas",
                "containers": {
                    "web": {
                        "image": f"docker.io/a/b:1{DIGEST}",
                        "port": 80,
                        "templates": templates,
                    }
                },
                "secrets": {"key": {}, "other": {}},
                "backup": {"skip": "it keeps nothing"},
            }
        }
    }


def write(directory: Path, template: Changes, **secrets: str) -> subprocess.CompletedProcess[str]:
    """Run the host's script for a template, with these values of the secrets."""
    return write_each(directory, {"config": template}, **secrets)


def write_each(
    directory: Path, templates: Mapping[str, Changes], **secrets: str
) -> subprocess.CompletedProcess[str]:
    """Run the host's script for several templates, with these values of the secrets."""
    plan = build.plan(with_templates(templates))
    mine = plan.service("app")
    assert mine is not None
    text = specified(mine, mine.parts[0])
    paths = text["secrets"]
    assert isinstance(paths, list)
    for i, path in enumerate(paths):
        name = path.rpartition("app-")[2]
        file = directory / f"in-{name}"
        file.write_bytes(secrets[name].encode())
        paths[i] = str(file)
    for file_ in text["files"]:  # type: ignore[attr-defined]
        # Only root may give files away.
        file_["owner"] = str(os.getuid())
    return script(directory, text)


def script(directory: Path, files: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    """Run the host's script for these files."""
    need("jq")
    (directory / "files.json").write_text(json.dumps(files), encoding="utf-8")
    (directory / "run").mkdir(exist_ok=True)
    env = {
        **os.environ,
        "FILES": str(directory / "files.json"),
        "RUNTIME_DIRECTORY": str(directory / "run"),
    }
    line = ["bash", str(SCRIPT)]
    return subprocess.run(line, env=env, capture_output=True, text=True, check=False)


def written(directory: Path, template: Changes, **secrets: str) -> str:
    done = write(directory, template, **secrets)
    assert done.returncode == 0, done.stderr
    (file,) = (directory / "run").iterdir()
    return file.read_text(encoding="utf-8")


def template(format_: str, **said: object) -> Changes:
    content = {
        "server": {"port": 8080, "debug": False},
        "key": {"$value": "key"},
        "url": {"$text": "postgres://a:{value[key]}@db/{value[other]}?x={y}"},
        "list": ["a", {"$value": "other"}],
        'odd "key" \\': 'text with "quotes" \\ and more',
    }
    return {"format": format_, "content": content, "target": "/etc/app.conf", **said}


def expected(key: str, other: str) -> dict[str, object]:
    return {
        "server": {"port": 8080, "debug": False},
        "key": key,
        "url": f"postgres://a:{key}@db/{other}?x={{y}}",
        "list": ["a", other],
        'odd "key" \\': 'text with "quotes" \\ and more',
    }


PARSERS = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}


def read_back(directory: Path, key: str, other: str) -> dict[str, object]:
    """What each language's parser reads in its file, of one run of the script."""
    made = {n: template(n, target=f"/etc/app.{n}") for n in PARSERS}
    done = write_each(directory, made, key=key, other=other)
    assert done.returncode == 0, done.stderr
    texts = {p.name: p.read_text(encoding="utf-8") for p in (directory / "run").iterdir()}
    return {n: PARSERS[n](text) for name, text in texts.items() for n in PARSERS if n in name}


@pytest.mark.parametrize("secret", HOSTILE)
@pytest.mark.requirement("S1-19")
def test_a_secret_in_a_file_is_the_same_text_for_the_files_parser(
    secret: str, tmp_path: Path
) -> None:
    assert read_back(tmp_path, secret, "o") == dict.fromkeys(PARSERS, expected(secret, "o"))


@hypothesis_settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(secret=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufffd")))
@pytest.mark.requirement("S1-19")
def test_any_text_is_written_whole(secret: str, tmp_path: Path) -> None:
    """The line break at the end of a secret's file is not a part of the secret."""
    secret = secret.removesuffix("\n")
    found = read_back(tmp_path, secret, secret)
    assert found == dict.fromkeys(PARSERS, expected(secret, secret))


@pytest.mark.parametrize("secret", [s for s in HOSTILE if "\u0085" not in s])
@pytest.mark.requirement("S1-19")
def test_a_variable_has_the_secret_as_its_whole_line(secret: str, tmp_path: Path) -> None:
    """Podman reads such a file line by line, without quotes."""
    content = {"A": {"$text": "x{value[key]}y"}, "B": "plain", "C": True}
    text = written(tmp_path, {"format": "env", "content": content}, key=secret, other="")
    assert text == f"A=x{secret}y\nB=plain\nC=true\n"


@pytest.mark.parametrize("language", ["env", "text"])
@pytest.mark.requirement("S1-19")
def test_a_secret_with_a_line_break_cannot_add_a_line(language: str, tmp_path: Path) -> None:
    """The unit fails, and its message does not have the secret."""
    content: object = {"A": {"$value": "key"}} if language == "env" else "a={value[key]}\n"
    target = {} if language == "env" else {"target": "/etc/app.conf"}
    done = write(
        tmp_path, {"format": language, "content": content, **target}, key="x\nB=y", other=""
    )
    assert done.returncode == 1
    assert "line break" in done.stderr
    assert "B=y" not in done.stderr
    assert [*(tmp_path / "run").iterdir()] == []


def test_a_text_has_its_secrets_and_nothing_else_changes(tmp_path: Path) -> None:
    content = "user = a\npassword = {value[key]}\n{not} a $field %s\n"
    found = written(tmp_path, template("text", content=content), key="p{value[key]}", other="")
    assert found == "user = a\npassword = p{value[key]}\n{not} a $field %s\n"


@pytest.mark.requirement("S1-34")
def test_a_secret_that_is_a_whole_file_keeps_its_bytes(tmp_path: Path) -> None:
    """A key file need not be text."""
    pieces = [{"secret": 0, "quote": "none"}]
    file = {"name": "key", "owner": str(os.getuid()), "mode": "0400", "pieces": pieces}
    secret = bytes(range(256)) + b"\n"
    (tmp_path / "in").write_bytes(secret)
    text = {"secrets": [str(tmp_path / "in")], "files": [file]}
    done = script(tmp_path, text)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run/key").read_bytes() == secret


@pytest.mark.requirement("S1-34")
def test_nobody_else_can_read_the_file(tmp_path: Path) -> None:
    written(tmp_path, template("json", mode="0440"), key="x", other="y")
    (file,) = (tmp_path / "run").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o440


def test_a_missing_secret_is_an_error_and_no_empty_value(tmp_path: Path) -> None:
    done = write(tmp_path, template("json"), key="x", other="y")
    assert done.returncode == 0
    (tmp_path / "in-key").unlink()
    done = script(tmp_path, json.loads((tmp_path / "files.json").read_text(encoding="utf-8")))
    assert done.returncode != 0


@pytest.mark.requirement("S1-19")
def test_no_secret_is_in_a_file_of_the_store() -> None:
    """The rendered texts name the paths of secrets on the host."""
    changes = service(template("json"))
    text = build.render(changes)["nas"]["services/app.nix"]
    assert '"/run/homelab/secrets/app-key"' in text
    assert "pkgs.writeText" in text


@pytest.mark.parametrize(
    ("change", "where", "says"),
    [
        (
            {"format": "env", "target": None, "content": {"A-B": "x"}},
            "content.A-B",
            "is not a variable",
        ),
        (
            {"format": "env", "target": None, "content": {"A": ["x"]}},
            "content.A",
            "is no text",
        ),
        (
            {"format": "env", "target": None, "content": {"A": "x\ny"}},
            "content.A",
            "has a line break",
        ),
        ({"content": {"a": [{"$text": 1}]}}, "content.a[0]", "$text takes text"),
        ({"content": {"a": [{"$value": "kez"}]}}, "content.a[0].$value", 'no secret "kez"'),
        ({"content": {"a": "{value[key]}"}}, "content.a", "in a plain text"),
        ({"format": "toml", "content": {"a": {"b": None}}}, "content.a.b", "no null"),
        ({"format": "text", "content": "{value[kez]}"}, "content", 'no secret "kez"'),
    ],
)
def test_a_wrong_template_is_an_error_at_its_place(change: Changes, where: str, says: str) -> None:
    changes = service({**template("json"), **change})
    app = changes["services"]["app"]  # type: ignore[index]
    app["containers"]["web"]["secrets"] = {"key": "KEY", "other": "OTHER"}
    found = build.found(changes, "container-secret")
    assert [p.where for p in found] == [f"services.app.containers.web.templates.config.{where}"]
    assert says in found[0].what
