"""Renamed and removed options in the messages of nixpkgs."""

from __future__ import annotations

import pytest

from homelab.update.obsolete import new_key, read_obsolete

SAID = [
    (
        (
            "The option `services.logind.lidSwitch' defined in `/nix/store/x/own/a.nix' and "
            "`<unknown-file>' has been renamed to `services.logind.settings.Login.HandleLidSwitch'."
        ),
        ("services", "logind", "lidSwitch"),
        ("services", "logind", "settings", "Login", "HandleLidSwitch"),
        True,
        "",
        ("/nix/store/x/own/a.nix", "<unknown-file>"),
    ),
    (
        (
            "The option `a.b' defined in `/x.nix' has been renamed to `c.\"d.e\".f'.\nThis has been "
            "done to avoid confusion with the new option `a.b2'."
        ),
        ("a", "b"),
        ("c", "d.e", "f"),
        True,
        "",
        ("/x.nix",),
    ),
    (
        (
            "The option `a.b' defined in `/x.nix' has been changed to `a.c' that has a different type. "
            "Please read `a.c' documentation and update your configuration accordingly."
        ),
        ("a", "b"),
        ("a", "c"),
        False,
        "",
        ("/x.nix",),
    ),
    (
        (
            "The option definition `a.b' in `/x.nix' no longer has any effect; please remove it.\n"
            "Use `c'\n  instead.\n"
        ),
        ("a", "b"),
        None,
        False,
        "Use `c' instead",
        ("/x.nix",),
    ),
]


@pytest.mark.parametrize(("text", "option", "new", "same", "why", "files"), SAID)
def test_a_message_names_the_option_and_what_became_of_it(
    text: str,
    option: tuple[str, ...],
    new: tuple[str, ...] | None,
    same: bool,
    why: str,
    files: tuple[str, ...],
) -> None:
    found = read_obsolete(text)
    assert found is not None
    assert (found.option, found.new, found.same_type) == (option, new, same)
    assert (found.why, found.files) == (why, files)


def test_another_message_is_about_no_such_option() -> None:
    assert read_obsolete("services.x.y is deprecated; use services.x.z") is None


def test_a_key_may_go_on_below_its_option() -> None:
    found = read_obsolete(SAID[1][0])
    assert found is not None
    assert new_key('a.b."x.y".z', found) == 'c."d.e".f."x.y".z'
