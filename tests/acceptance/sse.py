"""A client of server-sent events over a plain socket, as the HTML standard parses them."""
import json, socket
from conftest import SECRET
from patience import PATIENCE


class Event:
    def __init__(self, id, type, data):
        self.id, self.type, self.data = id, type, data

    @property
    def json(self):
        return json.loads(self.data)


class Stream:
    """Reads events of one answer; `ended` tells whether the body came to its proper end."""

    def __init__(self, shop, path, key=SECRET, last_event_id=None, headers=None, version="1.1", method="GET",
                 receive_buffer=None, timeout=20):
        lines = [f"{method} {path} HTTP/{version}", "Host: shop", "Accept: text/event-stream"]
        if key:
            lines.append("Authorization: Bearer " + key)
        if last_event_id is not None:
            lines.append("Last-Event-ID: " + last_event_id)
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout * PATIENCE)
        self.socket.connect(("127.0.0.1", shop.port))
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.raw = b""
        while b"\r\n\r\n" not in self.raw:
            self._receive()
        head, self.raw = self.raw.split(b"\r\n\r\n", 1)
        status, *fields = head.decode().split("\r\n")
        self.status = int(status.split(" ")[1])
        self.headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        self.chunked = self.headers.get("transfer-encoding") == "chunked"
        self.text, self.ended, self.closed, self.comments, self.retry = "", False, False, 0, None
        self.last_event_id = ""

    def _receive(self):
        try:
            piece = self.socket.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise EOFError
        self.raw += piece

    def _more(self):
        """One chunk more of text; False at the end."""
        try:
            if not self.chunked:
                if not self.raw:
                    self._receive()
                chunk, self.raw = self.raw, b""
                self.text += chunk.decode()
                return True
            while b"\r\n" not in self.raw:
                self._receive()
            size, rest = self.raw.split(b"\r\n", 1)
            length = int(size, 16)
            while len(self.raw) < len(size) + 2 + length + 2:
                self._receive()
            chunk, self.raw = self.raw[len(size) + 2:][:length], self.raw[len(size) + length + 4:]
            self.text += chunk.decode()
            self.ended = length == 0
            return length > 0
        except EOFError:
            self.closed = True
            return False

    def next(self):
        """The next event, None at the end; blocks up to the timeout."""
        while True:
            while "\n\n" not in self.text:
                if not self._more():
                    return None
            block, self.text = self.text.split("\n\n", 1)
            fields = {}
            for line in block.split("\n"):
                name, _, value = line.partition(":")
                if not name:
                    self.comments += 1
                else:
                    fields[name] = value.removeprefix(" ")
            self.retry = fields.get("retry", self.retry)
            self.last_event_id = fields.get("id", self.last_event_id)
            if "data" in fields:
                return Event(self.last_event_id, fields.get("event", "message"), fields["data"])

    def take(self, count):
        events = [self.next() for _ in range(count)]
        assert None not in events, "the stream ended early"
        return events

    def until(self, type):
        events = [self.next()]
        while events[-1] is not None and events[-1].type != type:
            events.append(self.next())
        return events

    def body(self):
        """Of an answer that is no stream."""
        length = int(self.headers["content-length"])
        while len(self.raw) < length:
            self._receive()
        return json.loads(self.raw[:length])

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def end_of_feed(shop):
    """The cursor behind all that GET /v1/events has now."""
    after = ""
    while (page := shop.call("GET", f"/v1/events?limit=1000&after={after}").json)["data"]:
        after = page["next_after"]
    return page["next_after"]
