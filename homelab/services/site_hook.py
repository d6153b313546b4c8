"""Answer the webhook of a git server: a call with the right signature asks for a build of the site.

It runs on the host of the site, with only Python. Arguments: address, port, and the file that asks
for a build; the key is the credential `key`. A call does nothing but create that file, so one build
waits at most, and nothing of a call reaches a command, a file or the journal.

Signatures are HMAC-SHA256 of the body, in hexadecimal digits: GitHub and Forgejo send
`X-Hub-Signature-256: sha256=…`, Forgejo also `X-Forgejo-Signature`, and Gitea `X-Gitea-Signature`.
"""

import hmac
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HEADERS = (
    ("X-Hub-Signature-256", "sha256="),
    ("X-Forgejo-Signature", ""),
    ("X-Gitea-Signature", ""),
)
LARGEST = 25 * 1024 * 1024
"""Bytes of the largest call of GitHub."""
CHUNK = 64 * 1024


class Hook(BaseHTTPRequestHandler):
    """One call. `key` and `request` are set before the server starts."""

    key = b""
    request_file = Path()
    timeout = 20
    server_version = "homelab"
    sys_version = ""

    def do_POST(self) -> None:
        """Answer one call."""
        size = self.headers.get("Content-Length", "")
        if not size.isascii() or not size.isdigit():
            self.answer(411, "the length of the body is missing")
        elif len(size) > 9 or int(size) > LARGEST:
            self.answer(413, "the body is too large")
        elif not self.is_signed(int(size)):
            self.answer(403, "the signature is wrong")
        else:
            self.request_file.touch()
            self.answer(202, "a build is asked for")

    def is_signed(self, size: int) -> bool:
        """Whether one of the headers has the signature of the body, which is read without being
        kept.
        """
        found = hmac.new(self.key, digestmod="sha256")
        while size > 0:
            part = self.rfile.read(min(size, CHUNK))
            if not part:
                return False
            found.update(part)
            size -= len(part)
        right = found.hexdigest().encode()
        given = [
            value.removeprefix(start).encode("utf-8", "replace")
            for name, start in HEADERS
            if (value := self.headers.get(name)) is not None and value.startswith(start)
        ]
        return any(hmac.compare_digest(one, right) for one in given)

    def answer(self, status: int, text: str) -> None:
        """Send a status with a text of ours, and note it in the journal."""
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text) + 1))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(f"{text}\n".encode())
        sys.stderr.write(f"{status}: {text}\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in Python
        """Nothing: a path is text of the caller."""


def main() -> None:
    """Take calls until the unit is stopped."""
    address, port, request = sys.argv[1:]
    key = Path(os.environ["CREDENTIALS_DIRECTORY"], "key").read_bytes().strip()
    if not key:
        sys.exit("homelab: the key of the webhook is empty")
    Hook.key, Hook.request_file = key, Path(request)
    ThreadingHTTPServer((address, int(port)), Hook).serve_forever()


if __name__ == "__main__":
    main()
