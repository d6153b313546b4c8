"""Each check of the package: one stack that breaks only it, and one that passes."""

from __future__ import annotations

import pytest

from homelab.problems import InvalidStackError
from tests import build

Changes = dict[str, object]


def _custom(**more: object) -> Changes:
    app: Changes = {"host": "nas", "port": 4000, "flake": {"input": "app", "unit": "app"}, **more}
    return {"flakes": {"app": {"url": "github:a/b"}}, "services": {"app": app}}


def _jellyfin(**harden: object) -> Changes:
    return {"services": {"jellyfin": {"host": "nas", "harden": harden}}}


@pytest.mark.requirement("S0-55", "S4-20")
def test_a_custom_unit_must_name_the_directories_that_it_writes() -> None:
    """The error names the service and every way out."""
    (problem,) = build.found(_custom(), "harden-intent")
    assert problem.where == "services.app.harden"
    for way in ("state", "read_write", "skip"):
        assert way in problem.way_out


@pytest.mark.parametrize(
    "said",
    [
        {"state": ["/var/lib/app"]},
        {"harden": {"read_write": ["/var/lib/app"]}},
        {"harden": {"exempt": "rebuilt next month"}},
        {"backup": {"skip": "keeps nothing"}},
    ],
)
@pytest.mark.requirement("S0-55")
def test_each_way_to_name_them_is_accepted(said: Changes) -> None:
    """State, a directory, an exemption, or a reason that there is none."""
    assert not build.found(_custom(**said), "harden-intent")


@pytest.mark.requirement("T15")
def test_exempt_and_relax_exclude_each_other() -> None:
    """One of them would have no effect."""
    harden = {"exempt": "rebuilt next month", "relax": {"private-tmp": "shares files"}}
    (problem,) = build.found(_custom(harden=harden), "harden-intent")
    assert "no sandbox to relax" in problem.what


@pytest.mark.requirement("S3-09")
def test_an_unknown_part_is_an_error_that_names_the_nearest() -> None:
    """An exception must have an effect."""
    (problem,) = build.found(_jellyfin(relax={"privat-tmp": "shares files"}), "harden-exception")
    assert problem.where == "services.jellyfin.harden.relax.privat-tmp"
    assert 'did you mean "private-tmp"?' in problem.way_out
    assert not build.found(_jellyfin(relax={"private-tmp": "shares files"}), "harden-exception")


@pytest.mark.requirement("S0-55")
def test_a_directory_that_opens_everything_is_an_error() -> None:
    """/mnt as a whole would open everything."""
    (problem,) = build.found(_jellyfin(read_only=["/mnt/"]), "harden-exception")
    assert problem.where == "services.jellyfin.harden.read_only"
    assert not build.found(_jellyfin(read_only=["/mnt/media"]), "harden-exception")


@pytest.mark.requirement("T15")
def test_relaxing_what_has_no_sandbox_is_an_error() -> None:
    """A container's unit only starts and stops it."""
    container = {"image": f"a/b:1@sha256:{'0' * 64}", "port": 80}
    app: Changes = {"host": "nas", "container": container, "backup": {"skip": "keeps nothing"}}
    assert not build.found({"services": {"app": app}}, "harden-exception")
    app["harden"] = {"relax": {"private-tmp": "shares files"}}
    with pytest.raises(
        InvalidStackError, match=r"services\.app\.harden: a container has no harden"
    ):
        build.stack_config({"services": {"app": app}})


@pytest.mark.requirement("S0-55")
def test_settings_for_a_unit_that_the_service_does_not_have_are_an_error() -> None:
    """systemd would accept them."""

    def stack(unit: str) -> Changes:
        options = {f"systemd.services.{unit}.serviceConfig.Nice": 5}
        return {"services": {"jellyfin": {"host": "nas", "options": options}}}

    (problem,) = build.found(stack("jelyfin"), "harden-unit-known")
    assert problem.where == "services.jellyfin.options"
    assert 'did you mean "jellyfin"?' in problem.way_out
    assert not build.found(stack("jellyfin"), "harden-unit-known")
    assert not build.found(stack('"jellyfin"'), "harden-unit-known")


def test_a_sandbox_of_a_unit_that_the_service_does_not_have_is_an_error() -> None:
    """The library would create a unit of that name without ExecStart."""

    def stack(unit: str) -> Changes:
        options = {f"homelab.hardening.units.{unit}.UMask": "0027"}
        return {"services": {"jellyfin": {"host": "nas", "options": options}}}

    (problem,) = build.found(stack("jelyfin"), "harden-unit-known")
    assert 'did you mean "jellyfin"?' in problem.way_out
    assert not build.found(stack("jellyfin"), "harden-unit-known")
    assert not build.found(stack("jellyfin"), "option-known")


@pytest.mark.requirement("S0-55")
def test_a_unit_is_named_without_its_suffix() -> None:
    """app.service.service does not exist."""
    changes = _custom(state=["/var/lib/app"], flake={"input": "app", "unit": "app.service"})
    (problem,) = build.found(changes, "harden-unit-known")
    assert problem.way_out == 'write "app"'


@pytest.mark.requirement("S0-55")
def test_two_services_cannot_share_a_unit() -> None:
    """One sandbox would overwrite the other."""
    changes = _custom(state=["/var/lib/app"])
    again = {**changes["services"]["app"], "port": 4001}  # type: ignore[index]
    changes["services"] = {**changes["services"], "again": again}  # type: ignore[dict-item]
    (problem,) = build.found(changes, "harden-unit-known")
    assert "the unit of again too" in problem.what
