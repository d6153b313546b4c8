"""No secret stands in the clear in what becomes text, wherever somebody wrote it."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.openings.checks import check_openings
from homelab.problems import Problem
from homelab.secret_shapes import SHAPES, is_literal, kinds_in, looks_random, words
from homelab.secrets.literal_checks import check_literals
from tests import build

IMAGE = "ghcr.io/a/b:1@sha256:" + "0" * 64
X = "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7d"

LOOKS: dict[str, str] = {
    "an age secret key": "AGE-SECRET" + "-KEY-1" + "QYQSZQGP" * 7,
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "a Tailscale key": "tskey-" + "auth-kFGhjk5CNTRL-" + X,
    "a GitHub token": "github" + "_pat_11ABCDEFG0123456789_abcdef",
    "a GitLab token": "glpat" + "-" + X[:20],
    "an AWS key": "AK" + "IAIOSFODNN7EXAMPLE",
    "a Slack token": "xox" + "b-123456789012-abcdefghijkl",
    "a Slack webhook": "https://hooks.slack.com/services/" + "T00000000/B00000000/XXXXXXXX",
    "a Discord webhook": "https://discord.com/api/webhooks/" + "123456789/" + X,
    "a Telegram bot token": "123456789" + ":AA" + X[:33],
    "an OpenAI or Anthropic key": "sk-" + "proj-" + X,
    "a Google key": "AIza" + X[:35],
    "a Stripe key": "sk_" + "live_" + X[:24],
    "a Hugging Face token": "hf_" + X[:34],
    "an npm or PyPI token": "npm_" + X[:36],
    "a DigitalOcean token": "dop_v1_" + "0123456789abcdef" * 4,
    "a 1Password token": "ops_" + "eyJ" + X,
    "a signed token (JWT)": "eyJhbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0." + X,
    "a password hash": "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA",
    "a password in netrc": "machine cache.example.org login sam " + "password hunter2",
    "a password in a URL": "postgres://app:hunter2@db/app",
}

HARMLESS = (
    "AGE-SECRET-KEY",
    "age1cv8ydl70jl2n0789pccya3xx5d39c2hhpfakk5u9vvn4tjlp0v2se8rf2z",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDdTfaJflmeVAEnU5MwpR2wVbeUzX3vjHN91d+Pms24X sam",
    IMAGE,
    "sha256-7bNHPFvdVBuY8Y2Vq0vX5n1W0v9m1f1J6o1hXyVQz0s=",
    "https://user:${PASSWORD}@host/",
    "postgresql:///app?host=/run/postgresql",
    "/dev/disk/by-id/ata-ST12000VN0008_A1B2C3-part1",
    "/nix/store/0123456789abcdefghijklmnopqrstuv-password-file",
    "github:NixOS/nixpkgs/nixos-25.11",
    "op://Homelab/Cloudflare/token",
    "http://127.0.0.1:11434/v1",
    "$__file{/run/secrets/x}",
    "machine cache.example.org password $TOKEN",
)


@pytest.mark.parametrize("what", LOOKS)
def test_a_secret_is_known_by_its_form(what: str) -> None:
    assert list(kinds_in(f"say {LOOKS[what]} here")) == [what]


@pytest.mark.parametrize(
    "text",
    [
        "https://user:$PASSWORD@host/",
        "postgres://app:{password}@db/app",
        "postgres://app:<password>@db/app",
        "postgres://app:%PASSWORD%@db/app",
        "postgres://app:@PASSWORD@@db/app",
        "postgres://app:***@db/app",
        "postgres://app:…@db/app",
        "postgres://app:@db/app",
        "postgres://app@db:5432/app",
        "redis://[fd00::1]:6379/0",
        "docker://alpine:3@sha256:" + "0" * 64,
    ],
)
def test_a_reference_or_a_mask_in_a_url_is_no_password(text: str) -> None:
    assert list(kinds_in(text)) == []


@pytest.mark.parametrize(
    "text",
    [
        *("postgres://u:pw@db/app", "redis://:x@cache", "amqp://guest:1@mq", "http://a:%40@b"),
        *("ftp://sam:a%2Fb@nas", "https://:p@[fd00::1]/"),
    ],
)
def test_a_password_in_a_url_may_be_of_any_length(text: str) -> None:
    assert list(kinds_in(text)) == ["a password in a URL"]
    options = {"services.gatus.settings.storage.path": text}
    changes = {"services": {"gatus": {"host": "nas", "options": options}}}
    (problem,) = [p for p in build.problems(changes) if p.check == "secret-literal"]
    assert problem.where == "services.gatus.options.services.gatus.settings.storage.path"
    assert "a password in a URL" in problem.what
    assert text not in str(problem)


def test_the_table_has_every_form() -> None:
    assert sorted(LOOKS) == sorted(what for what, _ in SHAPES)


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_not_taken_for_one(text: str) -> None:
    assert list(kinds_in(text)) == []
    assert not looks_random("services.x.settings.value", text)


@pytest.mark.parametrize(
    "name",
    [
        *("password", "DB_PASSWORD", "adminPassword", "admin_password", "smtp-pass", "PASSWD"),
        *("secret", "CLIENT_SECRET", "clientSecret", "token", "API_TOKEN", "apiKey", "API_KEY"),
        *("api_key", "private-key", "PrivateKey", "ENCRYPTION_KEY", "JWT_SECRET", "psk", "secret2"),
    ],
)
def test_a_name_tells_of_a_secret(name: str) -> None:
    assert is_literal(name, "hunter2-9f8e7d6c5b4a")
    for place in (
        "",
        "/run/secrets/x",
        "$__file{/x}",
        "${TOKEN}",
        "!secret x",
        "%d/x",
        "none",
        "@TOKEN@",
    ):
        assert not is_literal(name, place), place


@pytest.mark.parametrize(
    "name",
    [
        *("passwordFile", "PASSWORD_FILE", "token_path", "secretName", "tokenTTL", "publicKey"),
        *(
            "proxyPass",
            "proxy_pass",
            "grpcPass",
            "compass",
            "keymap",
            "monkey",
            "PASSWORD_LENGTH",
            "tokens_enabled",
            "key",
            "sortKey",
        ),
    ],
)
def test_a_name_that_is_none_of_a_secret_tells_nothing(name: str) -> None:
    assert not is_literal(name, "hunter2-9f8e7d6c5b4a")


def test_flags_of_a_command_are_names_with_values() -> None:
    said = ["serve", "--password=a", "--token", "b", "-e", "API_KEY=c", "--verbose", "--x"]
    assert dict(words(said)) == {"password": "a", "token": "b", "API_KEY": "c"}


@pytest.mark.parametrize(
    "said",
    [
        ["--env=DB_PASSWORD=hunter2"],
        ["--env", "DB_PASSWORD=hunter2"],
        ["-e", "DB_PASSWORD=hunter2"],
        ["-eDB_PASSWORD=hunter2"],
        ["--env=A=1,DB_PASSWORD=hunter2"],
        ["--args=--DB_PASSWORD=hunter2"],
    ],
)
def test_what_a_flag_carries_is_read_as_the_variable_that_it_is(said: list[str]) -> None:
    options = {"virtualisation.oci-containers.containers.x.extraOptions": said}
    (problem,) = build.found(stack(options=options), "secret-literal")
    assert "DB_PASSWORD is a secret in plain text" in problem.what
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize("said", [["-epassword=hunter2"], ["-tepassword=hunter2"]])
def test_a_short_flag_is_no_part_of_the_name_that_it_carries(said: list[str]) -> None:
    options = {"virtualisation.oci-containers.containers.x.extraOptions": said}
    assert build.found(stack(options=options), "secret-literal")


@pytest.mark.parametrize("said", [["--env=A=B"], ["--label=a=token"], ["--env=PASSWORD=/run/x"]])
def test_what_a_flag_carries_that_is_no_secret_is_not_told_of(said: list[str]) -> None:
    options = {"virtualisation.oci-containers.containers.x.extraOptions": said}
    assert not build.found(stack(options=options), "secret-literal")


def stack(**service: Any) -> dict[str, Any]:
    said = {"host": "nas", "port": 8099, "container": {"image": IMAGE, "port": 80}}
    said["backup"] = {"skip": "it keeps nothing"}
    for key, value in service.items():
        old = said.get(key)
        said[key] = {**old, **value} if isinstance(old, dict) else value
    return {"services": {"x": said}}


KEY = LOOKS["a Tailscale key"]
PLACES: dict[str, tuple[dict[str, Any], str]] = {
    "a variable": (stack(container={"environment": {"X": KEY}}), "services.x.container"),
    "a name": (stack(container={"environment": {KEY: "x"}}), "services.x.container"),
    "a command": (stack(container={"command": ["run", f"--x={KEY}"]}), "services.x.container"),
    "an option": (stack(options={"services.x": {"y": [{"z": KEY}]}}), "services.x.options"),
    "a reason": (stack(backup={"skip": f"see {KEY}"}), "services.x.backup.skip"),
    "a title": (stack(tile={"title": KEY}), "services.x.tile.title"),
    "another section": ({"dashboard": {"title": KEY}}, "dashboard.title"),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_secret_is_refused_wherever_it_stands(name: str) -> None:
    changes, place = PLACES[name]
    found = build.found(changes, "secret-literal")
    assert [p.severity for p in found] == ["error"], found
    assert found[0].where.startswith(place)
    assert "a Tailscale key" in found[0].what
    assert KEY not in str(found[0])


def test_what_only_its_name_tells_is_a_warning_that_a_reason_accepts() -> None:
    said = {"container": {"environment": {"DB_PASSWORD": "hunter2-9f8e7d6c5b4a"}}}
    (problem,) = build.found(stack(**said), "secret-literal")
    assert problem.severity == "warning"
    assert problem.where == "services.x.container.environment.DB_PASSWORD"
    assert "hunter2" not in str(problem)
    assert "services.x.secrets" in problem.way_out
    accepted = stack(**said, accept={"literal-secret": "a database for tests, with nothing in it"})
    assert not build.found(accepted, "secret-literal")
    assert not build.found(accepted, "accept-known")


def test_an_option_that_names_a_place_or_a_word_of_ours_is_no_secret() -> None:
    said = {
        "services.x.passwordFile": "/run/secrets/x",
        "services.x.settings.token": {"$secret": "t"},
        "services.x.settings.password": "/run/secrets/x",
    }
    assert not build.found(stack(options=said, secrets={"t": {}}), "secret-literal")


def test_a_random_text_is_told_of_where_nothing_says_that_it_is_public() -> None:
    (problem,) = build.found(stack(options={"services.x.settings.salt": X}), "secret-literal")
    assert "looks like a key" in problem.what
    assert X not in str(problem)
    assert not build.found(stack(options={"services.x.publicKey": X}), "secret-literal")


def of_file(text: str, path: str = "own.nix", **host: Any) -> list[Problem]:
    plan = build.plan({"hosts": {"nas": {"modules": [path], **host}}})
    sources: dict[str, str | bytes] = {path: text}
    found = [*check_literals(plan, sources), *check_openings(plan, sources)]
    return [p for p in found if p.check == "secret-literal"]


@pytest.mark.parametrize(
    "line",
    [
        f'services.x.settings.any = "{KEY}";',
        f"# {KEY}",
        f"services.x.settings.text = ''\n    key: {KEY}\n  '';",
    ],
)
def test_a_secret_in_a_module_is_refused_in_comments_too(line: str) -> None:
    (problem,) = of_file(f"{{\n  {line}\n}}\n")
    assert problem.severity == "error"
    assert problem.what.startswith("own.nix:")
    assert KEY not in str(problem)


def test_a_named_secret_in_a_module_is_told_of() -> None:
    (problem,) = of_file('{ services.x.settings.smtp = { password = "hunter2"; }; }')
    assert problem.severity == "warning"
    assert "own.nix:1: services.x.settings.smtp.password is a secret in plain text" in problem.what
    assert not of_file('{ services.x.passwordFile = "/run/secrets/x"; }')
    reason = {"accept": {"literal-secret": "the default of a printer at home"}}
    assert not of_file('{ services.x.password = "hunter2"; }', **reason)


STORED = [
    "services.x.passwordFile = ./password;",
    "services.x.tokenFile = toString ../token;",
    'nix.settings.netrc-file = "${./netrc}";',
    "services.x.settings.smtp.password_file = self + /smtp;",
    'services.x.environmentFiles = [ "/run/x" (pkgs.writeText "x" "TOKEN=a") ];',
    'services.x.credentialsFile = builtins.toFile "x" "a";',
    "services.nginx.virtualHosts.x.sslCertificateKey = ./key.pem;",
    "services.x.privateKeyFile = /nix/store/x;",
    'boot.initrd.secrets."/key" = ./key;',
    "boot.initrd.network.ssh.hostKeys = [ ./host ];",
    "services.x.password = builtins.readFile ./password;",
    "services.x.apiKey = lib.fileContents ./key;",
]
KEPT = [
    'services.x.passwordFile = "/run/secrets/x";',
    "services.x.passwordFile = config.sops.secrets.x.path;",
    'services.x.environmentFile = "${config.age.secrets.x.path}";',
    "services.x.publicKeyFile = ./key.pub;",
    "services.x.keyFile = ./key.age;",
    "services.x.settingsFile = ./settings.toml;",
    "services.x.keymapFile = ./keys;",
    "services.x.description = builtins.readFile ./text;",
]


@pytest.mark.requirement("S1-18", "S1-34")
@pytest.mark.parametrize("line", STORED)
def test_a_file_with_a_secret_that_would_be_in_the_store_is_told_of(line: str) -> None:
    (problem,) = of_file(f"{{ config, lib, pkgs, self, ... }}: {{ {line} }}")
    assert "own.nix:1: " in problem.what
    assert "in the Nix store" in problem.what
    reason = {"accept": {"literal-secret": "the file is a public example"}}
    assert not of_file(f"{{ {line} }}", **reason)


@pytest.mark.parametrize("line", KEPT)
def test_a_file_outside_the_store_or_without_a_secret_passes(line: str) -> None:
    assert of_file(f"{{ config, lib, pkgs, self, ... }}: {{ {line} }}") == []


@pytest.mark.parametrize(
    ("mode", "fine"),
    [("0400", True), ("0440", True), ("0777", False), ("0444", False), ("0604", False)],
)
def test_a_secret_is_nothing_for_everybody(mode: str, fine: bool) -> None:
    said = stack(secrets={"t": {"mode": mode}})
    if fine:
        build.stack_config(said)
        return
    with pytest.raises(Exception, match="none for others"):
        build.stack_config(said)


UNIT = {"package": "hello", "command": ["hello"]}
BUILD = {"source": "/srv/x", "output": "dist", "run": [["true"]]}


def _service(**more: Any) -> dict[str, Any]:
    return {"services": {"x": {"host": "nas", "port": 8099, "routes": [], **more}}}


def _built(**more: Any) -> dict[str, Any]:
    built = {"build": {**BUILD, **more}}
    return {"services": {"x": {"host": "nas", "port": 8099, "static": built}}}


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        (
            _service(
                unit={**UNIT, "environment": {"API_KEY": "s3cr3tvalueabcdef"}},
                backup={"skip": "it keeps nothing"},
            ),
            "services.x.unit.environment.API_KEY",
        ),
        (
            _service(
                unit={**UNIT, "command": ["hello", "--password=s3cr3tvalueabcdef"]},
                backup={"skip": "it keeps nothing"},
            ),
            "services.x.unit.command",
        ),
        (
            _built(environment={"DB_PASSWORD": "s3cr3tvalueabcdef"}),
            "services.x.static.build.environment.DB_PASSWORD",
        ),
        (
            _built(run=[["true", "--password=s3cr3tvalueabcdef"]]),
            "services.x.static.build.run[0]",
        ),
        (
            {"network": {"dns": {"blocklists": ["https://x.org/l?a=1&token=s3cr3tvalueabcdef"]}}},
            "network.dns.blocklists",
        ),
        (
            {
                "services": {
                    "zigbee2mqtt": {
                        "host": "nas",
                        "options": {
                            "services.zigbee2mqtt.settings.advanced.network_key": [*range(16)],
                        },
                    }
                }
            },
            "services.zigbee2mqtt.options.services.zigbee2mqtt.settings.advanced.network_key",
        ),
    ],
)
def test_a_literal_secret_is_told_of_in_every_field_that_becomes_text(
    changes: dict[str, Any], place: str
) -> None:
    found = build.found(changes, "secret-literal")
    assert [(p.where, p.severity) for p in found] == [(place, "warning")]
    assert "s3cr3t" not in str(found[0])


@pytest.mark.parametrize(
    ("word", "severity"),
    [(f"--header=Authorization: {KEY}", "error"), ("--password=s3cr3t", "warning")],
)
def test_a_secret_that_only_the_deployer_reads_names_the_places(word: str, severity: str) -> None:
    command = {"proxy_command": ["nc", word, "%h", "%p"]}
    found = build.found({"hosts": {"nas": {"ssh": command}}}, "secret-literal")
    (problem,) = found
    assert (problem.where.startswith("hosts.nas.ssh.proxy_command"), problem.severity) == (
        True,
        severity,
    )
    assert "Pulumi keeps it in its state" in problem.what
    assert "the arguments of the command" in problem.what
    assert "Nix store" not in problem.what
    assert "let the command read it from a file" in problem.way_out
