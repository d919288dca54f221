#!/usr/bin/python3
"""accepting.py ADDRESS PORT: takes TCP connections and closes them, until it is killed. Says
"ready" when it listens. Where a whole network is routed to the loopback device it is all its hosts.
"""

import contextlib
import socket
import sys

with socket.create_server((sys.argv[1], int(sys.argv[2])), backlog=4096) as listening:
    print("ready", flush=True)
    while True:
        with contextlib.suppress(OSError):
            listening.accept()[0].close()
