"""A TCP relay in this process: delay, rate, and a path that goes dead without saying so."""
import collections
import socket
import struct
import threading
import time

PIECE = 16 * 1024


class Relay:
    """Relays every connection to `target`.

    `delay` is that of each direction, in seconds; `rate` is that of each, in bytes per second.
    """

    def __init__(self, target, delay=0.0, rate=None):
        host, port = target.rsplit(":", 1)
        self.target = (host, int(port))
        self.delay, self.rate = delay, rate
        # While it is clear, nothing passes.
        self.passing = threading.Event()
        self.passing.set()
        self.sockets = []
        self.closed = False
        self.listener = socket.create_server(("127.0.0.1", 0))
        if rate:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
                far = socket.socket()
                if self.rate:
                    far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024)
                    far.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
                    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
                far.connect(self.target)
            except OSError:
                if self.closed:
                    return
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets += [near, far]
            Way(self, near, far).start()
            Way(self, far, near).start()

    def freeze(self):
        """From now on nothing passes, and both ends stay as they are."""
        self.passing.clear()

    def thaw(self):
        self.passing.set()

    def cut(self, reset):
        """Ends every connection, by reset or by an orderly end."""
        for end in self.sockets:
            try:
                if reset:
                    abort(end)
                else:
                    end.shutdown(socket.SHUT_RDWR)
                    end.close()
            except OSError:
                pass

    def close(self):
        self.closed = True
        self.passing.set()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.cut(reset=False)


def abort(end):
    """Resets a connection, although a thread may wait for its bytes: that one holds it open."""
    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    end.shutdown(socket.SHUT_RD)
    end.close()


class Way:
    """One direction of a connection: one thread reads, another writes when it is time."""

    def __init__(self, relay, source, sink):
        self.relay, self.source, self.sink = relay, source, sink
        self.pieces = collections.deque()
        self.news = threading.Condition()

    def start(self):
        threading.Thread(target=self.read, daemon=True).start()
        threading.Thread(target=self.write, daemon=True).start()

    def read(self):
        rate = self.relay.rate
        while True:
            try:
                piece = self.source.recv(min(PIECE, max(256, int(rate / 10))) if rate else PIECE)
            except OSError:
                piece = None
            with self.news:
                self.pieces.append((time.monotonic() + self.relay.delay, piece))
                self.news.notify()
            if not piece:
                return
            if rate:
                time.sleep(len(piece) / rate)

    def write(self):
        while True:
            with self.news:
                while not self.pieces:
                    self.news.wait()
                due, piece = self.pieces.popleft()
            time.sleep(max(0.0, due - time.monotonic()))
            self.relay.passing.wait()
            try:
                if piece is None:
                    # What failed on one side fails on the other.
                    abort(self.sink)
                elif piece:
                    self.sink.sendall(piece)
                    continue
                else:
                    self.sink.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            return
