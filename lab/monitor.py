"""The engine as the SDK sees it: the methods of Pulumi's ResourceMonitor and Engine services.

It translates and refuses; what a request means is decided by the deployment. Names are the wire's.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Final, Literal, NoReturn

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import engine_pb2, resource_pb2

from homelab.lab.codec import Riches, UnsupportedValueError, decode, encode, plain
from homelab.lab.deployment import Deployment, StoppedError
from homelab.lab.registration import UnsupportedError, read_goal

if TYPE_CHECKING:
    from google.protobuf.message import Message

_FEATURES: Final = tuple(
    resource_pb2.ResourceMonitorFeature.Value(f"RESOURCE_MONITOR_FEATURE_{name}")
    for name in (
        *("SECRETS", "RESOURCE_REFERENCES", "ALIAS_SPECS", "DELETED_WITH"),
        # Offered so that it is we who refuse them, by name, instead of the SDK, which would say
        # that Pulumi's command line is too old.
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
    """What the SDK takes for an engine that has gone; it ends the program without a traceback."""

    def code(self) -> grpc.StatusCode:
        """Unavailable, as from the real engine when it shuts down early."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """The real engine's words."""
        return "resource monitor shut down"


class Monitor:
    """Hand it to `pulumi.runtime.Settings(monitor=…, engine=…)`; the SDK stays untouched."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._root = ""
        self.project, self.stack = deployment.project, deployment.stack

    def configure(self, config: Mapping[str, str], secret_keys: Collection[str]) -> None:
        """Take from the stack's config what concerns an engine."""
        denied = json.loads(config.get("pulumi:disable-default-providers", "[]"))
        self._deployment.denied = frozenset(denied)
        for key in secret_keys:
            self._deployment.censor.learn(config.get(key), secret=True)

    def program_failed(self, text: str) -> None:
        """The program ended with an error of its own (told unless the engine ended it)."""
        if not self._deployment.stopped:
            self._deployment.say("error", text)
        self._deployment.stop()

    def interrupt(self) -> None:
        """Ctrl-C while the program runs."""
        self._deployment.interrupt()

    # ResourceMonitor

    def GetDeploymentInfo(self, _: empty_pb2.Empty) -> resource_pb2.DeploymentInfo:
        """What the SDK may send us."""
        return resource_pb2.DeploymentInfo(supportedFeatures=_FEATURES)

    def RegisterResource(
        self, request: resource_pb2.RegisterResourceRequest
    ) -> resource_pb2.RegisterResourceResponse:
        """Make one resource so."""
        try:
            outcome = self._deployment.register(read_goal(request))
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
        """Keep what a component, or the stack, gives out."""
        try:
            self._deployment.register_outputs(request.urn, decode(request.outputs))
        except UnsupportedValueError as error:
            self._refuse(f"outputs of {request.urn}: the lab does not do {error}.")
        return empty_pb2.Empty()

    def Invoke(
        self, request: resource_pb2.ResourceInvokeRequest
    ) -> resource_pb2.ResourceInvokeResponse:
        """Answer a function, or look up the resource behind a reference."""
        try:
            args = decode(request.args)
            if request.tok == "pulumi:pulumi:getResource":
                record = self._deployment.lookup(str(plain(args["urn"])))
                found: Riches = {"urn": record.urn, "id": record.id, "state": record.outputs}
                return _answer(encode(found))
            return _answer(encode(self._deployment.invoke(request.tok, args, request.provider)))
        except UnsupportedValueError as error:
            self._refuse(f"{request.tok}: the lab does not do {error}.")
        except StoppedError:
            raise MonitorStoppedError from None

    def SignalAndWaitForShutdown(self, _: empty_pb2.Empty) -> empty_pb2.Empty:
        """Nothing of the program is needed once it is through."""
        return empty_pb2.Empty()

    def ReadResource(self, request: resource_pb2.ReadResourceRequest) -> NoReturn:
        """Refused: there is nothing real to read."""
        self._refuse(f"{request.type} {request.name!r}: the lab does not read resources (`get`).")

    def ExistsResource(self, _: Message) -> NoReturn:
        """Refused: there is nothing real to look for."""
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
        """Pass on what the program says."""
        self._deployment.say(_SEVERITIES[request.severity], request.message, request.urn)
        return empty_pb2.Empty()

    def GetRootResource(
        self, _: engine_pb2.GetRootResourceRequest
    ) -> engine_pb2.GetRootResourceResponse:
        """The stack's URN, once set."""
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
        """Any version will do: it is not Pulumi's command line that runs the program."""
        return engine_pb2.RequirePulumiVersionResponse()

    def _refuse(self, text: str) -> NoReturn:
        self._deployment.abort(text)
        raise MonitorStoppedError


def _answer(value: struct_pb2.Struct) -> resource_pb2.ResourceInvokeResponse:
    response = resource_pb2.ResourceInvokeResponse()
    getattr(response, "return").CopyFrom(value)  # the field is named by a word of Python
    return response
