"""The JSON Schemas of a stack file and of `services/NAME.yaml`, made from the models."""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel, JsonValue
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from homelab.config.descriptions import descriptions
from homelab.config.document import NAMESPACE
from homelab.config.facts import OwnFacts
from homelab.config.stack import StackConfig


def stack_schema() -> dict[str, JsonValue]:
    """The schema with which editors complete and check `Pulumi.<stack>.yaml`."""
    stack = StackConfig.model_json_schema(by_alias=True, schema_generator=_Described)
    _close(stack)
    definitions = stack.pop("$defs", {})
    properties = {f"{NAMESPACE}{k}": v for k, v in stack["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A homelab stack",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": properties,
                "required": [f"{NAMESPACE}{k}" for k in stack.get("required", [])],
                "patternProperties": {"^(?!homelab:)": {}},
                "additionalProperties": False,
            },
            "encryptionsalt": {"type": "string"},
            "secretsprovider": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "environment": {},
        },
        "additionalProperties": False,
        "$defs": definitions,
    }


def service_schema() -> dict[str, JsonValue]:
    """The schema with which editors complete and check `services/NAME.yaml`."""
    facts = OwnFacts.model_json_schema(by_alias=True, schema_generator=_Described)
    _close(facts)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **facts,
        "title": "Facts of a service",
    }


class _Described(GenerateJsonSchema):
    """Has the docstrings of fields as their descriptions."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of one model."""
        made = super().model_schema(schema)
        model = cast("type[BaseModel]", schema["cls"])
        for name, text in descriptions(model).items():
            key = model.model_fields[name].alias or name
            if key in made.get("properties", {}):
                made["properties"][key].setdefault("description", text)
        return made


def _close(schema: JsonValue) -> None:
    """Add `additionalProperties: false` where keys have a pattern, so that editors refuse the keys
    that the loader refuses.
    """
    if isinstance(schema, dict):
        if "patternProperties" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)
    elif isinstance(schema, list):
        for inner in schema:
            _close(inner)
