"""A child process whose lines can be waited for."""
import json
import os
import signal
import subprocess
import threading
import time

from .cause import NotMade

# No line is waited for longer than this by default.
LIMIT = 60


class Process:
    def __init__(self, command, log, environment=None, folder=None):
        self.command = [str(part) for part in command]
        self.lines = []
        self.closed = False
        self.news = threading.Condition()
        # A group of its own: a keyboard interrupt is for the rig, which then ends everything.
        self.child = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True,
            env=environment, cwd=folder, start_new_session=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.child.stdout:
            with self.news:
                self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.closed = True
            self.news.notify_all()

    def wait_for(self, found, limit=LIMIT):
        """What `found` makes of the lines, once that is something."""
        deadline = time.monotonic() + limit
        with self.news:
            while (result := found(self.lines)) is None:
                left = deadline - time.monotonic()
                if self.closed or left <= 0:
                    how = "it ended" if self.closed else f"{limit} s passed"
                    raise NotMade(f"{' '.join(self.command)}: {how}, and it said {self.lines[-3:]}")
                self.news.wait(left)
            return result

    def wait_line(self, prefix, limit=LIMIT):
        """The rest of the first line that begins so."""
        return self.wait_for(lambda lines: next(
            (line[len(prefix):] for line in lines if line.startswith(prefix)), None), limit)

    def send(self, number):
        if self.child.poll() is None:
            os.kill(self.child.pid, number)

    def stop(self):
        """Stops it as a laptop's lid does."""
        self.send(signal.SIGSTOP)

    def go_on(self):
        self.send(signal.SIGCONT)

    def kill(self, number=signal.SIGKILL):
        self.send(number)

    def close(self):
        """Ends it and all that it started."""
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()


class Peer(Process):
    """A peer that says `listening ADDRESS`, and `open` for each connection."""

    def wait_address(self):
        return self.wait_line("listening ")

    def wait_open(self, limit=LIMIT):
        self.wait_for(lambda lines: True if "open" in lines else None, limit)


class Witness(Process):
    """A program of this crate that prints what happened as lines of JSON."""

    def events(self, kind, lines=None):
        events = (json.loads(line) for line in (self.lines if lines is None else lines))
        return [event for event in events if event["event"] == kind]

    def wait_address(self):
        return self.wait_events("listening")[0]["address"]

    def wait_open(self, count=1, limit=LIMIT):
        self.wait_events("open", count, limit)

    def wait_events(self, kind, count=1, limit=LIMIT):
        def found(lines):
            events = self.events(kind, lines)
            return events[:count] if len(events) >= count else None

        return self.wait_for(found, limit)

    def endings(self, count=1, limit=LIMIT):
        """The reports of so many endings."""
        return self.wait_events("ended", count, limit)
