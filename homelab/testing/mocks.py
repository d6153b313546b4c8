"""Run a program like Pulumi, without an engine, and record what it registers.

The SDK's own mock monitor drops dependencies and secret outputs of providers. This one keeps both,
so that tests can check order and secrecy.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, cast

import grpc
import pulumi
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.stack import run_in_stack

from homelab.lab import laptop
from homelab.lab.standins.tailscale import GET_ACL
from homelab.lab.standins.tailscale_policy import DEFAULT
from homelab.lab.standins.tailscale_rules import ACL
from homelab.ops.project.rehearsed import recorded
from homelab.testing.recorded import Recorded, Resource

if TYPE_CHECKING:
    from google.protobuf.empty_pb2 import Empty
    from pulumi.runtime.proto import resource_pb2

_SIGNATURE, _SECRET = rpc._special_sig_key, rpc._special_secret_sig  # noqa: SLF001
_ANSWERS: Mapping[str, Mapping[str, object]] = {
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
"""The outputs that clouds would return."""


def run(
    directory: Path,
    stack: str,
    config: Mapping[str, str],
    *,
    preview: bool,
    program: Callable[[], object] | None = None,
    stand_in_secrets: bool = True,
    policy: str = DEFAULT,
    unchanged: bool = False,
    written: str = "",
) -> Recorded:
    """Run the project's `__main__.py`, or a function instead, in the project's directory.

    `config` is the config as Pulumi passes it: text by full key. The values of stored secrets
    follow from their names, or come from `sops` and `op` if `stand_in_secrets` is false. No
    resource is created: each provider returns the inputs, and made-up values for tokens and keys of
    a cloud. A RunError is stored in `error`; any other exception is raised.

    `policy` is the policy in force in the tailnet; an empty text means that Tailscale does not
    answer. It stays in force if the engine finds ours `unchanged`. `written` is the policy in the
    engine's state, which a run for other targets does not touch.
    """
    recorded = Recorded()
    loop = asyncio.new_event_loop()
    # After a failure, asyncio would report every future that was not awaited.
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
            loop.run_until_complete(run_in_stack(cast("Callable[[], None]", program or _program)))
        except pulumi.RunError as error:
            recorded.error = str(error)
        finally:
            settings.SETTINGS.outputs.clear()

    asyncio.set_event_loop(loop)
    threads = _Threads()
    loop.set_default_executor(threads)
    try:
        with _in(directory), _stand_ins() if stand_in_secrets else nullcontext():
            # The SDK keeps its settings in context variables, so a new context resets the SDK.
            contextvars.copy_context().run(go)
    finally:
        threads.shutdown(wait=True)
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
    return recorded


class _Threads(ThreadPoolExecutor):
    """Threads in which the SDK's mocks answer, with an event loop each.

    The mocks make a loop in a thread that has none, and never close it. Python closes it whenever
    its memory is freed, which may print a traceback in an unrelated test.
    """

    def __init__(self) -> None:
        super().__init__(initializer=self._begin)
        self._loops: list[asyncio.AbstractEventLoop] = []

    def _begin(self) -> None:
        loop = asyncio.new_event_loop()
        self._loops.append(loop)
        asyncio.set_event_loop(loop)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the threads end, and close their loops if that is waited for."""
        super().shutdown(wait=wait, cancel_futures=cancel_futures)
        while wait and self._loops:
            self._loops.pop().close()


def _program() -> None:
    runpy.run_path("__main__.py", run_name="__main__")


@contextmanager
def _in(directory: Path) -> Iterator[None]:
    """Set the program's directory and process settings, and restore them afterwards."""
    before, hook, path = Path.cwd(), sys.excepthook, list(sys.path)
    os.chdir(directory)
    # As under Pulumi, a program can import the modules beside it.
    sys.path.insert(0, str(Path.cwd()))
    try:
        yield
    finally:
        os.chdir(before)
        sys.excepthook, sys.path[:] = hook, path


@contextmanager
def path_with(directory: Path) -> Iterator[None]:
    """Put a directory first on PATH."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = f"{directory}{os.pathsep}{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before


@contextmanager
def _stand_ins() -> Iterator[None]:
    with (
        recorded(),
        tempfile.TemporaryDirectory() as place,
        path_with(laptop.install(Path(place))),
    ):
        yield


class _ApiError(grpc.RpcError):
    """The engine's form of a provider's error."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "Failed to fetch ACL: dial tcp: no such host"


class _Mocks(mocks.Mocks):
    def __init__(self, policy: str | None, unchanged: bool, written: str) -> None:
        self._policy, self._unchanged, self._written = policy, unchanged, written

    def call(self, args: mocks.MockCallArgs) -> dict[str, object]:  # type: ignore[override]
        if args.token == GET_ACL and self._policy == "":
            raise _ApiError
        if args.token == GET_ACL and self._policy is not None:
            return {"id": "1", "hujson": self._policy, "json": "{}"}
        raise AssertionError(f"the program asks a cloud: {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, object]]:
        if args.typ == ACL and self._policy is not None and not self._unchanged:
            self._policy = args.inputs["acl"]
        if args.typ == ACL and self._written:
            return f"{args.name}-id", {**args.inputs, "acl": self._written}
        # Inputs keep their wrappers, so secret inputs are secret outputs.
        return f"{args.name}-id", {**args.inputs, **_ANSWERS.get(args.typ, {})}


class _Monitor(mocks.MockMonitor):
    def __init__(self, mocks_: _Mocks, recorded: Recorded) -> None:
        super().__init__(mocks_)
        self._recorded = recorded

    def RegisterResource(  # noqa: N802 the protocol's own name
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        secrets: set[str] = set()
        plain = _plain(rpc.deserialize_properties(request.object, keep_unknowns=True), "", secrets)
        resource = Resource(
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=cast("dict[str, object]", plain),
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
            aliases=[alias.urn or alias.spec.name for alias in request.aliases],
        )
        answer = cast(
            "resource_pb2.RegisterResourceResponse",
            super().RegisterResource(request),  # type: ignore[no-untyped-call]
        )
        resource.urn = answer.urn
        if request.type != "pulumi:pulumi:Stack":
            self._recorded.resources.append(resource)
        # The engine marks these outputs as secret; a mock does not.
        for key in request.additionalSecretOutputs:
            value = answer.object.fields.get(key)
            if value is not None and _SIGNATURE not in value.struct_value.fields:
                wrapped = type(value)()
                wrapped.struct_value.fields[_SIGNATURE].string_value = _SECRET
                wrapped.struct_value.fields["value"].CopyFrom(value)
                answer.object.fields[key].CopyFrom(wrapped)
        return answer

    def RegisterResourceOutputs(  # noqa: N802
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> Empty:
        self._recorded.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return cast("Empty", super().RegisterResourceOutputs(request))  # type: ignore[no-untyped-call]


def _plain(value: object, path: str, secrets: set[str]) -> object:
    """A value without its secret wrappers. Records their paths."""
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
    # A separate logger: a shared one would keep the handlers of every run.
    logger = logging.Logger("pulumi")  # noqa: LOG001
    logger.addHandler(_Handler(recorded))
    # The SDK notes each step of each resource, and nobody reads it.
    logger.setLevel(logging.INFO)
    return logger
