"""A host may have a desktop, with its login screen and keyboard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from homelab.nix import Comment
from homelab.system import desktop
from tests import build
from tests.household import Changes, household

PASSWORD: Changes = {"site": {"owner": {"password": {"sops": "sam/password"}}}}


def _nas(release: str = "25.11", **desktop: object) -> Changes:
    return household(
        PASSWORD,
        {
            "nixpkgs": {"default": {"release": release}},
            "hosts": {"nas": {"desktop": desktop}},
        },
    )


def _options(changes: Changes) -> dict[str, object]:
    """The options of the module, by full path."""
    plan = build.plan(changes)
    (module,) = desktop.modules(plan, plan.hosts["nas"])

    def walk(path: str, value: object) -> Iterator[tuple[str, object]]:
        inner = value.value if isinstance(value, Comment) else value
        if isinstance(inner, Mapping):
            for key, part in inner.items():
                yield from walk(f"{path}.{key}".lstrip("."), part)
        else:
            yield path, inner

    return dict(walk("", module.derived))


@pytest.mark.parametrize(
    ("environment", "release", "enabled"),
    [
        ("gnome", "25.11", ("services.desktopManager.gnome", "services.displayManager.gdm")),
        (
            "gnome",
            "25.05",
            (
                "services.xserver",
                "services.xserver.desktopManager.gnome",
                "services.xserver.displayManager.gdm",
            ),
        ),
        (
            "plasma",
            "26.05",
            (
                "services.desktopManager.plasma6",
                "services.displayManager.sddm",
                "services.displayManager.sddm.wayland",
            ),
        ),
        (
            "xfce",
            "25.11",
            (
                "services.xserver",
                "services.xserver.desktopManager.xfce",
                "services.xserver.displayManager.lightdm",
            ),
        ),
        (
            "cinnamon",
            "26.05",
            (
                "services.xserver",
                "services.xserver.desktopManager.cinnamon",
                "services.xserver.displayManager.lightdm",
            ),
        ),
    ],
)
@pytest.mark.requirement("S2-14", "S0-73")
def test_a_desktop_brings_its_login_screen(
    environment: str, release: str, enabled: tuple[str, ...]
) -> None:
    """Under the names of the release."""
    made = _options(_nas(release, environment=environment))
    assert {path for path, value in made.items() if value is True} == {
        f"{option}.enable" for option in enabled
    }


@pytest.mark.requirement("S2-14")
def test_its_keyboard_is_that_of_the_host() -> None:
    made = _options(_nas(environment="xfce", layout="de", variant="nodeadkeys"))
    assert made["services.xserver.xkb.layout"] == "de"
    assert made["services.xserver.xkb.variant"] == "nodeadkeys"


@pytest.mark.requirement("S2-14")
def test_a_host_that_is_always_on_does_not_sleep() -> None:
    """GNOME suspends after a quarter of an hour at its login screen."""
    made = _options(_nas(environment="gnome"))
    assert {path for path, value in made.items() if value is False} == {
        f"systemd.targets.{t}.enable" for t in ("hibernate", "hybrid-sleep", "sleep", "suspend")
    }
    asleep = household(_nas(environment="gnome"), {"hosts": {"nas": {"always_on": False}}})
    assert False not in _options(asleep).values()


@pytest.mark.requirement("S2-14", "S0-73")
def test_a_login_screen_needs_a_password() -> None:
    """A member of the household with an account there may have it."""
    changes: Changes = {"hosts": {"nas": {"desktop": {"environment": "gnome"}}}}
    (found,) = build.found(household(changes), "desktop-login")
    assert found.where == "hosts.nas.desktop"
    for place, hosts in ((["nas"], []), (["pi"], ["hosts.nas.desktop"])):
        account = {"hosts": place, "password": {"sops": "kim/password"}}
        kim = {"kim": {"email": "kim@example.org", "account": account}}
        stack = household(changes, {"site": {"members": kim}})
        assert [p.where for p in build.found(stack, "desktop-login")] == hosts
    assert not build.found(_nas(environment="gnome"), "desktop-login")
