"""The engine's interface to the SDK: the methods of Pulumi's ResourceMonitor and Engine services.

It translates requests and refuses unsupported ones; the deployment handles them. Method names are
those of the protocol.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal, NoReturn

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from homelab.lab.codec import EngineValues, UnsupportedValueError, decode, encode, plain
from homelab.lab.deployment import Deployment, StoppedError
from homelab.lab.registration import UnsupportedError, read_registration

if TYPE_CHECKING:
    from google.protobuf.message import Message

_FEATURES: Final = tuple(
    resource_pb2.ResourceMonitorFeature.Value(f"RESOURCE_MONITOR_FEATURE_{name}")
    for name in (
        *("SECRETS", "RESOURCE_REFERENCES", "ALIAS_SPECS", "DELETED_WITH"),
        # Listed so that the lab refuses them by name. Otherwise the SDK would say that Pulumi's
        # command line is too old.
        *("TRANSFORMS", "INVOKE_TRANSFORMS", "REPLACE_WITH", "REPLACEMENT_TRIGGER"),
        *("RESOURCE_HOOKS", "ERROR_HOOKS", "PARAMETERIZATION", "STATE_MIGRATIONS"),
    )
)
_SEVERITIES: Final[dict[int, Literal["debug", "info", "warning", "error"]]] = {
    engine_pb2.DEBUG: "debug",
    engine_pb2.INFO: "info",
    engine_pb2.WARNING: "warning",
    engine_pb2.ERROR: "error",
}


class MonitorStoppedError(grpc.RpcError):
    """The error of an engine that has shut down. The SDK ends the program without a traceback."""

    def code(self) -> grpc.StatusCode:
        """Unavailable, as from the real engine when it shuts down."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """The real engine's message."""
        return "resource monitor shut down"


class Monitor:
    """The argument `monitor` and `engine` of `pulumi.runtime.Settings`."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._root = ""
        self.project, self.stack = deployment.project, deployment.stack

    def configure(self, config: Mapping[str, str], secret_keys: Collection[str]) -> None:
        """Read the engine's settings from the stack's config."""
        denied = json.loads(config.get("pulumi:disable-default-providers", "[]"))
        self._deployment.denied = frozenset(denied)
        for key in secret_keys:
            self._deployment.censor.learn(config.get(key), secret=True)

    def program_failed(self, text: str) -> None:
        """Handle an error of the program. It is reported unless the engine stopped the run."""
        if not self._deployment.stopped:
            self._deployment.say("error", text)
        self._deployment.stop()

    def interrupt(self) -> None:
        """Handle Ctrl-C while the program runs."""
        self._deployment.interrupt()

    # ResourceMonitor

    def GetDeploymentInfo(self, _: empty_pb2.Empty) -> resource_pb2.DeploymentInfo:
        """The features that the SDK may use."""
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Create, update or replace one resource."""
        try:
            outcome = self._deployment.register(read_registration(request))
        except (UnsupportedError, UnsupportedValueError) as error:
            self._refuse(str(error))
        except StoppedError:
            raise MonitorStoppedError from None
        return resource_pb2.RegisterResourceResponse(
            urn=outcome.urn,
            id=outcome.id,
            object=encode(outcome.outputs),
            result=resource_pb2.Result.SUCCESS if outcome.done else resource_pb2.Result.FAIL,
        )

    def RegisterResourceOutputs(
        self, request: resource_pb2.RegisterResourceOutputsRequest
    ) -> empty_pb2.Empty:
        """Record the outputs of a component or of the stack."""
        try:
            self._deployment.register_outputs(request.urn, decode(request.outputs))
        except UnsupportedValueError as error:
            self._refuse(f"outputs of {request.urn}: the lab does not do {error}.")
        return empty_pb2.Empty()

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """Answer a function call, or look up a referenced resource."""
        try:
            args = decode(request.args)
            if request.tok == "pulumi:pulumi:getResource":
                record = self._deployment.lookup(str(plain(args["urn"])))
                found: EngineValues = {"urn": record.urn, "id": record.id, "state": record.outputs}
                return _answer(encode(found))
            return _answer(encode(self._deployment.invoke(request.tok, args, request.provider)))
        except UnsupportedValueError as error:
            self._refuse(f"{request.tok}: the lab does not do {error}.")
        except StoppedError:
            raise MonitorStoppedError from None

    def SignalAndWaitForShutdown(self, _: empty_pb2.Empty) -> empty_pb2.Empty:
        """Do nothing: the engine needs no shutdown handshake."""
        return empty_pb2.Empty()

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> NoReturn:
        """Refused: the lab has no real resources to read."""
        self._refuse(f"{request.type} {request.name!r}: the lab does not read resources (`get`).")

    def ExistsResource(self, _: Message) -> NoReturn:
        """Refused: the lab has no real resources to look up."""
        self._refuse("the lab does not look up resources (`exists`).")

    def Call(self, request: resource_pb2.ResourceCallRequest) -> NoReturn:
        """Refused: no stand-in has methods."""
        self._refuse(f"{request.tok}: the lab does not do resource methods.")

    def RegisterPackage(self, request: resource_pb2.RegisterPackageRequest) -> NoReturn:
        """Refused by name."""
        self._refuse(f"{request.name}: the lab does not do parameterized packages.")

    def RegisterStackTransform(self, _: Message) -> NoReturn:
        """Refused by name."""
        self._refuse("the lab does not do transforms.")

    def RegisterStackInvokeTransform(self, _: Message) -> NoReturn:
        """Refused by name."""
        self._refuse("the lab does not do invoke transforms.")

    def RegisterResourceHook(self, request: resource_pb2.RegisterResourceHookRequest) -> NoReturn:
        """Refused by name."""
        self._refuse(f"hook {request.name!r}: the lab does not do hooks.")

    def RegisterErrorHook(self, _: Message) -> NoReturn:
        """Refused by name."""
        self._refuse("the lab does not do error hooks.")

    # Engine

    def Log(self, request: engine_pb2.LogRequest) -> empty_pb2.Empty:
        """Report a message of the program."""
        self._deployment.say(_SEVERITIES[request.severity], request.message, request.urn)
        return empty_pb2.Empty()

    def GetRootResource(
        self, _: engine_pb2.GetRootResourceRequest
    ) -> engine_pb2.GetRootResourceResponse:
        """The stack's URN, if it is set."""
        return engine_pb2.GetRootResourceResponse(urn=self._root)

    def SetRootResource(
        self, request: engine_pb2.SetRootResourceRequest
    ) -> engine_pb2.SetRootResourceResponse:
        """Remember the stack's URN."""
        self._root = request.urn
        return engine_pb2.SetRootResourceResponse()

    def RequirePulumiVersion(
        self, _: engine_pb2.RequirePulumiVersionRequest
    ) -> engine_pb2.RequirePulumiVersionResponse:
        """Accept any version: Pulumi's command line does not run the program."""
        return engine_pb2.RequirePulumiVersionResponse()

    def _refuse(self, text: str) -> NoReturn:
        self._deployment.abort(text)
        raise MonitorStoppedError


def _answer(value: struct_pb2.Struct) -> resource_pb2.ResourceInvokeResponse:
    response = resource_pb2.ResourceInvokeResponse()
    getattr(response, "return").CopyFrom(value)  # `return` is a keyword of Python
    return response
