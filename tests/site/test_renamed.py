"""A key of an older release is refused with its new name."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from homelab.config.renamed import RENAMED
from homelab.problems import InvalidStackError
from tests import build


def test_an_old_key_is_refused_with_its_new_name() -> None:
    changes = {"hosts": {"nas": {"asleep": {"wake_by": "pi"}}}}
    with pytest.raises(InvalidStackError) as refused:
        build.stack_config(changes)
    (problem,) = refused.value.problems
    assert problem.where == "hosts.nas.asleep"
    assert (problem.what, problem.way_out) == (
        "this key was renamed to offline",
        "write offline instead",
    )


@pytest.mark.parametrize("model", RENAMED, ids=lambda m: m.__name__)
def test_every_new_name_is_a_key_and_no_old_one_is(model: type[BaseModel]) -> None:
    for old, new in RENAMED[model].items():
        assert new in model.model_fields
        assert old not in model.model_fields
