"""Messages and the reference name the keys of the stack file, not the fields of a model."""

from __future__ import annotations

import pytest

from homelab.config.base import field_of, key_of
from homelab.problems import InvalidStackError
from tests import build
from tests.docs.stack_page import stack_page
from tests.site.test_every_field import MODELS

ALIASED = [(m, n, f.alias) for m in MODELS for n, f in m.model_fields.items() if f.alias]


def test_every_field_with_an_alias_is_in_the_reference_by_its_key() -> None:
    page = stack_page()
    assert ALIASED
    for model, name, alias in ALIASED:
        table = page.partition(f"### {model.__name__}\n")[2].partition("\n### ")[0]
        assert f"| `{alias}` |" in table
        assert f"| `{name}` |" not in table
        assert key_of(model, name) == alias
        assert field_of(model, str(alias)) is model.model_fields[name]
        assert field_of(model, name) is None


def test_a_message_names_the_key_and_not_the_field() -> None:
    with pytest.raises(InvalidStackError) as found:
        build.stack_config({"backup": {"offload": {"away": {"source": "rs", "to": "b2"}}}})
    text = str(found.value)
    assert "from: is missing" in text
    assert "Keys: at, from" in text
    assert 'did you mean "source"' not in text
