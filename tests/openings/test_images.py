"""Images of apps that let everybody make an account, unless a variable closes the sign-up."""

from __future__ import annotations

from typing import Any

import pytest

from homelab.catalog import ENTRIES
from homelab.checks import run_checks
from homelab.openings.apps import closed_sign_ups
from homelab.openings.images import OPEN
from homelab.services.declared import flattened
from tests import build

CLOSED = {
    "gotify": "GOTIFY_REGISTRATION is false by default",
    "matrix-synapse": "enable_registration is false by default, and in a file",
    "mealie": "ALLOW_SIGNUP is false by default",
    "ntfy": "enable-signup is false by default",
    "paperless": "PAPERLESS_ACCOUNT_ALLOW_SIGNUPS is false by default",
}
"""Apps whose entry closes the sign-up as well, although they do so by themselves."""


def problems(app: str, container: dict[str, Any], **said: Any) -> list[str]:
    """What is said about the sign-up of a container with the image of an app."""
    image = f"docker.io/somebody/{app}:1@sha256:{'0' * 64}"
    board = {
        "host": "nas",
        "container": {"image": image, "port": 80, **container},
        "port": 8011,
        "auth": "native",
        "backup": {"skip": "only a test"},
        **said,
    }
    identity = {"host": "pi", "users": {"sops": "a/b"}}
    board = {key: value for key, value in board.items() if value is not None}
    made = build.plan({"services": {"board": board}, "identity": identity})
    found = run_checks(made, ["option-opens"])
    return [f"{p.where}: {p.way_out}" for p in found if "make an account" in p.what]


def closing() -> set[str]:
    """Apps whose catalog entry closes their sign-up."""
    return {
        name
        for name, entry in ENTRIES.items()
        for option in flattened(entry.options)
        if option.path[0] == "services" and option.path in closed_sign_ups(option.path[1])
    }


def test_every_app_whose_entry_closes_the_sign_up_is_judged_as_an_image_too() -> None:
    assert {*OPEN} | {*CLOSED} == closing()
    assert not {*OPEN} & {*CLOSED}


@pytest.mark.parametrize("app", OPEN)
def test_an_image_that_is_open_by_itself_is_told_of(app: str) -> None:
    """Its way out closes the app, and the same variable with another value is told of as well."""
    variable, value = OPEN[app]
    (said,) = problems(app, {})
    assert said.startswith(f'services.board.container.image: write environment: {{{variable}: "')
    assert f'{variable}: "{value}"' in said
    assert problems(app, {"environment": {variable: value}}) == []
    if app not in ("hedgedoc", "linkwarden"):  # their modules have an option by another name
        other = "false" if value.lower() == "true" else "true"
        (opened,) = problems(app, {"environment": {variable: other}})
        assert opened.startswith(f"services.board.container.environment.{variable}: ")


@pytest.mark.parametrize("app", CLOSED)
def test_an_image_that_is_closed_by_itself_is_left_alone(app: str) -> None:
    assert problems(app, {}) == []


ELSEWHERE: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "behind the auth proxy": ({}, {"auth": "forward"}),
    "without a name": ({}, {"routes": [], "auth": None}),
    "in a file of variables": (
        {"templates": {"more": {"format": "env", "content": {"SIGNUPS_ALLOWED": "false"}}}},
        {},
    ),
    "as a secret": ({}, {"secrets": {"a": {"ref": {"sops": "a/b"}, "env": "SIGNUPS_ALLOWED"}}}),
    "by an option": (
        {},
        {
            "options": {
                "virtualisation.oci-containers.containers.board.extraOptions": [
                    "--env=SIGNUPS_ALLOWED=false"
                ]
            }
        },
    ),
    "accepted": ({}, {"accept": {"sign-up": "Kim joins today"}}),
}


@pytest.mark.parametrize("name", ELSEWHERE)
def test_what_is_decided_elsewhere_is_not_told_of(name: str) -> None:
    container, said = ELSEWHERE[name]
    assert problems("vaultwarden", container, **said) == []
