#!/usr/bin/python3
"""Asks a server all the time and holds every reply to what is permitted: a process of its own, so
that what a test does meanwhile does not hold it up.

  watcher.py ADDRESS PORT RATE PATIENCE < commands

It asks RATE times a second and takes a query for lost after PATIENCE seconds.
The first line on standard input is {name: [[address, ...], ...]}, the permitted answers of each.
Then "mark NAME" begins a stretch, acknowledged by a line; the end of input ends it. It prints
{stretch: {"asked", "answered", "lost", "longest_ms", "wrong": [...]}}.
"""

import json
import os
import select
import socket
import struct
import sys
import time

from fast_client import meaning, packet

WINDOW = 32


class Stretch:
    def __init__(self):
        self.asked = self.answered = self.lost = 0
        self.longest, self.wrong = 0.0, []

    def json(self):
        return {"asked": self.asked, "answered": self.answered, "lost": self.lost,
                "longest_ms": round(self.longest * 1e3, 2), "wrong": self.wrong[:5]}


class Watcher:
    def __init__(self, address, port, rate, patience, plan):
        self.way = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                                 socket.SOCK_DGRAM)
        self.way.connect((address, port))
        self.way.setblocking(False)
        self.rate, self.patience, self.asked = rate, patience, 0
        self.names = list(plan)
        self.packets = [packet(name) for name in self.names]
        self.permitted = [{tuple(sorted(answer)) for answer in plan[name]} for name in self.names]
        self.under_way, self.judged = {}, {}
        self.stretches = {"start": Stretch()}
        self.now = self.stretches["start"]
        self.begun = self.last_answer = time.monotonic()

    def send(self, at):
        while len(self.under_way) < WINDOW and self.asked < (at - self.begun) * self.rate:
            ident = self.asked & 0xffff
            which = self.asked % len(self.packets)
            self.asked += 1
            self.now.asked += 1
            try:
                self.way.send(struct.pack(">H", ident) + self.packets[which])
            except OSError:  # nobody listens, or the reply to the last one said so
                self.now.lost += 1
                continue
            self.under_way[ident] = (which, at)

    def receive(self):
        while True:
            try:
                got = self.way.recv(4096)
            except BlockingIOError:
                return
            except OSError:
                continue
            at = time.monotonic()
            found = self.under_way.pop(struct.unpack_from(">H", got)[0], None)
            if found is None:
                continue
            self.now.answered += 1
            self.now.longest = max(self.now.longest, at - self.last_answer)
            self.last_answer = at
            key = found[0], got[2:]
            if key not in self.judged:
                self.judged[key] = self.judge(*key)
            if self.judged[key] is not None:
                self.now.wrong.append((round(at - self.begun, 3), self.judged[key]))

    def judge(self, which, reply):
        """None, or what is wrong."""
        rcode, answer = meaning(reply)
        values = tuple(sorted(value for *_, value in answer))
        if rcode == "NOERROR" and values in self.permitted[which]:
            return None
        return f"{self.names[which]}: {rcode} {values}"

    def expire(self, at):
        for ident in [i for i, (_, sent) in self.under_way.items() if at - sent > self.patience]:
            del self.under_way[ident]
            self.now.lost += 1

    def mark(self, name):
        at = time.monotonic()
        self.now.longest = max(self.now.longest, at - self.last_answer)
        self.now = self.stretches.setdefault(name, Stretch())
        self.last_answer = at

    def run(self):
        while True:
            at = time.monotonic()
            self.send(at)
            ready = select.select([self.way, 0], [], [], 0.001)[0]
            self.receive()
            self.expire(at)
            if 0 in ready:
                words = os.read(0, 4096).decode().split()
                if not words:
                    self.mark("end")
                    return {name: one.json() for name, one in self.stretches.items()}
                self.mark(words[1])
                print("marked", flush=True)


if __name__ == "__main__":
    PLAN = json.loads(os.read(0, 1 << 20))
    WATCHER = Watcher(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), PLAN)
    print("marked", flush=True)
    print(json.dumps(WATCHER.run()))
