"""Measures a fleet on this machine, all its servers on the same cores: what it does beside one process, what its gateway
costs beside nginx and HAProxy, and which part of the processor goes to whom."""
import concurrent.futures, contextlib, http.client, json, os, pathlib, re, shutil, signal, socket, subprocess, sys, time, uuid

from measuring import BUILD, PUBLISHABLE, SECRET, load, middle, nginx, say

SKUS = 1_000  # that orders are of
SERVICES = ["catalog", "ordering", "payment", "notification", "agents"]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Stack:
    def __init__(self, folder):
        self.folder = folder + "/stack"
        os.mkdir(self.folder)
        environment = {**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE}
        self.process = subprocess.Popen([BUILD / "stoa", "up", "--stack", "--data", self.folder, "--port", str(free_port())],
                                        env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.process.stdout:
            if found := re.search(r"Stoa listens on http://[\d.]+:(\d+)", line):
                self.port = int(found.group(1))
                return
        sys.exit("bench: the stack did not start: ./dev servers installs what it needs; see " + self.folder + "/logs")

    def rows(self):
        return json.loads(subprocess.run([BUILD / "stoa", "ps", "--json", "--data", self.folder], capture_output=True, text=True, check=True).stdout)

    def port_of(self, name):
        return next(int(row["url"].rsplit(":", 1)[1]) for row in self.rows() if row["name"] == name)

    def metrics(self, service):
        text = ask(self.port_of(service + "-1"), "GET", "/metrics")[1].decode()
        return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.M)}

    def cpu_seconds(self):
        """Of our processes, and of the servers with all their children."""
        parents, ticks = {}, {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
                parents[int(pid)], ticks[int(pid)] = int(fields[1]), sum(map(int, fields[11:15]))
        kinds = {row["pid"]: row["kind"] for row in self.rows()}
        seconds = {"service": 0.0, "server": 0.0}
        for pid in ticks:
            at = pid
            while at in parents and at not in kinds:
                at = parents[at]
            if at in kinds:
                seconds[kinds[at]] += ticks[pid] / os.sysconf("SC_CLK_TCK")
        return seconds

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)


def ask(port, method, path, body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, json.dumps(body) if body else None,
                       {"Authorization": "Bearer " + SECRET, "Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read()


def fill(port):
    def product(i):
        ask(port, "POST", "/v1/products", {"handle": f"product-{i}", "title": f"Product {i}", "status": "active",
                                           "variants": [{"sku": f"SKU-{i}", "prices": [{"amount": 950, "currency": "GBP"}]}]})
        status, body = ask(port, "POST", f"/v1/inventory/SKU-{i}/adjustments", {"delta": 100_000_000, "reason": "received"},
                           **{"Idempotency-Key": uuid.uuid4().hex})
        assert status == 201, body

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(product, range(SKUS)))
    order = {"currency": "GBP", "customer": {"email": "a@example.org", "name": "A"}, "payment": {"provider": "simulator", "token": "tok_ok"},
             "lines": [{"sku": f"SKU-{i}", "quantity": 1} for i in range(0, SKUS, 10)]}
    until = time.monotonic() + 60
    while ask(port, "POST", "/v1/orders", order, **{"Idempotency-Key": uuid.uuid4().hex})[0] == 422:
        assert time.monotonic() < until
        time.sleep(0.2)


def orders(table, stack, seconds, runs):
    seen, ours, servers, batches = [], [], [], {name: [] for name in SERVICES}
    for _ in range(runs):
        before, metrics = stack.cpu_seconds(), {name: stack.metrics(name) for name in SERVICES}
        seen.append(load(stack.port, "orders", seconds, "--key", SECRET, "--expect", "confirmed", "--range", SKUS, "--connections", 256))
        after = stack.cpu_seconds()
        count = seen[-1]["per_s"] * (seconds + 1)  # with those of the second before
        ours.append((after["service"] - before["service"]) * 1e6 / count)
        servers.append((after["server"] - before["server"]) * 1e6 / count)
        for name in SERVICES:
            now = stack.metrics(name)
            batches[name].append(count / max(1, now["stoa_commits_total"] - metrics[name]["stoa_commits_total"]))
    rate = middle(seen, "per_s")
    table.add("orders_per_s", rate, "orders/s, placed to confirmed, 256 connections", None, None, 1_500)
    table.add("order_p99_ms", middle(seen, "p99_ms"), "ms, at that rate")
    table.add("order_cpu_us", sorted(ours)[len(ours) // 2], "µs of our processes", None, None, 600, True)
    table.add("order_servers_cpu_us", sorted(servers)[len(servers) // 2], "µs of the servers")
    for name in SERVICES:
        table.add(f"orders_per_commit_{name}", sorted(batches[name])[len(batches[name]) // 2], "orders to a commit of the service")
    return rate


@contextlib.contextmanager
def haproxy(folder, to):
    if not shutil.which("haproxy"):
        yield None
        return
    port, conf = free_port(), pathlib.Path(folder, "haproxy.cfg")
    conf.write_text(f"""global
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  default_backend out
backend out
  server one 127.0.0.1:{to}
""")
    process = subprocess.Popen(["haproxy", "-f", str(conf)], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


def gateway(table, stack, folder, seconds, runs):
    """The same product of the same process, as it is and through each; in turns."""
    behind = stack.port_of("catalog-1")
    pathlib.Path(folder, "upstream").mkdir(exist_ok=True)
    get = ["--key", PUBLISHABLE, "--target", "/v1/products/product-1"]
    ways = {"direct": behind, "gateway": stack.port}
    with nginx(folder, f"proxy_pass http://127.0.0.1:{behind}; proxy_http_version 1.1; proxy_set_header Connection '';") as by_nginx, \
            haproxy(folder, behind) as by_haproxy:
        if by_nginx:
            ways["nginx"] = by_nginx
        if by_haproxy:
            ways["HAProxy"] = by_haproxy
        full, calm = {way: [] for way in ways}, {way: [] for way in ways}
        for _ in range(runs):
            for way, port in ways.items():
                full[way].append(load(port, "get", seconds / 2, *get, "--connections", 64))
                calm[way].append(load(port, "get", seconds / 2, *get, "--connections", 4, "--rate", 500))
    rate = middle(full["gateway"], "per_s")
    for way in ways:
        if way not in ("direct", "gateway"):
            table.add(f"gateway_ratio_{way.lower()}", rate / middle(full[way], "per_s"), f"of {way}'s {middle(full[way], 'per_s'):,.0f} requests/s",
                      None, None, 0.8)
    table.add("gateway_per_s", rate, "requests/s", middle(full["direct"], "per_s"), "the same without a gateway")
    added = lambda way: (middle(calm[way], "p50_ms") - middle(calm["direct"], "p50_ms")) * 1_000
    table.add("gateway_added_us", added("gateway"), "µs more at the median, 500 requests/s", None, None, 100, True)
    for way in ways:
        if way not in ("direct", "gateway"):
            table.add(f"{way.lower()}_added_us", added(way), "µs more at the median")


def measure(table, folder, seconds, runs):
    say("starting the stack")
    stack = Stack(folder)
    try:
        say(f"making {SKUS:,} products")
        fill(stack.port)
        say("orders")
        rate = orders(table, stack, seconds, runs)
        say("the gateway beside others")
        gateway(table, stack, folder, seconds, runs)
    finally:
        stack.stop()
    return rate
