"""Secrets in the widgets of tiles."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pydantic import JsonValue

from homelab.check import check
from homelab.dashboard.model import secret_name
from homelab.dashboard.plan import DASHBOARD
from homelab.plan import Plan
from homelab.problems import Problem, did_you_mean

PREFIX = "HOMEPAGE_VAR_"
"""Variables that Homepage fills in, as its documentation has them."""
_SECRET = re.compile(
    r"(?i)(.*[-_ ]|api|access|auth|client)?(key|token|secret)|.*pass(word|phrase|wd)?|pin"
    r"|(proxy-)?authorization|cookie"
)
"""Fields of widgets that hold a secret, and headers of requests that do."""


@check("tile-widget")
def tile_widget(plan: Plan) -> Iterator[Problem]:
    """Only Homepage shows figures, and every user of its host reads its configuration in the Nix
    store.
    """
    dashboard = next((s for s in plan.services if s.name == DASHBOARD), None)
    if dashboard is None:
        for service in plan.each_service():
            if service.config.tile.widget:
                yield Problem(
                    f"services.{service.name}.tile.widget",
                    f"{DASHBOARD} does not run here, and nothing else shows figures of an app",
                    f"leave it out, or add services.{DASHBOARD}: {{host: …}}",
                    cause=f"services.{DASHBOARD}",
                )
        return
    stated = dashboard.secrets
    for service in plan.each_service():
        place = f"services.{service.name}.tile.widget"
        for where, key, value in _fields(service.config.tile.widget, place):
            name = secret_name(value) if isinstance(value, dict) else None
            variable = PREFIX + (name or service.name).upper().replace("-", "_")
            if name is None and key.startswith("$"):
                yield Problem(
                    where,
                    "a widget takes no reference but {$secret: name}, alone",
                    f"leave it out, or write the value, or {{$secret: {service.name}}}",
                )
            elif name is None:
                if _is_written(value) and _SECRET.fullmatch(key):
                    yield Problem(
                        where,
                        "this is a secret in plain text",
                        f"store it with homelab secret set, and write {{$secret: {service.name}}}, "
                        f"with services.{DASHBOARD}.secrets: {{{service.name}: {{ref: {{sops: …}}, "
                        f"env: {variable}}}}}",
                    )
            elif name not in stated:
                yield Problem(
                    f"{where}.$secret",
                    f'{DASHBOARD} has no secret "{name}"',
                    did_you_mean(name, [*stated], "secrets") + f"; or add services.{DASHBOARD}."
                    f"secrets: {{{name}: {{ref: {{sops: …}}, env: {variable}}}}}",
                )
            elif not (stated[name].env or "").startswith(PREFIX):
                yield Problem(
                    f"services.{DASHBOARD}.secrets.{name}.env",
                    f"Homepage fills in only variables that start with {PREFIX}",
                    f"write env: {variable}",
                )


def _is_written(value: JsonValue) -> bool:
    """Whether a value is a text or a number, such as a PIN, and no variable of Homepage."""
    if isinstance(value, str):
        return bool(value) and "{{" not in value
    return isinstance(value, int) and not isinstance(value, bool)


def _fields(value: JsonValue, where: str) -> Iterator[tuple[str, str, JsonValue]]:
    """Every value below a widget: its place, the name of its field, and the value."""
    items = value.items() if isinstance(value, dict) else ()
    for key, inner in items:
        yield f"{where}.{key}", key, inner
        if not (isinstance(inner, dict) and secret_name(inner) is not None):
            yield from _fields(inner, f"{where}.{key}")
    for index, inner in enumerate(value if isinstance(value, list) else ()):
        yield from _fields(inner, f"{where}[{index}]")
