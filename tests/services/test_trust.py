"""Who believes the gate, and what they let people do."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S0-49", "S1-12", "T21")

ADMIN = {"services.grafana.settings.users.auto_assign_org_role": "Admin"}
GATED: Changes = {
    "name": "grafana",
    "audience": "family",
    "auth": "forward",
    "policy": "two_factor",
    "groups": ["admins"],
}


def _grafana(route: Changes, **more: object) -> Changes:
    service = {"host": "pi", "routes": [route], **more}
    return household({"services": {"grafana": service}})


@pytest.mark.requirement("S1-12")
def test_behind_the_gate_grafana_believes_its_header_and_nobody_elses() -> None:
    """Remote-User becomes X-WEBAUTH-USER, from the proxy's address alone."""
    files = build.render(_grafana(GATED))["pi"]
    text = files["services/grafana.nix"]
    assert 'header_name = "X-WEBAUTH-USER";' in text
    assert 'whitelist = "127.0.0.1";' in text
    assert "auth.disable_login_form = true;" in text
    assert "header_up X-WEBAUTH-USER {header.Remote-User}" in files["proxy.nix"]
    assert "request_header -X-WEBAUTH-USER" in files["proxy.nix"]


@pytest.mark.requirement("T21")
def test_without_the_gate_grafana_believes_no_header() -> None:
    """Nothing would strip it, and everybody could be anybody."""
    text = build.render(_grafana({"name": "grafana", "auth": "native"}))["pi"]
    assert "auth.proxy" not in text["services/grafana.nix"]
    assert "disable_login_form" not in text["services/grafana.nix"]


@pytest.mark.requirement("S0-57")
def test_grafanas_secrets_are_files_that_it_reads_itself() -> None:
    """By name in its settings, with a key of its own in place of the one everybody knows."""
    text = build.render(_grafana(GATED))["pi"]["services/grafana.nix"]
    assert 'secret_key = "$__file{/run/homelab/secrets/grafana-key}";' in text
    assert 'admin_password = "$__file{/run/homelab/secrets/grafana-admin}";' in text


@pytest.mark.parametrize(
    ("route", "options", "complains"),
    [
        (GATED, ADMIN, False),
        ({**GATED, "policy": "one_factor"}, ADMIN, True),
        ({**GATED, "groups": []}, ADMIN, True),
        ({**GATED, "policy": "one_factor"}, {}, False),
        ({"name": "grafana", "auth": "native"}, ADMIN, False),
        (
            {"name": "grafana", "auth": "native"},
            {"services.grafana.settings": {"auth.anonymous": {"org_role": "Admin"}}},
            False,
        ),
        (
            {"name": "grafana", "auth": "native", "audience": "family", "publish": "tunnel"},
            {"services.grafana.settings": {"auth.anonymous": {"org_role": "Admin"}}},
            True,
        ),
    ],
)
@pytest.mark.requirement("S0-49", "S1-12")
def test_everybody_is_an_administrator_only_where_nobody_else_comes_in(
    route: Changes, options: Changes, complains: bool
) -> None:
    """Two factors and a group, or the operator's own network."""
    found = build.found(_grafana(route, options=options), "grafana-auth-scope")
    assert bool(found) == complains
    for problem in found:
        assert problem.where == "services.grafana.routes[0]"
        assert "administrator, and that route is not only for administrators" in problem.what
        assert "two_factor" in problem.way_out


@pytest.mark.parametrize("direct", ["lan_direct", "tailnet_direct"])
@pytest.mark.requirement("S1-12", "T21")
def test_who_believes_the_gate_is_asked_through_it_alone(direct: str) -> None:
    (problem,) = build.found(_grafana({**GATED, direct: True}), "proxy-header-trust")
    assert problem.where == f"services.grafana.routes[0].{direct}"
    assert "X-WEBAUTH" in problem.what
    assert "auth: native" in problem.way_out
    native = {"name": "grafana", "auth": "native", direct: True}
    assert not build.found(_grafana(native), "proxy-header-trust")
