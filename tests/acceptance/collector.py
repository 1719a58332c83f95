"""A collector of telemetry: takes OTLP over HTTP, as JSON or protobuf, and keeps all of it."""
import contextlib, http.server, json, threading, time
from patience import PATIENCE


class Collector:
    def __init__(self):
        self.requests = []  # (path, headers, body)
        self.status = 200
        self.server = None

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def bodies(self, signal):
        return [json.loads(body) for path, _, body in list(self.requests) if path == "/v1/" + signal]

    def spans(self, trace_id=None):
        found = [span for body in self.bodies("traces") for resource in body["resourceSpans"]
                 for scope in resource["scopeSpans"] for span in scope["spans"]]
        return [span for span in found if trace_id in (None, span["traceId"])]

    def records(self):
        return [record for body in self.bodies("logs") for resource in body["resourceLogs"]
                for scope in resource["scopeLogs"] for record in scope["logRecords"]]

    def metrics(self):
        """The newest value of every metric by its name."""
        return {metric["name"]: metric for body in self.bodies("metrics") for resource in body["resourceMetrics"]
                for scope in resource["scopeMetrics"] for metric in scope["metrics"]}

    def everything(self):
        return b"\n".join(body for _, _, body in list(self.requests))


@contextlib.contextmanager
def collecting():
    collector = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests.append((self.path, dict(self.headers), body))
            answer = b"{}" if "json" in self.headers["Content-Type"] else b""
            self.send_response(collector.status)
            self.send_header("Content-Type", self.headers["Content-Type"])
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    collector.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=collector.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()
        thread.join()


def eventually(ask, seconds=30):
    """Asks until the answer is true; gives it, or the last one."""
    until = time.monotonic() + seconds * PATIENCE
    while not (answer := ask()) and time.monotonic() < until:
        time.sleep(0.05)
    return answer
