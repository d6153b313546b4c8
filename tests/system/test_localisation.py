"""Time zone, locale and keyboard: of the site, and of a host that differs."""

from __future__ import annotations

import pytest

from tests import build
from tests.household import Changes

pytestmark = pytest.mark.requirement("S2-14")
ELSEWHERE: Changes = {
    "hosts": {"nas": {"timezone": "America/Lima", "locale": "de_DE.UTF-8", "keymap": "de-latin1"}}
}


@pytest.mark.requirement("S0-72")
def test_a_host_that_differs_has_its_own_and_the_others_keep_those_of_the_site() -> None:
    files, before = build.render(ELSEWHERE), build.render({})
    text = files["nas"]["host.nix"]
    assert 'time.timeZone = "America/Lima";' in text
    assert 'i18n.defaultLocale = "de_DE.UTF-8";' in text
    assert 'console.keyMap = "de-latin1";' in text
    assert files["pi"]["host.nix"] == before["pi"]["host.nix"]


def test_a_service_has_the_time_zone_of_its_host() -> None:
    options = {"environment.etc.zone.text": {"$text": "{timezone}"}}
    services = {"navidrome": {"host": "nas", "options": options}}
    text = build.render({**ELSEWHERE, "services": services})["nas"]["services/navidrome.nix"]
    assert 'etc.zone.text = "America/Lima";' in text


def test_an_unknown_time_zone_of_a_host_is_reported() -> None:
    (problem,) = build.found({"hosts": {"nas": {"timezone": "America/Lime"}}}, "timezone-known")
    assert (problem.where, "America/Lima" in problem.way_out) == ("hosts.nas.timezone", True)


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ({"boott": {}}, "hosts.nas.boott"),
        ({"boot": {"laoder": "grub"}}, "hosts.nas.boot.laoder"),
        ({"power": {}}, "hosts.nas.power"),
        ({"keymaps": "us"}, "hosts.nas.keymaps"),
        ({"keymap": "us; x"}, "hosts.nas.keymap"),
    ],
)
def test_an_unknown_key_of_the_system_is_refused_with_its_path(host: Changes, where: str) -> None:
    with pytest.raises(Exception, match=where):
        build.plan({"hosts": {"nas": host}})
