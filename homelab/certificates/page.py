"""The page with the root certificate, and the steps to trust it on each system."""

from __future__ import annotations

from html import escape

ROOT_FILE = "root.crt"

STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "iPhone and iPad",
        (
            "Open this page in Safari, tap the button, and allow the download.",
            "Settings, Profile Downloaded: install it.",
            "Settings, General, About, Certificate Trust Settings: switch it on.",
        ),
    ),
    (
        "Android",
        (
            "Tap the button, and keep the file.",
            "Settings, Security, Encryption and credentials.",
            "Install a certificate: CA certificate.",
            "Choose the file.",
            "Browsers trust it from then on. Many apps do not, unless their makers let them.",
        ),
    ),
    (
        "macOS",
        (
            "Open the file with Keychain Access, in the keychain System.",
            "Open its entry, Trust, When using this certificate: Always Trust.",
        ),
    ),
    (
        "Windows",
        (
            "Open the file, Install Certificate, Local Machine.",
            "Place it in the store Trusted Root Certification Authorities.",
        ),
    ),
    (
        "Linux",
        (
            "Debian and Ubuntu: copy it to /usr/local/share/ca-certificates/homelab.crt.",
            "Then run update-ca-certificates as root.",
            "Fedora and Arch: run trust anchor root.crt as root.",
            "NixOS: add it to security.pki.certificateFiles.",
        ),
    ),
    (
        "Firefox",
        (
            "It takes the system's on Windows, macOS and Android.",
            "On Linux: Settings, Privacy and Security, View Certificates, Authorities, Import.",
        ),
    ),
)
"""What to do on each system, a step a line."""

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}"
    "a.button{display:inline-block;padding:.6rem 1rem;border:1px solid;border-radius:.4rem}"
)


def page(name: str, domain: str) -> str:
    """One page of HTML without scripts or anything from elsewhere."""
    systems = "\n".join(
        f"<h2>{escape(system)}</h2>\n<ol>\n"
        + "\n".join(f"<li>{escape(step)}</li>" for step in steps)
        + "\n</ol>"
        for system, steps in STEPS
    )
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Trust {escape(domain)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>Trust the names of {escape(domain)}</h1>
<p>Their certificates come from a private certificate authority. Each device has to trust its root
certificate once.</p>
<p><a class="button" href="/{ROOT_FILE}">Download the root certificate</a></p>
<p>This page ({escape(name)}) is not encrypted. Before you trust the file, compare its
fingerprint (SHA-256) with the one that the owner of this homelab gives you: devices show it in the
details of the certificate.</p>
{systems}
</body>
</html>
"""


def markdown() -> str:
    """The same steps for the guide of an owner's devices."""
    return "\n".join(f"- {system}: {' '.join(steps)}" for system, steps in STEPS)
