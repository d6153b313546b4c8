"""A button on the dashboard switches its links to addresses at home."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from homelab.dashboard.local import SCRIPT, pairs
from tests import build
from tests.dashboard.test_dashboard import GLANCE, PAGE
from tests.household import Changes, household

pytestmark = pytest.mark.requirement("S3-10")

PUBLISHED: Changes = {
    "services": {"vaultwarden": {"publish": "tunnel"}, "jellyfin": {"publish": "tunnel"}},
    "dashboard": {"local_links": True},
}
DIRECT = {"publish": "tunnel", "lan_direct": True}
ALONE: Changes = {
    "services": {
        "jellyfin": {"host": "workstation", "name": None, "publish": None, "routes": [DIRECT]}
    }
}


def script(*changes: Changes) -> str:
    return build.render(household(PAGE, PUBLISHED, *changes))["aurora"][SCRIPT]


def test_a_public_name_has_the_internal_name_as_its_address_at_home() -> None:
    plan = build.plan(household(PAGE, PUBLISHED))
    assert pairs(plan) == {
        "https://media-home.example.org": "https://media.home.example.org",
        "https://vault-home.example.org": "https://vault.home.example.org",
    }


def test_without_a_resolver_it_is_the_lan_address_of_a_route_that_has_one() -> None:
    """Of the other service, only the public name leads anywhere."""
    alone = household(PAGE, PUBLISHED, ALONE)
    alone["network"] = {"entry": {"host": "pi"}, "dns": {"host": None, "server": "none"}}
    plan = build.plan(alone)
    (route,) = [r for r in plan.routes if r.service == "jellyfin"]
    lan = plan.hosts["workstation"].lan
    assert lan
    assert pairs(plan) == {route.url: f"http://{lan}:8096"}


def test_links_of_the_stack_and_internal_names_stay_as_they_are() -> None:
    link = {"title": "Docs", "url": "https://docs.example.org", "group": "Tools"}
    made = pairs(build.plan(household(PAGE, PUBLISHED, {"dashboard": {"links": [link]}})))
    assert "https://docs.example.org" not in made
    assert not [url for url in made if url.startswith("https://auth.")]


@pytest.mark.parametrize("page", [{}, GLANCE])
def test_the_page_loads_the_script(page: Changes) -> None:
    files = build.render(household(PAGE, PUBLISHED, page))["aurora"]
    text = files["dashboard.nix"]
    if page:
        assert '<script src=\\"/assets/links.js\\"' in text
        assert "script = ./dashboard/links.js;" in text
        assert "lib/dashboard-pictures.nix" in files
    else:
        assert "customJS = lib.mkAfter (builtins.readFile ./dashboard/links.js);" in text
    off = build.render(household(PAGE, PUBLISHED, page, {"dashboard": {"local_links": False}}))
    assert SCRIPT not in off["aurora"]
    assert "links.js" not in off["aurora"]["dashboard.nix"]


def test_an_address_cannot_end_the_script() -> None:
    assert "<" not in script().partition("\n\n")[0]


BROWSER = """
const store = STORE;
globalThis.localStorage = { getItem: (k) => store[k] ?? null, setItem: (k, v) => { store[k] = v; } };
class Element {
  constructor(attributes) {
    Object.assign(this, { attributes, dataset: {}, style: {}, children: [], handlers: {} });
  }
  getAttribute(name) { return this.attributes[name] ?? null; }
  setAttribute(name, value) { this.attributes[name] = value; }
  append(child) { this.children.push(child); child.parentElement = this; }
  addEventListener(name, handler) { this.handlers[name] = handler; }
}
const links = LINKS.map((href) => new Element({ href }));
const clock = new Element({});
let changed;
globalThis.MutationObserver = class {
  constructor(handler) { changed = handler; }
  observe() {}
};
globalThis.document = {
  readyState: "complete",
  body: new Element({}),
  createElement: () => new Element({}),
  getElementById: (id) => (id === "information-widgets-right" && HOMEPAGE ? clock : null),
  querySelectorAll: () => links,
};
const seen = [];
const see = () => seen.push(links.map((l) => l.attributes.href));
SCRIPT
see();
const button = (HOMEPAGE ? clock : document.body).children[0];
for (const step of STEPS) {
  if (step === "click") button.handlers.click();
  else { links.push(new Element({ href: step })); changed(); }
  see();
}
console.log(JSON.stringify({ seen, store, text: button.textContent }));
"""


def browse(links: list[str], steps: list[str], store: dict[str, str], homepage: bool) -> object:
    """What a page with these links shows after each step, and what the browser remembers."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node")
    frame = BROWSER
    for name, value in {"STORE": store, "LINKS": links, "STEPS": steps}.items():
        frame = frame.replace(name, json.dumps(value))
    frame = frame.replace("HOMEPAGE", json.dumps(homepage)).replace("SCRIPT", script())
    done = subprocess.run([node, "-"], input=frame, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


VAULT = ("https://vault-home.example.org", "https://vault.home.example.org")
MEDIA = ("https://media-home.example.org", "https://media.home.example.org")
DOCS = "https://docs.example.org"


@pytest.mark.parametrize("homepage", [True, False])
def test_the_links_are_public_until_the_button_switches_them_and_back(homepage: bool) -> None:
    """A tile that appears later follows the choice as well."""
    steps = ["click", MEDIA[0], "click"]
    assert browse([VAULT[0], DOCS], steps, {}, homepage) == {
        "seen": [
            [VAULT[0], DOCS],
            [VAULT[1], DOCS],
            [VAULT[1], DOCS, MEDIA[1]],
            [VAULT[0], DOCS, MEDIA[0]],
        ],
        "store": {"homelab-links": "remote"},
        "text": "Remote",
    }


def test_the_browser_remembers_the_choice() -> None:
    assert browse([VAULT[0]], [], {"homelab-links": "local"}, homepage=True) == {
        "seen": [[VAULT[1]]],
        "store": {"homelab-links": "local"},
        "text": "Local",
    }


def test_a_button_that_switches_nothing_is_refused() -> None:
    inside: Changes = {"dashboard": {"local_links": True}}
    (problem,) = build.found(household(PAGE, inside), "local-links")
    assert problem.where == "dashboard.local_links"
    assert not build.found(household(PAGE, PUBLISHED), "local-links")
