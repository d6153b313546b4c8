"""Registers the resources of scenario.json, in its order.

A text may name an earlier resource's output as ${name.output}; {"secret": …} makes a value secret.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pulumi
from pulumi_command import Provider, local

made: dict[str, Any] = {}


def value(item: Any) -> Any:
    """The item with its secrets and references resolved."""
    if isinstance(item, dict):
        if item.keys() == {"secret"}:
            return pulumi.Output.secret(value(item["secret"]))
        return {key: value(inner) for key, inner in item.items()}
    if isinstance(item, list):
        return [value(inner) for inner in item]
    if isinstance(item, str):
        parts = re.split(r"\$\{(\w+)\.(\w+)\}", item)
        if len(parts) > 1:
            texts = [
                part if at % 3 == 0 else getattr(made[part], parts[at + 1])
                for at, part in enumerate(parts)
                if at % 3 != 2
            ]
            return pulumi.Output.concat(*texts)
    return item


def options(item: dict[str, Any]) -> pulumi.ResourceOptions:
    """Resource options, with resources given by name."""
    given = dict(item.get("options", {}))
    for key in ("parent", "provider", "deleted_with"):
        if key in given:
            given[key] = made[given[key]]
    if "depends_on" in given:
        given["depends_on"] = [made[name] for name in given["depends_on"]]
    if "aliases" in given:
        given["aliases"] = [alias(former) for former in given["aliases"]]
    return pulumi.ResourceOptions(**given)


def alias(former: str | dict[str, Any]) -> str | pulumi.Alias:
    """A URN, or what differed. A parent is an earlier resource by name, a URN, or null for none."""
    if isinstance(former, str):
        return former
    parent = former.get("parent")
    return pulumi.Alias(**{**former, **({"parent": made.get(parent, parent)} if parent else {})})


def register(item: dict[str, Any]) -> None:
    """Make one resource of the scenario."""
    name, inputs = item["name"], value(item.get("inputs", {}))
    match item.get("kind", "command"):
        case "component":
            component = pulumi.ComponentResource(
                item.get("type", "test:index:Group"), name, inputs, options(item)
            )
            component.register_outputs(value(item.get("outputs", {})))
            made[name] = component
        case "provider":
            made[name] = Provider(name, options(item))
        case _:
            made[name] = local.Command(name, opts=options(item), **inputs)


scenario = json.loads(Path("scenario.json").read_text())
for resource in scenario["resources"]:
    if "after" in resource:
        awaited = made[resource["after"]].stdout
        awaited.apply(lambda _, resource=resource: register(resource))
    else:
        register(resource)
for key, exported in scenario.get("exports", {}).items():
    pulumi.export(key, value(exported))
if scenario.get("raises"):
    raise pulumi.RunError(scenario["raises"])
