"""A minimal emulation of NixOS's Caddy, Nginx and Traefik modules, to run the rendered options.

Emulated: how the modules join virtual hosts, listeners, locations and certificates to one file.
Not emulated: `recommended*Settings`, access logs, IPv6, systemd, security.acme (a certificate of
our own stands in), and options that we do not set. Ports and addresses are mapped to loopback ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from homelab.network.model import LOOPBACK_HTTP_PORT
from homelab.nix import Lines, Module, Pkg, Raw, Script, Text
from tests.tools.nixtypes import plain


@dataclass(frozen=True)
class Place:
    """The paths and addresses of a proxy in a test."""

    directory: Path
    http: int
    https: int
    tunnel: int
    addresses: Mapping[str, str]
    """Maps rendered addresses and ports to those of stubs."""

    def certificate(self) -> tuple[Path, Path]:
        """The certificate and key that stand in for security.acme's."""
        return self.directory / "cert.pem", self.directory / "key.pem"

    def mapped(self, text: str) -> str:
        """The configuration with addresses of stubs."""
        for rendered, stub in self.addresses.items():
            text = text.replace(rendered, stub)
        return text


def options(module: Module, directory: Path) -> dict[str, Any]:
    """A module's options as plain data. Files beside the module are written to the directory."""
    for name, text in module.extra:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return cast("dict[str, Any]", as_data(module.derived, directory))


def as_data(value: Any, directory: Path) -> Any:
    """A value of a module as plain data; paths beside it lie in the directory."""
    value = plain(value)
    match value:
        case Lines(text):
            return text
        case Text(parts) | Script(parts):
            return "".join(p if isinstance(p, str) else _path(p, directory) for p in parts)
        case Mapping():
            return {k: as_data(v, directory) for k, v in value.items()}
        case list() | tuple():
            return [as_data(v, directory) for v in value]
    return value


def _path(part: Any, directory: Path) -> str:
    """A file of the tree; or a package, which a test may lay at `pkgs/<name>`."""
    if isinstance(part, Pkg):
        return str(directory / "pkgs" / part.name)
    assert isinstance(part, Raw)
    if part.text.startswith(("./", "../")):
        return str(directory / part.text.removeprefix("../"))
    found = _PACKAGE.fullmatch(part.text)
    assert found, part.text
    return str(directory / "pkgs" / (found[1] or found[2]))


_PACKAGE = re.compile(
    r"(?:lib\.getBin )?(?:pkgs|inputs\.[\w-]+\.packages\.\$\{[\w.]+\})\.([\w-]+)"
    r"|config\.[\w.]*?([\w-]+)\.package"
)


def caddyfile(module: Module, place: Place) -> str:
    """The file that services.caddy would use."""
    caddy = options(module, place.directory)["services"]["caddy"]
    cert, key = place.certificate()
    text = f"""{{
  admin off
  http_port {place.http}
  https_port {place.https}
  storage file_system {place.directory}/caddy
  {caddy.get("globalConfig", "")}
}}
"""
    for name, host in caddy["virtualHosts"].items():
        names = ", ".join([name, *host.get("serverAliases", [])])
        address = names.replace(f":{LOOPBACK_HTTP_PORT}", f":{place.tunnel}")
        text += f"{address} {{\n"
        if host.get("listenAddresses"):
            text += f"  bind {' '.join(host['listenAddresses'])}\n"
        if host.get("useACMEHost"):
            text += f"  tls {cert} {key}\n"
        text += host["extraConfig"] + "}\n"
    return place.mapped(text)


def traefik_file(module: Module, place: Place) -> Path:
    """The static file that services.traefik would use. The dynamic file is beside it."""
    traefik = options(module, place.directory)["services"]["traefik"]
    static = traefik.get("staticConfigOptions") or traefik["static"]["settings"]
    dynamic = (
        traefik.get("dynamicConfigOptions") or traefik["dynamic"]["files"]["homelab"]["settings"]
    )
    ports = {"http": place.http, "https": place.https, "tunnel": place.tunnel}
    for name, entry in static["entryPoints"].items():
        entry["address"] = f"127.0.0.1:{ports[name]}"
    cert, key = place.certificate()
    for made in dynamic.get("tls", {}).get("certificates", []):
        if made["certFile"].startswith("/var/lib/acme/"):
            made |= {"certFile": str(cert), "keyFile": str(key)}
    file = place.directory / "dynamic.yaml"
    # JSON is also YAML.
    file.write_text(place.mapped(json.dumps(dynamic)), encoding="utf-8")
    static["providers"] = {"file": {"filename": str(file)}}
    whole = place.directory / "traefik.yaml"
    whole.write_text(json.dumps(static), encoding="utf-8")
    return whole


def nginx_conf(module: Module, place: Place) -> str:
    """The file that services.nginx would use."""
    nginx = options(module, place.directory)["services"]["nginx"]
    temporary = "".join(
        f"{kind}_temp_path {place.directory}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    hosts = "".join(_server(name, host, place) for name, host in nginx["virtualHosts"].items())
    common = nginx["commonHttpConfig"].replace(f"  {LOOPBACK_HTTP_PORT} ", f"  {place.tunnel} ")
    text = f"""
pid {place.directory}/nginx.pid;
error_log {place.directory}/error.log warn;
daemon off;
master_process off;
events {{ }}
http {{
access_log off;
{temporary}
ssl_protocols {nginx["sslProtocols"]};
ssl_ciphers {nginx["sslCiphers"]};
server_names_hash_bucket_size {nginx["serverNamesHashBucketSize"]};
map $http_upgrade $connection_upgrade {{
  default upgrade;
  "" close;
}}
client_max_body_size {nginx["clientMaxBodySize"]};
{common}
{hosts}
}}
"""
    return place.mapped(text)


def _server(name: str, host: dict[str, Any], place: Place) -> str:
    names = " ".join([host.get("serverName", name), *host.get("serverAliases", [])])
    tls = bool(host.get("forceSSL") or host.get("rejectSSL"))
    last = " default_server" if host.get("default") else ""
    out = ""
    listen = [
        f"{at['addr']}:{place.tunnel if at['port'] == LOOPBACK_HTTP_PORT else at['port']}{last}"
        for at in host.get("listen", [])
    ]
    if not listen:
        if host.get("forceSSL"):
            code = host.get("redirectCode", 301)
            out += f"server {{\nlisten 0.0.0.0:{place.http};\nserver_name {names};\n"
            out += f"location / {{\nreturn {code} https://$host$request_uri;\n}}\n}}\n"
        else:
            listen.append(f"0.0.0.0:{place.http}{last}")
        if tls:
            listen.append(f"0.0.0.0:{place.https} ssl http2{last}")
    out += "server {\n" + "".join(f"listen {at};\n" for at in listen) + f"server_name {names};\n"
    if host.get("useACMEHost"):
        cert, key = place.certificate()
        out += f"ssl_certificate {cert};\nssl_certificate_key {key};\n"
    elif host.get("sslCertificate"):
        out += f"ssl_certificate {host['sslCertificate']};\n"
        out += f"ssl_certificate_key {host['sslCertificateKey']};\n"
    if host.get("rejectSSL"):
        out += "ssl_reject_handshake on;\n"
    for where, location in host.get("locations", {}).items():
        out += f"location {where} {{\n" + _location(location) + "}\n"
    return out + host.get("extraConfig", "") + "}\n"


def _location(location: dict[str, Any]) -> str:
    out = ""
    if "proxyPass" in location:
        out += f"proxy_pass {location['proxyPass']};\n"
    if location.get("proxyWebsockets"):
        out += "proxy_http_version 1.1;\nproxy_set_header Upgrade $http_upgrade;\n"
        out += "proxy_set_header Connection $connection_upgrade;\n"
    if "return" in location:
        out += f"return {location['return']};\n"
    return out + location.get("extraConfig", "")
