"""A unit of homelab's own has files with secrets, which exist only while it runs."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from homelab.config.base import Model
from homelab.config.containers import Template, TemplateBase
from homelab.config.unit import UnitTemplate
from homelab.services.unit_templates import specified
from homelab.testing import merged
from tests import build
from tests.containers.test_templates import script
from tests.household import Changes

pytestmark = pytest.mark.requirement("S1-19", "S1-34")

CONTENT = {
    "listen": "[::]:8096",
    "token": {"secret": {"$value": "key"}, "url": {"$text": "postgres://a:{value[key]}@db"}},
}


def stack(content: object = CONTENT, **unit: object) -> Changes:
    return {
        "services": {
            "app": {
                "host": "nas",
                "port": 8096,
                "auth": "native",
                "state": ["/var/lib/private/app"],
                "secrets": {"key": {}, "word": {"env": "WORD"}},
                "unit": {
                    "package": "attic-server",
                    "command": ["atticd", "--config", "{templates}/config"],
                    "templates": {"config": {"format": "toml", "content": content}},
                    **unit,
                },
            }
        }
    }


PLACES = {
    "a unit": "unit.templates.config",
    "a container": "container.templates.config",
    "one of several containers": "containers.web.templates.config",
}


def with_literal(kind: str, content: object) -> Changes:
    """A stack whose service of one kind has a template."""
    templates = {"config": {"format": "toml", "content": content, "target": "/etc/a.toml"}}
    if kind == "a unit":
        return stack(content, environment={})
    inside = {"image": f"docker.io/a/b:1@sha256:{'0' * 64}", "port": 80, "templates": templates}
    how = {"container": inside} if kind == "a container" else {"containers": {"web": inside}}
    app = {"host": "nas", "port": 8096, "auth": "native", "secrets": {"key": {}}, **how}
    return {"services": {"app": app}}


@pytest.mark.parametrize("kind", PLACES)
def test_a_literal_secret_in_any_template_is_reported_once(kind: str) -> None:
    content = {"token": {"$value": "key"}, "environment": {"password": "hunter22222x"}}
    (problem,) = build.found(with_literal(kind, content), "secret-literal")
    assert problem.where == f"services.app.{PLACES[kind]}"
    assert problem.what.startswith("config.environment.password is a secret in plain text")
    assert "{$value: name}" in problem.way_out
    assert "hunter" not in str(problem)
    mended = {"token": {"$value": "key"}, "environment": {"password": {"$value": "key"}}}
    assert build.found(with_literal(kind, mended), "secret-literal") == []


def test_a_literal_secret_in_a_url_of_a_unit_is_reported() -> None:
    url = {"hook": "https://a.example/x?token=hunter22222x"}
    (problem,) = build.found(stack(url, environment={}), "secret-literal")
    assert problem.where == "services.app.unit.templates.config.content.hook"


def test_every_model_of_a_template_is_one_that_the_check_reads() -> None:
    """A model of a template elsewhere, which is no `TemplateBase`, would not be read."""
    pending, seen = [Model], set[type[Model]]()
    while pending:
        for model in pending.pop().__subclasses__():
            if model not in seen:
                seen.add(model)
                pending.append(model)
    templates = {m for m in seen if {"format", "content"} <= m.model_fields.keys()}
    assert {Template, UnitTemplate} <= templates
    assert [m for m in templates if not issubclass(m, TemplateBase)] == []


def text_of(changes: Changes) -> str:
    return build.render(changes)["nas"]["services/app.nix"]


def test_the_store_has_paths_of_secrets_and_the_unit_gets_the_file_as_a_credential() -> None:
    text = text_of(stack())
    assert "atticd --config /run/credentials/app.service/config" in text
    assert '"config:/run/homelab-files/app/config"' in text
    assert 'secrets = [ "/run/homelab/secrets/app-key" ];' in text
    assert "script = builtins.readFile ./write-files.sh;" in text


def test_the_files_go_when_the_unit_stops_and_only_root_enters_their_directory() -> None:
    text = text_of(stack())
    writer = text[text.index("systemd.services.app-files") :]
    assert 'before = [ "app.service" ];' in writer
    assert 'requiredBy = [ "app.service" ];' in writer
    assert "unitConfig.StopWhenUnneeded = true;" in writer
    assert 'RuntimeDirectory = "homelab-files/app";' in writer
    assert 'RuntimeDirectoryMode = "0700";' in writer


def test_a_file_is_the_same_text_for_its_parser_whatever_the_secret_is(tmp_path: Path) -> None:
    mine = build.plan(stack()).service("app")
    assert mine is not None
    told = json.loads(json.dumps(specified(mine)))
    secret = 'a"b\\c\nd]'
    (tmp_path / "key").write_text(secret)
    told["secrets"] = [str(tmp_path / "key")]
    told["files"][0]["owner"] = str(os.getuid())
    done = script(tmp_path, told)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "run" / "config"
    assert stat.S_IMODE(made.stat().st_mode) == 0o400
    assert tomllib.loads(made.read_text()) == {
        "listen": "[::]:8096",
        "token": {"secret": secret, "url": f"postgres://a:{secret}@db"},
    }


def test_a_changed_secret_or_text_writes_the_file_again_and_restarts_the_unit() -> None:
    secrets = {s.name: s.units for s in build.plan(stack()).secrets.on("nas")}
    assert secrets["app-key"] == ("app-files.service", "app.service")
    assert secrets["app-word"] == ("app.service",)
    trigger = 'restartTriggers = [ config.systemd.services."app-files".environment.FILES ];'
    assert trigger in text_of(stack())


def test_a_named_user_has_the_files_as_well() -> None:
    text = text_of(stack(user="attic"))
    assert 'User = "attic";' in text
    assert '"config:/run/homelab-files/app/config"' in text


def test_the_file_may_tell_the_program_its_port() -> None:
    assert not build.found(stack(), "unit-told")
    (problem,) = build.found(stack({"a": {"$value": "key"}}), "unit-told")
    assert problem.where == "services.app.port"


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        (stack({"a": {"$value": "kee"}}), "templates.config.content.a.$value", "no secret"),
        (stack({"a": {"$value": "word"}}), "templates.config.content.a.$value", "variable"),
        (stack(command=["atticd"]), "templates.config", "does not read {templates}/config"),
        (stack(command=["atticd", "{templates}/conf"]), "command", 'no template "conf"'),
        (
            merged(stack(), {"services": {"app": {"secrets": {"config": {}}}}}),
            "templates.config",
            "one credential",
        ),
    ],
)
def test_a_file_that_cannot_be_read_or_written_is_refused(
    changes: Changes, where: str, says: str
) -> None:
    found = build.found(changes, "unit-template")
    assert [p.where for p in found if says in p.what] == [f"services.app.unit.{where}"]
    assert not build.found(stack(), "unit-template")


def test_a_unit_without_files_has_no_further_unit() -> None:
    bare = merged(stack(command=["atticd"]), {"services": {"app": {"unit": {"templates": {}}}}})
    del bare["services"]["app"]["unit"]["templates"]  # type: ignore[index]
    files = build.render(bare)["nas"]
    assert "app-files" not in files["services/app.nix"]
    assert "services/write-files.sh" not in files
