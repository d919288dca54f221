"""Endpoints for health checks: small servers on loopback that do what a test tells them, also
while connections are open.
"""

import contextlib
import socket
import threading
import time

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
REPLIES = {"pass": HEAD + b"Content-Length: 2\r\n\r\nok",
           "fail": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"}
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
HUNDRED_MB = 100_000_000
# What comes first, the same part again and again, octets in all. No body holds "ok" early enough.
FLOODS = {"endless": (HEAD, b"X-More: " + b"x" * 1000 + b"\r\n", 64 << 20),
          "endless-body": (CHUNKED, b"1000\r\n" + b"x" * 4096 + b"\r\n", 1 << 30),
          "tiny-chunks": (CHUNKED, b"1;" + b"y" * 1000 + b"\r\nx\r\n", 64 << 20),
          "large-body": (HEAD + b"Content-Length: %d\r\n\r\n" % HUNDRED_MB, b"x" * 10_000,
                         HUNDRED_MB)}
DRIPS = {"drip": HEAD + b"X-Slow: " + b"x" * 4096, "drip-body": CHUNKED + b"1\r\nx\r\n" * 4096}


class Endpoint:
    """Modes: pass (200), fail (503), refuse (no listener: RST), hang (takes the request, says
    nothing), drip and drip-body (an octet every 40 ms, without an end), and FLOODS."""

    def __init__(self, address="127.0.0.1", mode="pass", port=0):
        self.address, self.port, self.mode = address, port, mode
        self.listening, self.closed = None, threading.Event()
        self.changed = threading.Event()
        self.taken, self.most_sent = 0, 0
        self.open()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        if mode == "refuse":
            self.set(mode)

    def open(self):
        self.listening = socket.create_server((self.address, self.port), backlog=256)
        self.port = self.listening.getsockname()[1]

    def set(self, mode):
        """@return time.monotonic() of the change."""
        before, self.mode = self.mode, mode
        if mode == "refuse" and self.listening:
            self.shut()
        elif mode != "refuse" and before == "refuse":
            self.open()
        self.changed.set()
        return time.monotonic()

    def shut(self):
        listening, self.listening = self.listening, None
        if listening:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def serve(self):
        while not self.closed.is_set():
            listening = self.listening
            if listening is None:
                self.changed.wait(0.05)
                self.changed.clear()
                continue
            try:
                way = listening.accept()[0]
            except OSError:
                continue
            self.taken += 1
            threading.Thread(target=self.talk, args=(way,), daemon=True).start()

    def talk(self, way):
        with way, contextlib.suppress(OSError):
            way.settimeout(5)
            mode, asked = self.mode, b""
            while b"\r\n\r\n" not in asked:
                got = way.recv(4096)
                if not got:
                    return
                asked += got
            if mode in REPLIES:
                way.sendall(REPLIES[mode])
            elif mode == "hang":
                way.recv(1)  # until the checker gives up
            elif mode in DRIPS:
                head = 0 if mode == "drip" else len(CHUNKED)
                way.sendall(DRIPS[mode][:head])
                for octet in DRIPS[mode][head:]:
                    way.sendall(bytes((octet,)))
                    if self.closed.wait(0.04):
                        return
            elif mode in FLOODS:
                head, part, most = FLOODS[mode]
                way.sendall(head)
                sent = 0
                while not self.closed.is_set() and sent < most:
                    way.sendall(part)
                    sent += len(part)
                    self.most_sent = max(self.most_sent, sent)

    def close(self):
        self.closed.set()
        self.shut()
        self.changed.set()
        self.thread.join(5)
