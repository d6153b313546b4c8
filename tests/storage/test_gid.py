"""The number of a dataset's group."""

from __future__ import annotations

import pytest

from homelab.problems import InvalidStackError
from tests import build
from tests.household import Changes


def films(**more: object) -> Changes:
    films = {"host": "nas", "path": "/mnt/films", "tier": "re-derivable", **more}
    return {"datasets": {"films": films}}


def test_a_group_has_the_number_that_its_files_have() -> None:
    text = build.render(films(group="media", gid=1005))["nas"]["storage.nix"]
    assert "users.groups.media.gid = 1005;" in text
    assert "users.groups.media = { };" in build.render(films(group="media"))["nas"]["storage.nix"]


@pytest.mark.parametrize("number", [1005, "1005"])
def test_a_number_in_place_of_the_name_is_told_its_field(number: object) -> None:
    with pytest.raises(InvalidStackError, match="write group: media, and its number as gid: 1005"):
        build.stack_config(films(group=number))
