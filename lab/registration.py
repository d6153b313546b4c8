"""One resource registration of the program, read from the protocol, and its URN.

A field that is not listed below is refused by name. Otherwise a stack could work in the lab and do
something else in production.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from homelab.lab.codec import EngineValue, EngineValues, Secret, decode
from homelab.lab.urn import make_urn

if TYPE_CHECKING:
    from pulumi.runtime.proto import alias_pb2, resource_pb2

PROVIDERS: Final = "pulumi:providers:"

_HANDLED: Final = frozenset(
    {"type", "name", "parent", "custom", "object", "protect", "dependencies", "provider"}
    | {"propertyDependencies", "version", "ignoreChanges", "replaceOnChanges", "retainOnDelete"}
    | {"deleteBeforeReplace", "deleteBeforeReplaceDefined", "deletedWith", "hideDiffs"}
    | {"additionalSecretOutputs", "customTimeouts", "aliases", "aliasURNs"}
)
_BESIDE: Final = frozenset(
    {"acceptSecrets", "acceptResources", "supportsPartialValues", "supportsResultReporting"}
    | {"aliasSpecs", "accepts_byte_string", "sourcePosition", "stackTrace", "pluginDownloadURL"}
    | {"parentStackTraceHandle", "providers"}
)
"""Fields about the SDK, the plugin or remote components, not about the resource."""
_WORDS: Final = {
    "importId": "import, because it has nothing to import; rehearse without the `adopt` entry",
    "remote": "a remote component",
    "packageRef": "a parameterized package",
    "envVarMappings": "env_var_mappings",
}


class UnsupportedError(Exception):
    """The program uses a feature that the lab does not support."""


@dataclass(frozen=True)
class Alias:
    """What a resource was before: its whole URN, or what differed. Empty fields are as now."""

    urn: str = ""
    type: str = ""
    name: str = ""
    project: str = ""
    stack: str = ""
    parent: str = ""
    """URN of the former parent."""
    no_parent: bool = False
    """Its parent was the stack."""


@dataclass
class ResourceRegistration:
    """One resource as the program declares it."""

    type: str
    name: str
    custom: bool
    parent: str = ""
    inputs: EngineValues = field(default_factory=dict)
    provider: str = ""
    version: str = ""
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    protect: bool | None = None
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    delete_before_replace: bool | None = None
    ignore_changes: list[str] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    secret_outputs: list[str] = field(default_factory=list)
    hide_diffs: list[str] = field(default_factory=list)
    aliases: list[Alias] = field(default_factory=list)
    timeouts: dict[str, str] = field(default_factory=dict)

    @property
    def package(self) -> str:
        """Package of a custom resource's type."""
        return self.type.removeprefix(PROVIDERS).partition(":")[0]

    def urn(self, stack: str, project: str) -> str:
        """The URN: the types of all parents except the stack, joined by `$`."""
        return make_urn(stack, project, self.parent, self.type, self.name)


def read_registration(request: resource_pb2.RegisterResourceRequest) -> ResourceRegistration:
    """The registration as plain data. Raises UnsupportedError for an unsupported field."""
    what = f"{request.type} {request.name!r}"
    for descriptor, value in request.ListFields():
        name = descriptor.name
        if name in _HANDLED or name in _BESIDE or _is_empty(value):
            continue
        raise UnsupportedError(f"{what}: the lab does not do {_WORDS.get(name, name)}.")
    defined = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    timeouts = request.customTimeouts
    return ResourceRegistration(
        type=request.type,
        name=request.name,
        custom=request.custom,
        parent=request.parent,
        inputs=decode(request.object),
        provider=request.provider,
        version=request.version,
        dependencies=sorted(request.dependencies),
        property_dependencies={
            key: sorted(value.urns)
            for key, value in sorted(request.propertyDependencies.items())
            if value.urns
        },
        protect=request.protect if request.HasField("protect") else None,
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        delete_before_replace=request.deleteBeforeReplace if defined else None,
        ignore_changes=list(request.ignoreChanges),
        replace_on_changes=list(request.replaceOnChanges),
        secret_outputs=list(request.additionalSecretOutputs),
        hide_diffs=list(request.hideDiffs),
        aliases=[
            *(Alias(urn=urn) for urn in request.aliasURNs),
            *(_alias(alias) for alias in request.aliases),
        ],
        timeouts={d.name: str(v) for d, v in timeouts.ListFields()},
    )


def _is_empty(value: object) -> bool:
    size = getattr(value, "ByteSize", None)
    return size is not None and size() == 0


def _alias(alias: alias_pb2.Alias) -> Alias:
    if alias.HasField("urn"):
        return Alias(urn=alias.urn)
    spec = alias.spec
    return Alias(
        type=spec.type,
        name=spec.name,
        project=spec.project,
        stack=spec.stack,
        parent=spec.parentUrn,
        no_parent=spec.noParent,
    )


Path = tuple[str | int, ...]
_PART = re.compile(r'\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|\[\*\]|([^.\[\]]+)')


def read_path(text: str) -> Path:
    """Parse a property path of Pulumi: `a.b[0]["c"]`, `*` for any part."""
    return tuple(
        int(index) if index else (quoted or name or "*")
        for index, quoted, name in _PART.findall(text)
    )


def keep_old(
    old: Mapping[str, EngineValue], new: EngineValues, paths: Sequence[str]
) -> EngineValues:
    """`new` with the values of `old` at the ignored paths."""
    result: EngineValue = new
    for text in paths:
        result = _keep(old, result, read_path(text))
    return result if isinstance(result, dict) else new


_ABSENT: Final = object()


def _keep(old: object, new: EngineValue, path: Path) -> EngineValue:
    if isinstance(new, Secret):
        return Secret(_keep(old, new.value, path))
    old = old.value if isinstance(old, Secret) else old
    head, rest = path[0], path[1:]
    if isinstance(new, dict) and isinstance(old, Mapping):
        result = dict(new)
        for key in {*old, *new} if head == "*" else {str(head)}:
            if rest and key in old and key in new:
                result[key] = _keep(old[key], new[key], rest)
            elif not rest and key in old:
                result[key] = old[key]
            elif not rest:
                result.pop(key, None)
        return result
    if isinstance(new, list) and isinstance(old, list):
        if head == "*" and not rest:
            return list(old)
        items = list(new)
        for at in range(min(len(old), len(new))):
            if head in ("*", at):
                items[at] = _keep(old[at], new[at], rest) if rest else old[at]
        return items
    return new


def at_path(value: EngineValue, path: Path) -> object:
    """The value at the path. A wildcard stands for everything below it."""
    for part in path:
        value = value.value if isinstance(value, Secret) else value
        if part == "*":
            return value
        if isinstance(value, dict) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return _ABSENT
    return value
