"""What a script has set up on the machine, written down before each step, so that it can be taken
down again by another process, also after a crash. Used by tools/lab and tools/quickstart; root.

A step is a kind and its parameters. Steps are undone in reverse order; undoing is idempotent, so a
step that was written down but never made does no harm.
"""

import contextlib
import ctypes
import errno
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import hugepages

PATIENCE_SECONDS = 10.0  # how long a process may take to end after SIGTERM


class Journal:
    """A list of steps in FOLDER/state.json; the folder itself is undone last."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.path = self.folder / "state.json"
        self.facts = {}  # what the script wants to find again: addresses, names
        self.steps = []

    @classmethod
    def create(cls, folder):
        """Makes the folder, which must not exist; FileExistsError when it does."""
        journal = cls(folder)
        journal.folder.mkdir(parents=True, mode=0o755)
        journal.save()
        return journal

    @classmethod
    def load(cls, folder):
        """The journal in `folder`; empty when its writer crashed in the very first moment."""
        journal = cls(folder)
        with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
            saved = json.loads(journal.path.read_text())
            journal.facts, journal.steps = saved["facts"], saved["steps"]
        return journal

    def save(self):
        # By rename, so that a reader finds the old or the new state, never half of one.
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps({"facts": self.facts, "steps": self.steps}, indent=1) + "\n")
        new.rename(self.path)

    def add(self, kind, **parameters):
        """Writes a step down; the caller makes it after this returned. Returns the step, which may
        be changed and saved again once more is known (a process id)."""
        assert kind in UNDO, kind
        step = {"kind": kind, **parameters}
        self.steps.append(step)
        self.save()
        return step

    def undo_all(self):
        """Takes everything down, newest first. Returns the sentences of what could not be undone;
        the journal and its folder stay if there are any."""
        complaints = []
        for step in reversed(list(self.steps)):
            try:
                UNDO[step["kind"]](step)
                self.steps.remove(step)
                self.save()
            except (OSError, subprocess.SubprocessError) as error:
                complaints.append(f"{step['kind']} {step}: {error}")
        if not complaints:
            shutil.rmtree(self.folder, ignore_errors=True)
        return complaints


def start_ticks(pid):
    """When a process started, in clock ticks since boot; None when there is none. With it a process
    id that was given to another process since is not mistaken for ours."""
    try:
        # The second field may hold spaces and parentheses; what follows the last one is regular.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid, started):
    """Whether the process that started at `started` still runs (a zombie does not)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z" and start_ticks(pid) == started


def stop_processes(processes, patience=PATIENCE_SECONDS):
    """Ends processes given as (pid, start ticks): SIGTERM, then SIGKILL for those that stay."""
    for sent, limit in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0)):
        left = [process for process in processes if is_running(*process)]
        for pid, _ in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)
        deadline = time.monotonic() + limit
        while any(is_running(*process) for process in left):
            if time.monotonic() > deadline:
                break
            reap(left)
            time.sleep(0.02)
        reap(left)
    left = [pid for pid, started in processes if is_running(pid, started)]
    if left:
        raise OSError(errno.EBUSY, f"processes {left} do not end")


def reap(processes):
    """Takes in those that are children of ours and ended."""
    for pid, _ in processes:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def pids_in_namespace(name):
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True,
                            check=False)
    return [int(pid) for pid in listed.stdout.split() if int(pid) != os.getpid()]


def empty_namespace(name):
    """Ends what runs in a namespace of ours: it was started for us, recorded or not."""
    stop_processes([(pid, start_ticks(pid)) for pid in pids_in_namespace(name)], patience=2.0)


def undo_process(step):
    if step["pid"]:
        stop_processes([(step["pid"], step["started"])])
    # Its children outlive a supervisor that was killed, and would keep mounts busy.
    for name in step["namespaces"]:
        empty_namespace(name)


def undo_namespace(step):
    name = step["name"]
    if not Path(f"/run/netns/{name}").exists():
        return
    empty_namespace(name)
    subprocess.run(["ip", "netns", "del", name], check=True, capture_output=True, text=True)


def undo_mount(step):
    path = Path(step["path"])
    if path.is_mount():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.umount2(os.fsencode(path), 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"cannot unmount {path}: {os.strerror(number)}")
    if not step["keep_folder"]:
        with contextlib.suppress(FileNotFoundError):
            path.rmdir()


def undo_folder(step):
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(step["path"])


UNDO = {
    "folder": undo_folder,
    "hugepages": hugepages.give_back,
    "mount": undo_mount,
    "namespace": undo_namespace,
    "process": undo_process,
}
