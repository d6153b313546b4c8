"""The resource types of Cloudflare in the lab, and their properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homelab.lab.standins.records import Shape

RECORD: Final = "cloudflare:index/dnsRecord:DnsRecord"
TOKEN: Final = "cloudflare:index/apiToken:ApiToken"
TUNNEL: Final = "cloudflare:index/zeroTrustTunnelCloudflared:ZeroTrustTunnelCloudflared"
POLICY: Final = "cloudflare:index/zeroTrustAccessPolicy:ZeroTrustAccessPolicy"
APP: Final = "cloudflare:index/zeroTrustAccessApplication:ZeroTrustAccessApplication"
NOTICE: Final = "cloudflare:index/notificationPolicy:NotificationPolicy"
GROUP: Final = "cloudflare:index/zeroTrustAccessGroup:ZeroTrustAccessGroup"
LOGIN: Final = "cloudflare:index/zeroTrustAccessIdentityProvider:ZeroTrustAccessIdentityProvider"
PROGRAM: Final = "cloudflare:index/zeroTrustAccessServiceToken:ZeroTrustAccessServiceToken"
PROJECT: Final = "cloudflare:index/pagesProject:PagesProject"
DOMAIN: Final = "cloudflare:index/pagesDomain:PagesDomain"
BUCKET: Final = "cloudflare:index/r2Bucket:R2Bucket"

_T, _B, _L, _O, _N = "text", "bool", "list", "object", "number"
_OWNED = {"accountId": _T, "name": _T}
SHAPES: Final[Mapping[str, Shape]] = {
    RECORD: Shape(
        {"zoneId": _T, "name": _T, "type": _T, "ttl": _N},
        {"content": _T, "data": _O, "proxied": _B, "priority": _N, "comment": _T, "tags": _L},
        frozenset({"zoneId", "type"}),
    ),
    TOKEN: Shape(
        {"name": _T, "policies": _L},
        {"condition": _O, "expiresOn": _T, "notBefore": _T, "status": _T},
    ),
    TUNNEL: Shape(
        _OWNED, {"configSrc": _T, "tunnelSecret": _T}, frozenset({"accountId", "configSrc"})
    ),
    POLICY: Shape(
        {**_OWNED, "decision": _T},
        {"includes": _L, "excludes": _L, "requires": _L, "sessionDuration": _T},
        frozenset({"accountId"}),
    ),
    APP: Shape(
        {},
        {"accountId": _T, "zoneId": _T, "name": _T, "type": _T, "domain": _T, "destinations": _L}
        | {"policies": _L, "sessionDuration": _T, "appLauncherVisible": _B, "allowedIdps": _L}
        | {"httpOnlyCookieAttribute": _B, "autoRedirectToIdentity": _B},
        frozenset({"accountId", "zoneId"}),
    ),
    NOTICE: Shape(
        {**_OWNED, "alertType": _T, "mechanisms": _O},
        {"enabled": _B, "filters": _O, "description": _T},
        frozenset({"accountId"}),
    ),
    GROUP: Shape(
        {**_OWNED, "includes": _L},
        {"excludes": _L, "requires": _L, "isDefault": _B},
        frozenset({"accountId"}),
    ),
    LOGIN: Shape({**_OWNED, "type": _T, "config": _O}, {}, frozenset({"accountId", "type"})),
    PROGRAM: Shape(_OWNED, {"duration": _T}, frozenset({"accountId"})),
    PROJECT: Shape(
        {**_OWNED, "productionBranch": _T},
        {"buildConfig": _O, "deploymentConfigs": _O, "source": _O},
        frozenset({"accountId", "name"}),
    ),
    DOMAIN: Shape(
        {**_OWNED, "projectName": _T}, {}, frozenset({"accountId", "name", "projectName"})
    ),
    BUCKET: Shape(
        _OWNED,
        {"location": _T, "jurisdiction": _T, "storageClass": _T},
        frozenset({"accountId", "name", "location", "jurisdiction"}),
    ),
}
