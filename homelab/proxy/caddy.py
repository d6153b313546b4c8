"""The proxy plan as Caddy: one wildcard site, a `handle` for each name, and 404 for other names."""

from __future__ import annotations

from collections.abc import Iterator

from homelab.config.network import Entry
from homelab.network.model import LOOPBACK, LOOPBACK_HTTP_PORT
from homelab.network.route import Route
from homelab.nix import Attrs, Call, Comment, Lines, Module, Nix, Raw, attrs, merge
from homelab.plan import Plan
from homelab.proxy import model
from homelab.proxy.caddyfile import Directive, Live, directive, print_caddyfile
from homelab.proxy.model import (
    AMBIGUOUS_PATH,
    AUTH_PROXY_HEADERS,
    HSTS_SECONDS,
    AuthProxy,
    Local,
    ProxyPlan,
    VirtualHost,
    bytes_of,
    spellings,
)
from homelab.proxy.pinned import pinned_file, pinned_files
from homelab.proxy.plan import plan_proxy
from homelab.proxy.wrapper import FILE, SHELL, variables_of, wrapper
from homelab.system.model import Host


def _original_uri_matches(pattern: str) -> str:
    """A CEL expression that matches the original path and query against a regular expression.

    Caddy's path matchers see a normalized path, but the app receives the original one. Some
    releases expand placeholders in the client's text before `vars_regexp` matches.
    """
    return "{http.request.orig_uri}.matches(r'" + pattern.replace("'", r"\x27") + "')"


_NOT_FOUND = directive("respond", "Not found", "404")
_FORBIDDEN = directive("respond", "Forbidden", "403")


def modules(plan: Plan, host: Host) -> Iterator[Module]:
    """Caddy on the entry host."""
    entry = plan.stack.network.entry
    if host.name != entry.host or entry.proxy != "caddy":
        return
    proxy = plan_proxy(plan.stack, plan.routes, plan.identity, plan.certificates)
    yield Module(
        "proxy.nix",
        "The reverse proxy: every name, and its upstream",
        derived=merge(
            _caddy(proxy), _package(entry, host), pinned_files(proxy), wrapper(plan, host)
        ),
        extra=((FILE, SHELL),) if variables_of(plan.stack) else (),
    )


def _package(entry: Entry, host: Host) -> Attrs:
    """Caddy with plugins. Without a hash the Nix build fails, and prints the expected one."""
    if not entry.plugins:
        return {}
    plugins: list[Nix] = [*sorted(p.spec for p in entry.plugins)]
    hash_: Nix = entry.plugin_hashes.get(host.config.nixpkgs) or Raw("lib.fakeHash")
    package = Call("pkgs.caddy.withPlugins", ({"hash": hash_, "plugins": plugins},))
    return attrs("services.caddy.package", package)


def _caddy(proxy: ProxyPlan) -> Attrs:
    hosts: dict[str, Nix] = {}
    for virtual_host in proxy.virtual_hosts:
        hosts |= _listeners(proxy, virtual_host)
    for domain in sorted({r.domain for r in proxy.redirects}):
        hosts[f"http://*.{domain}"] = _text(_moved(proxy, domain))
    if proxy.local:
        first, *others = (f"http://{name}" for name in proxy.local.names)
        aliases: list[Nix] = [*others]
        hosts[first] = {"serverAliases": aliases, **_text(_local(proxy, proxy.local))}
    if proxy.page:
        upstream = directive("reverse_proxy", proxy.page.upstream)
        hosts[f"http://{proxy.page.name}"] = _text([upstream])
    hosts["http://"] = Comment("Requests for any other name.", _text([_NOT_FOUND]))
    if proxy.domains:
        # The Host header may differ from the name in the TLS handshake.
        hosts["https://"] = _signed(proxy, proxy.domains[0], [_NOT_FOUND])
    return merge(
        attrs("services.caddy", {"enable": True, "virtualHosts": hosts}),
        # Without it the module requests certificates itself; these come from security.acme.
        attrs("services.caddy.email", proxy.email),
    )


def _text(directives: list[Directive]) -> dict[str, Nix]:
    return {"extraConfig": Lines(print_caddyfile(directives))}


def _signed(proxy: ProxyPlan, domain: str, body: list[Directive]) -> dict[str, Nix]:
    """A site with its certificate, and the TLS version if it differs from Caddy's default."""
    newer = proxy.tls_min == "1.3" and body != [_NOT_FOUND]
    block = [directive("protocols", "tls1.3")] if newer else []
    if proxy.certificates.is_acme or proxy.certificates.kind == "none":
        tls = [directive("tls", block=block)] if block else []
        return {"useACMEHost": domain, **_text([*tls, *body])}
    return _text([directive("tls", *proxy.certificates.files(domain), block=block), *body])


def _listeners(proxy: ProxyPlan, virtual_host: VirtualHost) -> dict[str, Nix]:
    if virtual_host.is_tunnel:
        body = {"listenAddresses": [LOOPBACK], **_text(_virtual_host(proxy, virtual_host))}
        return {f"http://:{LOOPBACK_HTTP_PORT}": body}
    redirect = directive("redir", "https://{host}{uri}", "308", live=True)
    return {
        f"*.{virtual_host.domain}": _signed(
            proxy, virtual_host.domain, _virtual_host(proxy, virtual_host)
        ),
        f"http://*.{virtual_host.domain}": _text([redirect]),
    }


def _moved(proxy: ProxyPlan, domain: str) -> list[Directive]:
    out: list[Directive] = []
    for redirect in proxy.redirects:
        if redirect.domain == domain:
            out += _leads(f"@{redirect.name.partition('.')[0]}", redirect.name, redirect.to)
    return [*out, directive("handle", block=[_NOT_FOUND])]


def _leads(label: str, name: str, to: str) -> list[Directive]:
    """A name that only leads to another one."""
    there = directive("redir", f"https://{to}{{uri}}", "301", live=True)
    return [directive(label, "host", name), directive("handle", label, block=[there])]


def _virtual_host(proxy: ProxyPlan, virtual_host: VirtualHost) -> list[Directive]:
    out: list[Directive] = []
    if not virtual_host.is_tunnel and proxy.hsts:
        header = directive("Strict-Transport-Security", f"max-age={HSTS_SECONDS}")
        out.append(directive("header", block=[header, directive("defer")]))
    # Before any `handle`: Caddy sorts directives, and these run before the others below.
    out += [directive("request_header", f"-{header}") for header in _stripped(proxy)]
    if not virtual_host.is_tunnel:
        out.append(directive("request_header", "X-Real-IP", "{remote_host}", live=True))
    else:
        out.append(directive("request_header", "X-Real-IP", "{header.Cf-Connecting-Ip}", live=True))
    for name, route in virtual_host.routes:
        for label, matcher in _refused(proxy, route):
            out.append(directive(label, block=[directive("host", name), matcher]))
            out.append(directive("handle", label, block=[_FORBIDDEN]))
        label = f"@{route.name}"
        out.append(directive(label, "host", name))
        out.append(directive("handle", label, block=_route(proxy, virtual_host, name, route)))
    for name, to in virtual_host.moved:
        out += _leads(f"@{name.partition('.')[0]}_moved", name, to)
    out.append(directive("handle", block=[_NOT_FOUND]))
    return out


def _refused(proxy: ProxyPlan, route: Route) -> Iterator[tuple[str, Directive]]:
    """Requests that a route refuses: (label, matcher)."""
    if sources := proxy.sources_of(route):
        yield f"@{route.name}_outside", directive("not", "remote_ip", *sources)
    if proxy.auth_proxy_of(route) and route.name in proxy.judged:
        expression = Live(_original_uri_matches(AMBIGUOUS_PATH))
        yield f"@{route.name}_ambiguous", directive("expression", expression)


def _local(proxy: ProxyPlan, local: Local) -> list[Directive]:
    out = [directive("request_header", f"-{header}") for header in _stripped(proxy)]
    out.append(directive("request_header", "X-Real-IP", "{remote_host}", live=True))
    return [*out, _upstream(VirtualHost(local.names[0], ()), local.route)]


def _stripped(proxy: ProxyPlan) -> list[str]:
    """Headers that are removed from client requests. Some apps read `_` or `.` as `-`."""
    own = [s for h in proxy.spoofable if not h.startswith("Remote-") for s in spellings(h)]
    return ["Remote-*", "Remote_*", "Remote.*", *own]


def _route(proxy: ProxyPlan, virtual_host: VirtualHost, name: str, route: Route) -> list[Directive]:
    out: list[Directive] = []
    if limit := bytes_of(route.upload):
        out.append(directive("request_body", block=[directive("max_size", str(limit))]))
    auth_proxy = proxy.auth_proxy_of(route)
    if auth_proxy is None:
        return [*out, _upstream(virtual_host, route)]
    protected = [*_protected(auth_proxy, virtual_host, name, route), _upstream(virtual_host, route)]
    if not auth_proxy.is_adapter:
        return out + protected
    pages = directive("reverse_proxy", auth_proxy.address, block=_visitor(virtual_host))
    return [
        *out,
        directive("handle", f"{model.ADAPTER}/*", block=[pages]),
        directive("handle", block=protected),
    ]


def _protected(
    auth_proxy: AuthProxy, virtual_host: VirtualHost, name: str, route: Route
) -> list[Directive]:
    arguments = ["forward_auth"]
    out: list[Directive] = []
    if route.exempt:
        # A path is exempt only if it is written exactly so and has no second reading.
        exempt = _original_uri_matches("|".join(model.pattern(p) for p in route.exempt))
        expression = Live(f"!{exempt} || {_original_uri_matches(AMBIGUOUS_PATH)}")
        out.append(directive("@not_exempt", "expression", expression))
        arguments.append("@not_exempt")
    copied = (ours if ours == answer else f"{answer}>{ours}" for ours, answer in auth_proxy.answers)
    block = [
        directive("uri", auth_proxy.uri_for(name, route)),
        directive("copy_headers", *copied),
        *_visitor(virtual_host),
    ]
    if auth_proxy.is_adapter:
        original = directive(
            "header_up", "X-Auth-Request-Redirect", "{http.request.orig_uri}", live=True
        )
        start = [
            directive("rewrite", "*", f"{model.ADAPTER}/start"),
            directive(
                "reverse_proxy", auth_proxy.address, block=[original, *_visitor(virtual_host)]
            ),
        ]
        block.append(directive("@unauthorized", "status", "401"))
        block.append(directive("handle_response", "@unauthorized", block=start))
    out.append(directive(*arguments, auth_proxy.address, block=block))
    return out


def _visitor(virtual_host: VirtualHost) -> list[Directive]:
    """Client address and scheme of a request through the tunnel: its connector runs on this host
    and forwards HTTPS requests over HTTP.
    """
    if not virtual_host.is_tunnel:
        return []
    client = "{header.Cf-Connecting-Ip}"
    return [
        directive("header_up", "X-Forwarded-For", client, live=True),
        directive("header_up", "X-Forwarded-Proto", "https"),
    ]


def _upstream(virtual_host: VirtualHost, route: Route) -> Directive:
    block = _visitor(virtual_host)
    if route.host_header:
        block.append(directive("header_up", "Host", route.host_header))
    for header, content in route.headers:
        source = AUTH_PROXY_HEADERS[content]
        if header != source:
            block.append(directive("header_up", header, f"{{header.{source}}}", live=True))
    if tls := _tls(route):
        block.append(directive("transport", "http", block=tls))
    return directive("reverse_proxy", route.upstream, block=block)


def _tls(route: Route) -> list[Directive]:
    """How the certificate of an app is verified, unless the host's authorities and its address
    decide.
    """
    if route.scheme != "https":
        return []
    if not route.verify:
        return [directive("tls_insecure_skip_verify")]
    found = []
    if route.certificate:
        found.append(directive("tls_trusted_ca_certs", pinned_file(route)))
    if route.server_name:
        found.append(directive("tls_server_name", route.server_name))
    return found
