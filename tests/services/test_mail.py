"""Services send mail through the relay of the stack, with its password as a secret."""

from __future__ import annotations

import pytest

from homelab import testing
from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.problems import InvalidStackError
from homelab.secrets.model import Secret
from tests import build
from tests.household import Changes

PASSWORD: Changes = {"user": "sam@example.org", "password": {"sops": "mail/password"}}
IDENTITY: Changes = {"identity": {"host": "nas", "users": {"sops": "users"}}}
SENDERS = sorted(n for n, e in ENTRIES.items() if e.mail is not None and not e.infrastructure)


def relay(**more: object) -> Changes:
    return {"mail": {"host": "smtp.example.org", "sender": "lab@example.org", **more}}


def sending(service: str, relayed: Changes, **more: object) -> Changes:
    return testing.merged({"services": {service: {"host": "nas", **more}}}, relayed)


def passwords(changes: Changes) -> list[Secret]:
    return [s for s in build.plan(changes).secrets.secrets if s.name.endswith("-mail")]


def nix(changes: Changes, name: str) -> str:
    return " ".join(build.render(changes)["nas"][name].split())


@pytest.mark.parametrize("service", SENDERS)
def test_an_app_knows_the_relay_and_reads_the_password_from_a_secret(service: str) -> None:
    changes = sending(service, relay(**PASSWORD))
    text = nix(changes, f"services/{service}.nix")
    assert "smtp.example.org" in text
    parts = 'mail_domain = "example.org"; mail_from_address = "lab";'
    assert '"lab@example.org"' in text or parts in text
    assert '"sam@example.org"' in text
    assert f"/{service}-mail" in text
    (secret,) = passwords(changes)
    assert (secret.key, secret.origin, secret.host) == ("mail/password", "mail.password", "nas")


@pytest.mark.parametrize("service", SENDERS)
def test_a_relay_without_a_password_needs_no_secret(service: str) -> None:
    changes = sending(service, relay(encryption="none"))
    assert "smtp.example.org" in nix(changes, f"services/{service}.nix")
    assert not passwords(changes)


@pytest.mark.parametrize("service", SENDERS)
def test_without_a_relay_an_app_gets_no_mail_settings(service: str) -> None:
    text = nix({"services": {service: {"host": "nas"}}}, f"services/{service}.nix")
    assert "smtp" not in text.lower()


@pytest.mark.parametrize(
    ("encryption", "expected"),
    [("tls", ("smtps", 465)), ("starttls", ("smtp+starttls", 587)), ("none", ("smtp", 25))],
)
def test_the_encryption_decides_the_port_and_the_words_of_an_app(
    encryption: str, expected: tuple[str, int]
) -> None:
    text = nix(sending("forgejo", relay(encryption=encryption)), "services/forgejo.nix")
    assert f'PROTOCOL = "{expected[0]}";' in text
    assert f"SMTP_PORT = {expected[1]};" in text


def test_settings_of_the_relay_join_those_of_the_app() -> None:
    text = nix(sending("healthchecks", relay()), "services/healthchecks.nix")
    assert "ALLOWED_HOSTS = " in text
    assert 'EMAIL_USE_SSL = "True";' in text


def test_authelia_sends_its_codes_and_starts_without_the_relay() -> None:
    text = nix(testing.merged(IDENTITY, relay(**PASSWORD)), "identity.nix")
    assert 'address = "submissions://smtp.example.org:465";' in text
    assert 'AUTHELIA_NOTIFIER_SMTP_PASSWORD_FILE = "/run/secrets/authelia-mail";' in text
    assert "disable_startup_check = true;" in text
    assert "notifications.txt" not in text
    plain = nix(testing.merged(IDENTITY, relay(encryption="none")), "identity.nix")
    assert "disable_require_tls = true;" in plain
    assert "SMTP_PASSWORD" not in plain


def test_only_the_services_in_the_list_send_mail() -> None:
    changes = sending("forgejo", relay(services=["grafana"]))
    changes["services"]["grafana"] = {"host": "nas"}
    assert "mailer" not in nix(changes, "services/forgejo.nix")
    assert "smtp.example.org:465" in nix(changes, "services/grafana.nix")


def test_an_option_of_the_service_has_precedence() -> None:
    options = {"services.forgejo.settings.mailer.FROM": "git@example.org"}
    text = nix(sending("forgejo", relay(), options=options), "services/forgejo.nix")
    derived, stated = text.split("{ services.forgejo.settings.mailer.FROM =")
    assert 'FROM = "lab@example.org";' in derived
    assert stated.startswith(' "git@example.org";')


def test_a_mistyped_reference_for_one_encryption_is_refused() -> None:
    value = {"$mail": {"tls": {"$mial": "host"}, "starttls": 1, "none": 2}}
    changes = sending("forgejo", relay(), options={"services.forgejo.settings.mailer.X": value})
    (problem,) = (p for p in run_checks(build.plan(changes)) if p.check == "option-word")
    assert "there is no reference $mial" in problem.what
    assert '"$mail"' in problem.way_out


def test_a_container_refers_to_the_relay() -> None:
    image = f"ghcr.io/example/bot:1@sha256:{'0' * 64}"
    environment = {"SMTP": {"$mail": "host"}, "AT": {"$text": "{mail[host]}:{mail[port]}"}}
    bot = {"container": {"image": image, "port": 8000, "environment": environment}}
    text = nix(
        sending("bot", relay(), **bot, backup={"skip": "it stores nothing"}), "services/bot.nix"
    )
    assert 'SMTP = "smtp.example.org";' in text
    assert 'AT = "smtp.example.org:465";' in text


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({"user": "sam"}, "user without password"),
        ({"password": {"sops": "a"}}, "password without user"),
        ({**PASSWORD, "encryption": "none"}, "everybody on the way reads the password"),
        ({"host": "smtp example"}, "not an address"),
    ],
)
def test_a_relay_that_cannot_work_is_refused(stated: Changes, says: str) -> None:
    with pytest.raises(InvalidStackError, match=says):
        build.plan(relay(**stated))


def test_every_unit_of_paperless_reads_the_password() -> None:
    """The task queue sends mail as well."""
    text = nix(sending("paperless", relay(**PASSWORD)), "services/paperless.nix")
    assert 'environmentFile = "/run/secrets/rendered/paperless-mail";' in text
    assert "PAPERLESS_EMAIL_USE_SSL = true;" in text
    (secret,) = passwords(sending("paperless", relay(**PASSWORD)))
    assert secret.env == (("PAPERLESS_EMAIL_HOST_PASSWORD", "{value}"),)
    assert "paperless-task-queue.service" in secret.units


def test_an_app_that_cannot_read_the_password_on_its_release_is_refused() -> None:
    older: Changes = {"nixpkgs": {"default": {"release": "25.05"}}}
    changes = testing.merged(sending("nextcloud", relay(**PASSWORD)), older)
    (problem,) = build.found(changes, "mail-password")
    assert "services.nextcloud.secrets.mail_smtppassword came with 25.11" in problem.what
    assert not build.found(sending("nextcloud", relay(**PASSWORD)), "mail-password")
    assert not build.found(testing.merged(sending("nextcloud", relay()), older), "mail-password")


def test_a_mistyped_reference_in_facts_of_ones_own_is_refused() -> None:
    options = {"services.forum.from": {"$mial": "sender"}}
    forum = {"host": "nas", "module": {"options": {}, "mail": {"options": options}}}
    found = run_checks(build.plan({**relay(), "services": {"forum": forum}}))
    (problem,) = (p for p in found if "there is no reference $mial" in p.what)
    assert problem.where == "services.forum.module.mail.options.services.forum.from"
    assert '"$mail"' in problem.way_out
