"""The proxy plan as Nginx: a virtual host for each name, and 404 for other names."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT
from homelab.network.route import Route
from homelab.nix import Attrs, Comment, Lines, Module, Nix, Raw, Text, merge
from homelab.plan import Plan
from homelab.proxy import model
from homelab.proxy.model import (
    ADAPTER,
    AMBIGUOUS_PATH,
    AUTH_REQUEST,
    AuthProxy,
    ProxyPlan,
    VirtualHost,
    bytes_of,
)
from homelab.proxy.nginxconf import Directive, Live, Pattern, directive, print_nginx
from homelab.proxy.pinned import pinned_file, pinned_files
from homelab.proxy.plan import plan_proxy
from homelab.system.model import Host

AUTH_PROXY = "/.homelab/auth"
"""Internal location of the auth request; clients cannot use it."""
SIGN_IN = "/.homelab/sign-in"
"""Internal location of the sign-in page, for requests without a session."""
_IDENTITY = {h: f"$auth_{what}" for what, h in model.AUTH_PROXY_HEADERS.items()}
_SIGN_IN_PAGE = "Requests without a session go to the sign-in page, and return after it."


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Nginx on the entry host."""
    entry = plan.stack.network.entry
    if host.name != entry.host or entry.proxy != "nginx":
        return
    proxy = plan_proxy(plan.stack, plan.routes, plan.identity, plan.certificates)
    files = {"forwarded": _forwarded(), "anonymous": _anonymous(proxy)}
    auth_proxy = proxy.auth_proxy
    if auth_proxy and any(proxy.auth_proxy_of(r) for s in proxy.virtual_hosts for _, r in s.routes):
        files |= {"auth-request": _auth_request(proxy), "protected": _protected(auth_proxy)}
    yield Module(
        "proxy.nix",
        "The reverse proxy: every name, and its upstream",
        derived=merge({"services": {"nginx": _nginx(proxy)}}, pinned_files(proxy)),
        extra=tuple((f"nginx/{name}.conf", print_nginx(d)) for name, d in sorted(files.items())),
    )


def _nginx(proxy: ProxyPlan) -> Attrs:
    hosts: dict[str, Nix] = {"_": Comment("Requests for any other name.", _default(proxy))}
    for virtual_host in proxy.virtual_hosts:
        for name, route in virtual_host.routes:
            key = f"http://{name}" if virtual_host.is_tunnel else name
            hosts[key] = _host(proxy, virtual_host, name, route)
        for name, to in virtual_host.moved:
            if virtual_host.is_tunnel:
                served: Attrs = {"serverName": name, "listen": [_loopback()]}
                hosts[f"http://{name}"] = {**served, "locations": {"/": _moved(to)}}
            else:
                tls = _tls(proxy, virtual_host.domain)
                hosts[name] = {**tls, "locations": {"/": _moved(to)}}
        hosts |= _unknown_names(proxy, virtual_host)
    if proxy.local:
        hosts[proxy.local.names[0]] = {
            "serverAliases": list(proxy.local.names[1:]),
            "locations": {"/": _upstream(proxy, proxy.local.route, protected=False)},
        }
    if proxy.page:
        hosts[proxy.page.name] = {
            "locations": {"/": {"proxyPass": f"http://{proxy.page.upstream}"}}
        }
    for redirect in proxy.redirects:
        hosts[redirect.name] = {"locations": {"/": _moved(redirect.to)}}
    protocols = "TLSv1.3" if proxy.tls_min == "1.3" else "TLSv1.2 TLSv1.3"
    return {
        "enable": True,
        "enableReload": True,
        "recommendedOptimisation": True,
        "recommendedTlsSettings": True,
        "serverNamesHashBucketSize": 128,
        "sslCiphers": ":".join(model.CIPHERS.values()),
        "sslProtocols": protocols,
        "clientMaxBodySize": Comment("The apps limit uploads; a route may set a lower limit.", "0"),
        "commonHttpConfig": Lines(print_nginx([*_common(proxy)])),
        "virtualHosts": hosts,
    }


def _common(proxy: ProxyPlan) -> Iterator[Directive]:
    yield directive("proxy_buffering", "off", why="Uploads and streams pass without delay.")
    yield directive("proxy_request_buffering", "off")
    yield directive("proxy_read_timeout", "1h", why="Websockets may be idle.")
    yield directive("proxy_send_timeout", "1h")
    if proxy.rate:
        yield directive(
            "limit_req_zone",
            Live("$binary_remote_addr"),
            "zone=visitors:10m",
            f"rate={proxy.rate.average}r/s",
            why="By client address, also for clients of the tunnel.",
        )
        yield directive("limit_req", "zone=visitors", f"burst={proxy.rate.burst}", "nodelay")
        yield directive("limit_req_status", "429")
    scheme = [directive("default", Live("$scheme"))]
    if proxy.tunnel:
        scheme.append(directive(str(LOOPBACK_HTTP_PORT), "https"))
    yield directive(
        "map",
        Live("$server_port"),
        Live("$visitor_scheme"),
        block=scheme,
        why="The client's scheme: the tunnel's connector forwards HTTPS requests over HTTP."
        if proxy.tunnel
        else "",
    )
    yield from _paths(proxy)
    if proxy.hsts:
        max_age = directive("on", f"max-age={model.HSTS_SECONDS}")
        name = "Strict-Transport-Security"
        yield directive(
            "map",
            Live("$https"),
            Live("$hsts"),
            block=[directive("default", ""), max_age],
        )
        yield directive("add_header", name, Live("$hsts"), "always")
        yield directive("proxy_hide_header", name)


def _paths(proxy: ProxyPlan) -> Iterator[Directive]:
    """Maps that classify the original path. A location matches a normalized path, but the app
    receives the original one. The first matching expression decides.
    """
    protected = {
        r.name: r for s in proxy.virtual_hosts for _, r in s.routes if proxy.auth_proxy_of(r)
    }
    if proxy.judged & protected.keys():
        ambiguous = directive(Pattern(AMBIGUOUS_PATH), "1")
        yield directive(
            "map",
            Live("$request_uri"),
            Live("$ambiguous"),
            block=[directive("default", ""), ambiguous],
            why="Paths that programs read differently; refused if access rules name single paths.",
        )
    why = "Paths that need no sign-in. Paths that programs read differently always need one."
    for name, route in sorted(protected.items()):
        if route.exempt:
            open_ = [directive(Pattern(model.pattern(p)), "1") for p in route.exempt]
            yield directive(
                "map",
                Live("$request_uri"),
                Live(_exempt(name)),
                block=[directive("default", ""), directive(Pattern(AMBIGUOUS_PATH), ""), *open_],
                why=why,
            )
            why = ""


def _exempt(route: str) -> str:
    """The variable that is set for an exempt path of a route; no route name has an underscore."""
    return f"$exempt_{route.replace('-', '_')}"


def _default(proxy: ProxyPlan) -> Attrs:
    body: Attrs = {"default": True, "locations": {"/": {"return": 404}}}
    if proxy.domains:
        body["rejectSSL"] = True
    return body


def _unknown_names(proxy: ProxyPlan, virtual_host: VirtualHost) -> dict[str, Nix]:
    """404 for names without a route; otherwise Nginx would use the listener's first server."""
    refuse: Attrs = {"/": {"return": 404}}
    if virtual_host.is_tunnel:
        return {
            "http://_": {
                "serverName": "_",
                "default": True,
                "listen": [_loopback()],
                "locations": refuse,
            }
        }
    return {f"*.{virtual_host.domain}": {**_tls(proxy, virtual_host.domain), "locations": refuse}}


def _tls(proxy: ProxyPlan, domain: str) -> Attrs:
    body: Attrs = {"forceSSL": True, "redirectCode": 308}
    if proxy.certificates.kind != "internal":
        return {**body, "useACMEHost": domain}
    certificate, key = proxy.certificates.files(domain)
    return {**body, "sslCertificate": certificate, "sslCertificateKey": key}


def _loopback() -> Nix:
    return {"addr": LOOPBACK, "port": LOOPBACK_HTTP_PORT}


def _moved(to: str) -> Nix:
    return {"return": f"301 https://{to}$request_uri"}


def _host(proxy: ProxyPlan, virtual_host: VirtualHost, name: str, route: Route) -> Nix:
    body: Attrs = {}
    server: list[Directive] = []
    if virtual_host.is_tunnel:
        body |= {"serverName": name, "listen": [_loopback()]}
        server += [
            directive("set_real_ip_from", LOOPBACK, why="The connector sends the client address."),
            directive("real_ip_header", "CF-Connecting-IP"),
        ]
    else:
        body |= _tls(proxy, virtual_host.domain)
    if limit := bytes_of(route.upload):
        server.append(directive("client_max_body_size", str(limit)))
    for network in proxy.sources_of(route):
        server.append(directive("allow", network))
    if proxy.sources_of(route):
        server.append(directive("deny", "all"))
    if proxy.auth_proxy_of(route) and route.name in proxy.judged:
        server.append(directive("if", Live("($ambiguous)"), block=[directive("return", "403")]))
    if server:
        body["extraConfig"] = Lines(print_nginx(server))
    body["locations"] = _locations(proxy, name, route)
    return body


def _locations(proxy: ProxyPlan, name: str, route: Route) -> Attrs:
    auth_proxy = proxy.auth_proxy_of(route)
    if auth_proxy is None:
        return {"/": _upstream(proxy, route, protected=False)}
    out: Attrs = {"/": _upstream(proxy, route, protected=True)}
    answer = [directive("return", "204")]
    open_ = print_nginx([directive("if", Live(f"({_exempt(route.name)})"), block=answer)])
    out[f"= {AUTH_PROXY}"] = {
        "proxyPass": f"http://{auth_proxy.address}{auth_proxy.uri_for(name, route, AUTH_REQUEST)}",
        "extraConfig": _lines(*([open_] if route.exempt else []), _include("auth-request")),
    }
    if auth_proxy.is_adapter:
        out |= _pages(auth_proxy)
    return out


def _pages(auth_proxy: AuthProxy) -> Attrs:
    """The pages of oauth2-proxy, on every protected name."""
    original = directive("proxy_set_header", "X-Auth-Request-Redirect", Live("$request_uri"))
    host = [directive("proxy_set_header", "Host", Live("$host"))]
    return {
        f"= {SIGN_IN}": {
            "proxyPass": f"http://{auth_proxy.address}{ADAPTER}/start",
            "extraConfig": _lines(
                print_nginx([directive("internal")]),
                _include("forwarded"),
                print_nginx([*host, original]),
            ),
        },
        f"^~ {ADAPTER}/": {
            "proxyPass": f"http://{auth_proxy.address}",
            "extraConfig": _lines(_include("forwarded"), print_nginx(host)),
        },
    }


def _upstream(proxy: ProxyPlan, route: Route, *, protected: bool) -> Nix:
    own: list[Directive] = [
        directive("proxy_set_header", "Host", route.host_header or Live("$host"))
    ]
    for header in proxy.spoofable if protected else ():
        # The identity in the header that the app reads; every other such header is emptied.
        if header not in _IDENTITY:
            content = dict(route.headers).get(header)
            value = Live(_IDENTITY[model.AUTH_PROXY_HEADERS[content]]) if content else ""
            own.append(directive("proxy_set_header", header, value))
    if route.scheme == "https" and route.verify:
        trusted = pinned_file(route) if route.certificate else "/etc/ssl/certs/ca-certificates.crt"
        own += [
            directive("proxy_ssl_verify", "on"),
            directive("proxy_ssl_trusted_certificate", trusted),
        ]
        if route.server_name:
            own += [
                directive("proxy_ssl_name", route.server_name),
                directive("proxy_ssl_server_name", "on"),
            ]
    return {
        "proxyPass": route.upstream,
        "proxyWebsockets": True,
        "extraConfig": _lines(
            _include("forwarded"),
            _include("protected" if protected else "anonymous"),
            print_nginx(own),
        ),
    }


def _include(name: str) -> tuple[str | Raw, ...]:
    return ("include ", Raw(f"./nginx/{name}.conf"), ";\n")


def _lines(*parts: tuple[str | Raw, ...] | str) -> Nix:
    flat = [p for part in parts for p in ((part,) if isinstance(part, str) else part)]
    return Text(tuple(flat), indented=True)


def _forwarded() -> list[Directive]:
    """Headers that tell every app about the client; values in the client's request are replaced."""
    return [
        directive("proxy_set_header", "X-Forwarded-For", Live("$remote_addr")),
        directive("proxy_set_header", "X-Forwarded-Host", Live("$host")),
        directive("proxy_set_header", "X-Forwarded-Proto", Live("$visitor_scheme")),
        directive("proxy_set_header", "X-Real-IP", Live("$remote_addr")),
    ]


def _anonymous(proxy: ProxyPlan) -> list[Directive]:
    return [
        directive(
            "proxy_set_header",
            header,
            "",
            why="" if i else "Identity headers in client requests are removed.",
        )
        for i, header in enumerate(proxy.spoofable)
    ]


def _auth_request(proxy: ProxyPlan) -> list[Directive]:
    return [
        directive("internal"),
        directive("proxy_pass_request_body", "off"),
        directive("proxy_set_header", "Content-Length", ""),
        directive("proxy_set_header", "Host", Live("$host")),
        *_forwarded(),
        directive("proxy_set_header", "X-Original-Method", Live("$request_method")),
        directive(
            "proxy_set_header", "X-Original-URL", Live("$visitor_scheme://$host$request_uri")
        ),
        *_anonymous(proxy),
    ]


def _protected(auth_proxy: AuthProxy) -> list[Directive]:
    out = [directive("auth_request", AUTH_PROXY)]
    answers = dict(auth_proxy.answers)
    for header, variable in _IDENTITY.items():
        name = answers.get(header)
        answer = Live("$upstream_http_" + name.lower().replace("-", "_")) if name else ""
        out.append(directive("auth_request_set", Live(variable), answer))
        out.append(directive("proxy_set_header", header, Live(variable)))
    if auth_proxy.is_adapter:
        return [*out, directive("error_page", "401", "=", SIGN_IN, why=_SIGN_IN_PAGE)]
    return [
        *out,
        directive("auth_request_set", Live("$auth_portal"), Live("$upstream_http_location")),
        directive("error_page", "401", "=302", Live("$auth_portal"), why=_SIGN_IN_PAGE),
    ]
