"""Servers on loopback whose answers a test steers: SMTP (RFC 5321), and a provider of SMS that behaves as
Twilio's Messages resource is documented."""
import base64, contextlib, email, email.policy, http.server, json, socketserver, threading, time, urllib.parse
from patience import PATIENCE


def until(check, seconds=30):
    """What `check` gives once that is true; fails the test when it never is."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


class SmtpServer(socketserver.ThreadingTCPServer):
    """Takes mail. `replies` maps a verb, or `DATA END`, to an answer other than success; a callable is asked
    for each. `reached` is set when the whole of a message has come; then the server waits for `go_on` before
    it keeps the message, and for `answer` before it says so."""
    allow_reuse_address = daemon_threads = True

    def __init__(self, port=0):
        super().__init__(("127.0.0.1", port), SmtpSession)
        self.port = self.server_address[1]
        self.replies, self.messages, self.refused = {}, [], []
        self.reached, self.go_on, self.answer = threading.Event(), threading.Event(), threading.Event()
        self.go_on.set(), self.answer.set()

    def reply(self, verb, success):
        found = self.replies.get(verb, success)
        return found() if callable(found) else found

    def ids(self):
        return [message["Message-ID"] for message in self.messages]


class SmtpSession(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        with contextlib.suppress(OSError):
            self.talk()

    def talk(self):
        server = self.server
        self.say("220 here")
        while line := self.rfile.readline():
            verb = line.split()[0].decode().upper() if line.split() else ""
            if verb == "QUIT":
                return self.say("221 bye")
            if verb in ("EHLO", "HELO"):
                self.say("250 here")
            elif verb == "DATA":
                self.say("354 go on")
                self.take()
            else:
                self.say(server.reply(verb, "250 fine"))

    def take(self):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return
            lines.append(line[1:] if line.startswith(b".") else line)
        server = self.server
        server.reached.set()
        server.go_on.wait(60)
        reply = server.reply("DATA END", "250 kept")
        kept = server.messages if reply.startswith("2") else server.refused
        kept.append(email.message_from_bytes(b"".join(lines), policy=email.policy.default))
        server.answer.wait(60)
        self.say(reply)


class SmsServer(http.server.ThreadingHTTPServer):
    """POST /2010-04-01/Accounts/{sid}/Messages.json with basic authentication. `replies` gives a (status, code)
    for a number; a number ending in 21211 is refused, as an invalid one is."""
    daemon_threads = True
    sid, token = "AC" + "0" * 32, "secret-of-the-test"

    def __init__(self):
        super().__init__(("127.0.0.1", 0), SmsHandler)
        self.port = self.server_address[1]
        self.messages, self.replies, self.requests = [], {}, []


class SmsHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, status, code, message):
        self.answer(status, {"code": code, "message": message, "more_info": f"https://example.org/{code}", "status": status})

    def do_POST(self):
        server = self.server
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        server.requests.append(form)
        expected = "Basic " + base64.b64encode(f"{server.sid}:{server.token}".encode()).decode()
        if self.headers.get("Authorization") != expected:
            return self.refuse(401, 20003, "Authenticate")
        if self.path != f"/2010-04-01/Accounts/{server.sid}/Messages.json":
            return self.refuse(404, 20404, "The requested resource was not found")
        status, code = server.replies.get(form.get("To"), (201, 0))
        if status != 201:
            return self.refuse(status, code, f"The number {form.get('To')} cannot be reached")
        server.messages.append(form)
        self.answer(201, {"sid": "SM" + f"{len(server.messages):032x}", "status": "queued", **{k.lower(): v for k, v in form.items()}})


@contextlib.contextmanager
def serving(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
