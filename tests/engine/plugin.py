"""The lab's stand-in for a cloud, served as a provider plugin for the real engine.

`python -m tests.engine.plugin tailscale DIRECTORY` prints its port and serves until it is ended.
Requests to the cloud are recorded in `DIRECTORY/tailscale.asked`, and sign-ins in
`DIRECTORY/tailscale.configured`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from homelab.lab.provider import UNKNOWN, Properties, Provider, RefusedError, Value
from homelab.lab.standins.cloudflare import CloudflareProvider
from homelab.lab.standins.tailscale import TailscaleProvider

PROVIDERS = {"cloudflare": CloudflareProvider, "tailscale": TailscaleProvider}


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """The provider protocol of one stand-in. It does not accept secrets, so the engine tracks
    them."""

    def __init__(self, provider: Provider, directory: Path) -> None:
        self._provider, self._directory = provider, directory

    def _note(self, what: str, line: str) -> None:
        with (self._directory / f"{self._provider.package}.{what}").open("a") as file:
            file.write(f"{line}\n")

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="0.0.1")

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        changed = values(request.olds) != values(request.news)
        return answer(sorted(request.news.fields) if changed else [])

    def Configure(self, request: Any, context: Any) -> Any:
        self._note("configured", json.dumps(json_format.MessageToDict(request.args)))
        return provider_pb2.ConfigureResponse(acceptSecrets=False, acceptOutputs=False)

    def Check(self, request: Any, context: Any) -> Any:
        failures = [
            provider_pb2.CheckFailure(reason=problem)
            for problem in self._provider.check(kind(request.urn), values(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        found = self._provider.diff(
            kind(request.urn), values(request.old_inputs), values(request.news)
        )
        return answer(found.changes, found.replaces)

    def Create(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        self._note("asked", f"create {name(request.urn)}")
        with refusing(context):
            made = self._provider.create(
                kind(request.urn), name(request.urn), values(request.properties)
            )
        return provider_pb2.CreateResponse(id=made.id, properties=struct(made.outputs))

    def Read(self, request: Any, context: Any) -> Any:
        self._note("asked", f"read {name(request.urn)}")
        return provider_pb2.ReadResponse(
            id=request.id, properties=request.properties, inputs=request.inputs
        )

    def Update(self, request: Any, context: Any) -> Any:
        if request.preview:
            return provider_pb2.UpdateResponse(properties=request.news)
        self._note("asked", f"update {name(request.urn)}")
        with refusing(context):
            made = self._provider.update(
                kind(request.urn), request.id, values(request.olds), values(request.news)
            )
        return provider_pb2.UpdateResponse(properties=struct(made.outputs))

    def Delete(self, request: Any, context: Any) -> Any:
        self._note("asked", f"delete {name(request.urn)}")
        self._provider.delete(kind(request.urn), request.id, values(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        self._note("asked", request.tok)
        with refusing(context):
            found = self._provider.invoke(request.tok, values(request.args))
        return provider_pb2.InvokeResponse(**{"return": struct(found)})

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()


class refusing:  # noqa: N801 a context manager reads as a word
    """A refusal of the stand-in becomes an error of the plugin."""

    def __init__(self, context: Any) -> None:
        self._context = context

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, RefusedError):
            self._context.abort(grpc.StatusCode.UNKNOWN, str(error))


def kind(urn: str) -> str:
    """The type of a resource."""
    return urn.split("::")[2].rpartition("$")[2]


def name(urn: str) -> str:
    """Its name."""
    return urn.rpartition("::")[2]


def values(properties: Any) -> dict[str, Value]:
    """Properties as a stand-in reads them."""
    found: dict[str, Value] = _known(json_format.MessageToDict(properties))
    return found


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_known(inner) for inner in value]
    return UNKNOWN if value == rpc.UNKNOWN else value


def struct(properties: Properties) -> Any:
    """Properties in the protocol's format."""
    made = struct_pb2.Struct()
    plain: Mapping[str, Any] = properties
    made.update(plain)
    return made


def answer(changes: Any, replaces: Any = ()) -> Any:
    """The answer to a diff."""
    some = provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(changes=some, diffs=list(changes), replaces=list(replaces))


def install(directory: Path, package: str) -> Path:
    """Install the plugin under the name that the engine looks for on PATH. Its records are
    beside it."""
    directory.mkdir(parents=True, exist_ok=True)
    script = directory / f"pulumi-resource-{package}"
    script.write_text(
        f'#!/bin/sh\nexec "{sys.executable}" -m tests.engine.plugin {package} "{directory}"\n'
    )
    script.chmod(0o755)
    return directory


def main(package: str, directory: Path) -> None:
    """Serve until the engine ends this process."""
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    plugin = Plugin(PROVIDERS[package](directory / f"{package}.json"), directory)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(plugin, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
