"""How people sign in to the programs of the catalog, through the reverse proxy."""

from __future__ import annotations

import json
import subprocess

from tests.programs.apps import OWNER, SECRET, Check, Door, Here, basic, forward


def basic_sign_in(path: str, user: str, password: str, shows: str) -> Check:
    """HTTP's own sign-in: the app asks for a password and accepts only the right one."""

    def check(door: Door) -> None:
        browser = door.stranger()
        assert browser.ask(path).status == 401
        assert browser.ask(path, Authorization=basic(user, "another one")).status == 401
        page = browser.ask(path, Authorization=basic(user, password))
        assert page.status == 200, page
        assert shows in page.text, page.text[:500]

    return check


def of_radicale(door: Door) -> None:
    """A phone sends the password with each request."""
    phone = door.stranger()
    assert phone.ask("/.web/").status == 200
    assert phone.ask("/sam/", "PROPFIND").status == 401
    assert phone.ask("/sam/", "PROPFIND", Authorization=basic(OWNER, "another one")).status == 401
    found = phone.ask("/sam/", "PROPFIND", Depth="0", Authorization=basic(OWNER, SECRET))
    assert found.status == 207, found
    assert "/sam/" in found.text


def of_registry(door: Door) -> None:
    """A container program asks for the API, and is asked for a password."""
    podman = door.stranger()
    assert podman.ask("/v2/").status == 401
    assert podman.ask("/v2/_catalog", Authorization=basic(OWNER, "another one")).status == 401
    found = podman.ask("/v2/_catalog", Authorization=basic(OWNER, SECRET))
    assert (found.status, found.text.strip()) == (200, '{"repositories":[]}')
    # The upload of a layer returns to the address that people use.
    upload = podman.ask("/v2/a/blobs/uploads/", "POST", Authorization=basic(OWNER, SECRET))
    assert upload.status == 202, upload
    assert upload.location.startswith(f"https://{door.host}/v2/a/blobs/uploads/")


def of_deluge(door: Door) -> None:
    """Its page sends the password to its API."""
    browser = door.stranger()

    def call(method: str, *params: str) -> str:
        said = {"method": method, "params": params, "id": 1}
        return browser.ask("/json", "POST", json_=said).text

    assert "Deluge" in browser.ask("/").text
    assert '"result": false' in call("auth.login", "another one")
    assert '"code": 1' in call("web.get_hosts")
    assert '"result": true' in call("auth.login", "deluge")
    assert '"error": null' in call("web.get_hosts")


def of_syncthing(door: Door) -> None:
    """The auth proxy stands before its pages; its own check of names accepts the route's name."""
    forward("/", "Syncthing")(door)
    page = door.signed_in()
    assert page.ask("/").status == 200
    # Its pages send the token of their cookie with each call.
    name, value = next((k, v) for k, v in page.cookies.items() if k.startswith("CSRF-Token"))
    status = page.ask("/rest/system/status", **{f"X_{name}": value})
    assert status.status == 200, status
    assert '"myID"' in status.text


def of_transmission(door: Door) -> None:
    """Its page is behind the auth proxy; its API, which other programs call, is not."""
    forward("/transmission/web/", "Transmission")(door)
    api = door.stranger()
    # It refuses a name that it does not know with 421, before it gives out its token.
    asked = api.ask("/transmission/rpc", "POST", json_={"method": "session-get"})
    assert asked.status == 409, asked
    token = asked.text.partition("X-Transmission-Session-Id: ")[2].partition("<")[0]
    found = api.ask(
        "/transmission/rpc",
        "POST",
        json_={"method": "session-get"},
        X_Transmission_Session_Id=token,
    )
    assert '"result":"success"' in found.text, found.text


def of_ntfy(door: Door) -> None:
    """Phones send the password with each request; without one no topic can be read or written."""
    phone = door.stranger()
    assert phone.ask("/alerts", "POST", form="hello").status == 403
    assert phone.ask("/alerts/json?poll=1").status == 403
    assert phone.ask("/v1/account", Authorization=basic(OWNER, "another one")).status == 401
    account = phone.ask("/v1/account", Authorization=basic(OWNER, SECRET))
    assert '"username":"sam"' in account.text
    sent = phone.ask("/alerts", "POST", form="hello", Authorization=basic(OWNER, SECRET))
    assert sent.status == 200
    read = phone.ask("/alerts/json?poll=1", Authorization=basic(OWNER, SECRET))
    assert '"message":"hello"' in read.text


def of_headscale(door: Door) -> None:
    """A program of the owner sends a key of its API."""
    caller = door.stranger()
    assert caller.ask("/api/v1/user").status == 401
    key = made(door.here, "headscale", "--config", "headscale.yaml", "apikeys", "create")
    found = caller.ask("/api/v1/user", Authorization=f"Bearer {key.split()[-1]}")
    assert (found.status, json.loads(found.text)) == (200, {"users": []}), found.text
    # A client asks for the key with which it encrypts its registration.
    assert '"publicKey":"mkey:' in caller.ask("/key?v=109").text


def of_actual(door: Door) -> None:
    """The first visitor sets the password, and everybody else needs it."""
    browser = door.stranger()
    assert "<title>Actual</title>" in browser.ask("/").text
    if '"bootstrapped":false' in browser.ask("/account/needs-bootstrap").text:
        browser.ask("/account/bootstrap", "POST", json_={"password": SECRET})
    wrong = browser.ask("/account/login", "POST", json_={"password": "another one"})
    assert wrong.status == 400, wrong
    right = browser.ask("/account/login", "POST", json_={"password": SECRET})
    token = str(json.loads(right.text)["data"]["token"])
    assert browser.ask("/account/validate").status == 401
    assert browser.ask("/account/validate", X_ACTUAL_TOKEN=token).status == 200


def of_calibre(door: Door) -> None:
    """The auth proxy names the person, whom the app then knows; readers have passwords."""
    door.is_shut("/")
    page = door.signed_in().ask("/me")
    assert page.status in (200, 302), page
    assert "login" not in page.location, page
    reader = door.stranger().ask("/opds")
    # Without a library the app wants one; the auth proxy lets its readers through.
    assert reader.location == "/admin/dbconfig", reader


def of_synapse(door: Door) -> None:
    """An app signs in with a password, and the server says who it is."""
    app = door.stranger()
    made(
        door.here,
        "register_new_matrix_user",
        "-c",
        "homeserver.yaml",
        "-u",
        f"sam-{door.proxy.kind}",
        "-p",
        SECRET,
        "--no-admin",
        f"http://127.0.0.1:{door.here.port}",
    )
    who = {"type": "m.id.user", "user": f"sam-{door.proxy.kind}"}
    ask = {"type": "m.login.password", "identifier": who, "password": "another one"}
    assert app.ask("/_matrix/client/v3/login", "POST", json_=ask).status == 403
    right = app.ask("/_matrix/client/v3/login", "POST", json_={**ask, "password": SECRET})
    assert right.status == 200, right.text
    said = json.loads(right.text)
    assert said["user_id"] == f"@sam-{door.proxy.kind}:{door.host}"
    assert said["well_known"]["m.homeserver"]["base_url"] == f"https://{door.host}/"
    token = f"Bearer {said['access_token']}"
    assert app.ask("/_matrix/client/v3/account/whoami").status == 401
    assert app.ask("/_matrix/client/v3/account/whoami", Authorization=token).status == 200
    # Other servers learn its port, and nobody makes an account.
    assert f'"{door.host}:443"' in app.ask("/.well-known/matrix/server").text
    assert app.ask("/_matrix/client/v3/register", "POST", json_={}).status == 403


def made(here: Here, *words: str) -> str:
    """The output of a command of the owner in the program's directory."""
    done = subprocess.run(words, cwd=here.directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
