"""Run inside a network namespace: sends, answers, and says what goes by on a wire.

Each packet is told as `udp4 53`: protocol, family, destination port.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys

MARK = 9999
"""Port of the packet that says: whatever was sent before me has gone by."""
FAMILIES = {"4": socket.AF_INET, "6": socket.AF_INET6}


def watch(wire: str) -> None:
    """Tell every packet of a wire until the mark."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as tap:
        tap.bind((wire, 0))
        tap.settimeout(20)
        print("ready", flush=True)
        while True:
            frame, sender = tap.recvfrom(4096)
            if sender[2] == socket.PACKET_OUTGOING:
                continue
            told = _told(frame)
            print(told, flush=True)
            if told == f"udp4 {MARK}":
                return


def _told(frame: bytes) -> str:
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == 0x0800:
        protocol, inner, family = frame[23], 14 + (frame[14] & 15) * 4, "4"
    elif kind == 0x86DD:
        protocol, inner, family = frame[20], 54, "6"
    else:
        return f"frame {kind:#06x}"
    name = {6: "tcp", 17: "udp"}.get(protocol)
    if name is None:
        return f"ip{family} {protocol}"
    return f"{name}{family} {struct.unpack_from('!H', frame, inner + 2)[0]}"


def send(wire: str, uid: str, gid: str, *what: str) -> None:
    """As this user and group, send each `udp4 ADDRESS PORT`; then, as root, the mark on the wire."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
        attempt(*what)
        os._exit(0)
    os.waitpid(child, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mark:
        mark.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, wire.encode())
        mark.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        mark.sendto(b"mark", ("127.0.0.1" if wire == "lo" else "255.255.255.255", MARK))


def attempt(*what: str) -> None:
    """Send each `udp4 ADDRESS PORT`, and tell how that went.

    On one processor, as the mark later, because packets of one keep their order.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    for one in what:
        print(_attempt(*one.split()), flush=True)


def _attempt(kind: str, address: str, port: str, source: str = "") -> str:
    style = socket.SOCK_STREAM if kind[:3] == "tcp" else socket.SOCK_DGRAM
    with socket.socket(FAMILIES[kind[3]], style) as out:
        out.setblocking(False)
        try:
            if source:
                out.bind((source, 0))
            out.connect((address, int(port)))
            out.send(b"hello")
        except BlockingIOError:
            return "sent"  # the first packet of a connection
        except OSError as error:
            return errno.errorcode[error.errno or 0]
    return "sent"


def serve(gid: str, address: str, port: str) -> None:
    """Answer one connection, as this group."""
    os.setgid(int(gid))
    with socket.create_server((address, int(port))) as server:
        server.settimeout(20)
        print("ready", flush=True)
        with server.accept()[0] as connection:
            connection.sendall(b"hello\n")


def ask(address: str, port: str, patience: str) -> None:
    """Connect and tell what the other side says."""
    try:
        with socket.create_connection((address, int(port)), timeout=float(patience)) as connection:
            print(connection.recv(64).decode().strip())
    except OSError as error:
        print(type(error).__name__)


if __name__ == "__main__":
    COMMANDS = {"watch": watch, "send": send, "attempt": attempt, "serve": serve, "ask": ask}
    COMMANDS[sys.argv[1]](*sys.argv[2:])
