"""Measures a fleet on this machine, all its servers on the same cores: what it does beside one process, what its gateway
costs beside nginx and HAProxy, and which part of the processor goes to whom."""
import collections, concurrent.futures, contextlib, http.client, json, math, os, pathlib, re, shutil, signal, socket
import statistics, subprocess, sys, time, uuid

import postgres_limit
from measuring import BUILD, PUBLISHABLE, SECRET, load, middle, nginx, proxy, run_json, say

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
        told = pathlib.Path(folder, "stack.log")
        self.process = subprocess.Popen([BUILD / "stoa", "up", "--stack", "--data", self.folder, "--port", str(free_port())],
                                        env=environment, stdout=subprocess.PIPE, stderr=told.open("w"), text=True)
        for line in self.process.stdout:
            if found := re.search(r"Stoa listens on http://[\d.]+:(\d+)", line):
                self.port = int(found.group(1))
                return
        sys.exit("bench: the stack did not start; ./dev servers installs what it needs\n" + told.read_text())

    def rows(self):
        return json.loads(subprocess.run([BUILD / "stoa", "ps", "--json", "--data", self.folder], capture_output=True, text=True, check=True).stdout)

    def port_of(self, name):
        return next(int(row["url"].rsplit(":", 1)[1]) for row in self.rows() if row["name"] == name)

    def metrics(self, service):
        text = ask(self.port_of(service + "-1"), "GET", "/metrics")[1].decode()
        return {name: float(value) for name, value in re.findall(r"^(\S+) (\S+)$", text, re.M)}

    def all_metrics(self):
        return {name: self.metrics(name) for name in SERVICES}

    def postgres(self):
        password = json.loads(pathlib.Path(self.folder, "stack.json").read_text())["postgres_password"]
        return postgres_limit.Postgres(self.port_of("postgres"), password)

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
        before, metrics = stack.cpu_seconds(), stack.all_metrics()
        seen.append(load_orders(stack, seconds))
        after = stack.cpu_seconds()
        count = seen[-1]["per_s"] * (seconds + 1)  # with those of the second before
        ours.append((after["service"] - before["service"]) * 1e6 / count)
        servers.append((after["server"] - before["server"]) * 1e6 / count)
        for name, now in stack.all_metrics().items():
            more = lambda what: now[what] - metrics[name][what]
            batches[name].append(more("stoa_commands_total") / max(1, more("stoa_commits_total")))
    rate = middle(seen, "per_s")
    table.add("orders_per_s", rate, "orders/s, placed to confirmed, 256 connections", None, None, 1_500)
    table.add("order_p99_ms", middle(seen, "p99_ms"), "ms, at that rate")
    table.add("order_cpu_us", statistics.median(ours), "µs of our processes", None, None, 600, True)
    table.add("order_servers_cpu_us", statistics.median(servers), "µs of the servers")
    batch = {name: statistics.median(of) for name, of in batches.items()}
    least = min(batch, key=batch.get)
    table.add("commands_per_commit", batch[least], f"commands to a commit of {least}, the fewest", None, None, 20)
    for name in SERVICES:
        table.add(f"commands_per_commit_{name}", batch[name], "commands to a commit")
    return rate


def load_orders(stack, seconds, *more):
    return load(stack.port, "orders", seconds, "--key", SECRET, "--expect", "confirmed", "--range", SKUS, "--connections", 256, *more)


LAG = re.compile(r'stoa_message_lag_seconds_bucket{le="(.+)"}')


def lag_counts(metrics):
    """Of a service, of the messages within each upper bound."""
    return {float(found.group(1)): value for name, value in metrics.items() if (found := LAG.fullmatch(name))}


def quantile(counts, share):
    """Of a histogram; as if those of a bucket were spread evenly over it."""
    bounds = sorted(counts)
    wanted, lower, below = share * counts[bounds[-1]], 0, 0
    for bound in bounds:
        if counts[bound] >= wanted and counts[bound] > below:
            return lower if bound == math.inf else lower + (bound - lower) * (wanted - below) / (counts[bound] - below)
        lower, below = bound, counts[bound]
    return 0


def lag(table, stack, rate, seconds, runs):
    seen, worst = [], {name: [] for name in SERVICES}
    for _ in range(runs):
        until_calm(stack)
        before = stack.all_metrics()
        load_orders(stack, seconds, "--rate", round(rate / 2))
        until_calm(stack)
        total = collections.Counter()
        for name, now in stack.all_metrics().items():
            counts = collections.Counter(lag_counts(now))
            counts.subtract(lag_counts(before[name]))
            worst[name].append(quantile(counts, 0.99) * 1_000)
            total.update(counts)
        seen.append(quantile(total, 0.99) * 1_000)
    slowest, slowest_ms = max(((name, statistics.median(of)) for name, of in worst.items()), key=lambda one: one[1])
    table.add("lag_p99_ms", statistics.median(seen), f"ms from commit to commit, {rate / 2:,.0f} orders/s; {slowest} {slowest_ms:.0f}",
              None, None, 20, True)


def until_calm(stack):
    """What an earlier load left behind is done."""
    until = time.monotonic() + 60
    while any(of["stoa_messages_waiting"] for of in stack.all_metrics().values()):
        assert time.monotonic() < until, "messages are still waiting"
        time.sleep(0.2)


def relay(table, stack, postgres, events, runs):
    postgres.make("bench_relay")
    seen = run_json(BUILD / "stoa_relay_rate", postgres.conninfo + " dbname=bench_relay", f"127.0.0.1:{stack.port_of('kafka')}", events, runs)
    relayed, alone = statistics.median(seen["relay_per_s"]), statistics.median(seen["alone_per_s"])
    table.add("relay_per_s", relayed, f"events/s of {seen['bytes']} bytes", alone, "librdkafka alone")
    table.add("relay_ratio", relayed / alone, "", None, None, 0.6)


def postgres_alone(table, postgres, folder, seconds, runs):
    if lacking := postgres_limit.missing():
        say(f"no pgbench rows: the package postgresql has {lacking}, which is not there")
        return
    rates = postgres_limit.measure(postgres, SERVICES, folder, seconds, runs)
    table.add("pgbench_single_per_s", rates["single"], "orders/s, PostgreSQL alone, a transaction each service and order")
    table.add("pgbench_batched_per_s", rates["batched"], f"orders/s, PostgreSQL alone, {postgres_limit.BATCH} orders a transaction")
    table.set_limit("orders_per_s", rates["batched"], f"PostgreSQL alone, batches of {postgres_limit.BATCH}")


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
    with proxy(["haproxy", "-f", str(conf)], port):
        yield port


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


def measure(table, folder, seconds, runs, relayed):
    say("starting the stack")
    stack = Stack(folder)
    try:
        say(f"making {SKUS:,} products")
        fill(stack.port)
        say("orders")
        until_calm(stack)
        load_orders(stack, 10)  # does not count: a JVM that has just started is slow
        rate = orders(table, stack, seconds, runs)
        say("orders at half that rate: how late messages are")
        lag(table, stack, rate, seconds, runs)
        say("the gateway beside others")
        gateway(table, stack, folder, seconds, runs)
        say("the relay beside librdkafka alone")
        relay(table, stack, stack.postgres(), relayed, runs)
        say("orders' rows in PostgreSQL alone")
        postgres_alone(table, stack.postgres(), folder, seconds, runs)
    finally:
        stack.stop()
    return rate
