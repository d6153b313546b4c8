"""Run the program as Pulumi would, without an engine, and record what it registers.

The SDK's own mock monitor drops dependencies and what a provider marks secret; this one keeps
both, because the order of things and their secrecy is what the tests are about.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import pulumi
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.stack import run_in_stack

from homelab.lab.standins.tailscale import GET_ACL
from homelab.lab.standins.tailscale_policy import DEFAULT
from homelab.lab.standins.tailscale_rules import ACL

_SIGNATURE, _SECRET = rpc._special_sig_key, rpc._special_secret_sig
_MINTED = {
    "cloudflare:index/apiToken:ApiToken": {"value": "issued-api-token"},
    "cloudflare:index/pagesProject:PagesProject": {"subdomain": "docs-1ab.pages.dev"},
    "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken": {
        "clientId": "issued-client.access",
        "clientSecret": "issued-client-secret",
    },
    "tailscale:index/tailnetKey:TailnetKey": {"key": "issued-join-key"},
    "command:remote:Command": {"stdout": "", "stderr": ""},
    "command:local:Command": {"stdout": "", "stderr": ""},
}
"""What the clouds would answer with."""


@dataclass
class Resource:
    """One registration."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    secrets: set[str]
    """Paths of inputs that are marked secret."""
    needs: set[str]
    """URNs that it waits for."""
    provider: str
    ignored: list[str]
    hidden: list[str]
    secret_outputs: list[str]
    retained: bool
    imported: str = ""
    """Id of what it takes over."""
    urn: str = ""


@dataclass
class Recorded:
    """What one run of the program did."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: list[str] = field(default_factory=list)
    error: str = ""
    """Text of the RunError that ended it."""

    def __getitem__(self, name: str) -> Resource:
        """The only resource of this name that is not a component, or the only one at all."""
        found = [r for r in self.resources if r.name == name]
        custom = [r for r in found if r.custom]
        (one,) = custom if len(custom) == 1 else found
        return one

    def of(self, type_: str) -> list[Resource]:
        """Every resource whose type ends so."""
        return [r for r in self.resources if r.type.endswith(type_)]

    def needs(self, resource: Resource) -> set[str]:
        """Names of everything that must be done before it, however indirectly."""
        by_urn = {r.urn: r for r in self.resources}
        seen: set[str] = set()
        pending = [resource.urn]
        while pending:
            for urn in by_urn[pending.pop()].needs:
                if urn in by_urn and urn not in seen:
                    seen.add(urn)
                    pending.append(urn)
        return {by_urn[u].name for u in seen if by_urn[u].custom}


def run(
    directory: Path,
    stack: str,
    config: Mapping[str, str],
    *,
    preview: bool,
    program: Callable[[], None] | None = None,
    policy: str = DEFAULT,
    unchanged: bool = False,
    written: str = "",
) -> Recorded:
    """Run `homelab.components.program.run` on a stack; secrets come from `op` and `sops` on PATH.

    `policy` is the one that the tailnet has; it stays when the engine finds ours `unchanged`, or
    leaves the one that it has `written` last as it is, as in a run for other targets.
    """
    from homelab.components.program import run as run_program

    recorded = Recorded()
    loop = asyncio.new_event_loop()
    # After a failure asyncio would complain of every future that nobody awaited.
    loop.set_exception_handler(lambda *_: None)

    def go() -> None:
        monitor = _Monitor(
            _Mocks(policy if not preview else None, unchanged or bool(written), written), recorded
        )
        pulumi.runtime.set_all_config(dict(config), [])
        settings.set_root_resource(None)  # type: ignore[arg-type]
        mocks.set_mocks(
            monitor.mocks,
            project="homelab",
            stack=stack,
            preview=preview,
            monitor=monitor,
            logger=_logger(recorded),
            organization="organization",
        )
        settings.set_root_resource(None)  # type: ignore[arg-type]
        settings.SETTINGS.outputs.clear()
        try:
            loop.run_until_complete(
                run_in_stack(program or (lambda: run_program(directory)))  # type: ignore[arg-type]
            )
        except pulumi.RunError as error:
            recorded.error = str(error)
        finally:
            settings.SETTINGS.outputs.clear()

    asyncio.set_event_loop(loop)
    try:
        # The SDK keeps its settings in context variables, so a context of its own is a fresh SDK.
        contextvars.copy_context().run(go)
    finally:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
    return recorded


@contextmanager
def path_with(directory: Path) -> Iterator[None]:
    """Let a directory go first on PATH."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{directory}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


class _ApiError(grpc.RpcError):
    """How the engine passes on what a provider could not do."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "Failed to fetch ACL: dial tcp: no such host"


class _Mocks(mocks.Mocks):
    def __init__(self, policy: str | None, unchanged: bool, written: str) -> None:
        self._policy, self._unchanged, self._written = policy, unchanged, written

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        if args.token == GET_ACL and self._policy == "":
            raise _ApiError
        if args.token == GET_ACL and self._policy is not None:
            return {"id": "1", "hujson": self._policy, "json": "{}"}
        raise AssertionError(f"the program asks a cloud: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == ACL and self._policy is not None and not self._unchanged:
            self._policy = args.inputs["acl"]
        if args.typ == ACL and self._written:
            return f"{args.name}-id", {**args.inputs, "acl": self._written}
        # Inputs keep their wrappers, so what is secret stays so on its way out.
        return f"{args.name}-id", {**args.inputs, **_MINTED.get(args.typ, {})}


class _Monitor(mocks.MockMonitor):
    def __init__(self, mocks_: _Mocks, recorded: Recorded) -> None:
        super().__init__(mocks_)
        self._recorded = recorded

    def RegisterResource(self, request: Any) -> Any:
        secrets: set[str] = set()
        inputs = _plain(rpc.deserialize_properties(request.object, keep_unknowns=True), "", secrets)
        resource = Resource(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=inputs,
            secrets=secrets,
            needs={
                *request.dependencies,
                *(u for d in request.propertyDependencies.values() for u in d.urns),
            },
            provider=request.provider or next(iter(sorted(request.providers.values())), ""),
            ignored=list(request.ignoreChanges),
            hidden=list(request.hideDiffs),
            secret_outputs=list(request.additionalSecretOutputs),
            retained=request.retainOnDelete,
            imported=request.importId,
        )
        answer = super().RegisterResource(request)
        resource.urn = answer.urn
        if request.type != "pulumi:pulumi:Stack":
            self._recorded.resources.append(resource)
        # The engine marks these; the mock does not.
        for key in request.additionalSecretOutputs:
            value = answer.object.fields.get(key)
            if value is not None and _SIGNATURE not in value.struct_value.fields:
                wrapped = type(value)()
                wrapped.struct_value.fields[_SIGNATURE].string_value = _SECRET
                wrapped.struct_value.fields["value"].CopyFrom(value)
                answer.object.fields[key].CopyFrom(wrapped)
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self._recorded.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    """A value without its secret wrappers; notes where they were."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE) == _SECRET:
            secrets.add(path)
            return _plain(value["value"], path, secrets)
        return {k: _plain(v, f"{path}.{k}" if path else k, secrets) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v, f"{path}[{i}]", secrets) for i, v in enumerate(value)]
    return value


class _Handler(logging.Handler):
    def __init__(self, recorded: Recorded) -> None:
        super().__init__()
        self._recorded = recorded

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno > logging.DEBUG:
            self._recorded.logs.append(f"{record.levelname}: {record.getMessage()}")


def _logger(recorded: Recorded) -> logging.Logger:
    # One of its own: a shared one would keep the handlers of every run.
    logger = logging.Logger("pulumi")  # noqa: LOG001
    logger.addHandler(_Handler(recorded))
    return logger
