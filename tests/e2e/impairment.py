"""A TCP proxy that does to a channel what bad networks do: holds octets back, cuts connections in
the middle, and says what an ended connection had said once more on a new one. Seeded.
"""

import contextlib
import random
import socket
import threading
import time


class Impairment:
    """Between `listen` and `target`. Made in the namespace that it is to live in."""

    def __init__(self, listen, target, seed=1, delay_s=0.8, lives_s=(4.0, 9.0)):
        self.target, self.delay_s, self.lives_s = target, delay_s, lives_s
        self.random = random.Random(seed)
        self.closed = threading.Event()
        self.cut, self.replayed, self.delays = 0, 0, 0
        self.listening = socket.create_server(listen)
        self.threads = []
        self.run(self.accept)

    def run(self, body, *words):
        thread = threading.Thread(target=body, args=words, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        while True:
            try:
                way = self.listening.accept()[0]
            except OSError:
                return
            self.run(self.carry, way)

    def carry(self, way):
        try:
            there = socket.create_connection(self.target, timeout=5)
        except OSError:
            way.close()
            return
        said, ends = bytearray(), time.monotonic() + self.random.uniform(*self.lives_s)
        both = (way, there)
        for one in both:
            one.settimeout(0.1)
        self.run(self.pump, way, there, ends, said)
        self.pump(there, way, ends, None)
        for one in both:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        self.cut += 1
        self.replay(bytes(said))

    def pump(self, one, other, ends, said):
        with contextlib.suppress(OSError, ValueError):
            while time.monotonic() < ends and not self.closed.is_set():
                try:
                    octets = one.recv(16384)
                except TimeoutError:
                    continue
                if not octets:
                    return
                if said is not None:
                    said += octets
                time.sleep(self.random.uniform(0, self.delay_s))
                self.delays += 1
                other.sendall(octets)

    def replay(self, said):
        with contextlib.suppress(OSError):
            with socket.create_connection(self.target, timeout=5) as way:
                way.settimeout(1)
                way.sendall(said)
                while way.recv(16384):
                    pass
        self.replayed += 1

    def close(self):
        self.closed.set()
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for thread in self.threads:
            thread.join(10)
