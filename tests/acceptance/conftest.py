"""Starts the real binary on a free port in a temporary folder, and stops it after. With `--shape fleet` the tests whose shop can
be one that all share have a whole fleet behind its gateway instead."""
import collections, contextlib, http.client, json, os, re, signal, sqlite3, subprocess, tempfile, pathlib, shutil, uuid
import pytest
from patience import PATIENCE
from servers import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
STOA = pathlib.Path(os.environ.get("STOA_BINARY", ROOT / "build" / "release" / "stoa"))
SECRET = "sk_" + "0123456789abcdef" * 2
PUBLISHABLE = "pk_" + "fedcba9876543210" * 2


def pytest_addoption(parser):
    parser.addoption("--shape", choices=["embedded", "fleet"], default="embedded",
                     help="what `shop` and `own_shop` are: a process of their own, or one fleet for all tests")


def pytest_configure(config):
    config.addinivalue_line("markers", "embedded(reason): of one process, and left out where the shop is a fleet")


def reason_to_leave_out(item):
    """Why a test cannot have the shared fleet; nothing when it can."""
    if mark := item.get_closest_marker("embedded"):
        return mark.args[0]
    if "shop_with" in item.fixturenames:
        return "starts a shop with settings of its own"
    if not {"shop", "own_shop"} & set(item.fixturenames):
        return "starts what it needs by itself"
    return None


def pytest_collection_modifyitems(config, items):
    config.left_out = collections.Counter()
    if config.getoption("--shape") == "embedded":
        return
    reasons = [reason_to_leave_out(item) for item in items]
    config.left_out.update(filter(None, reasons))
    config.hook.pytest_deselected(items=[item for item, reason in zip(items, reasons) if reason])
    items[:] = [item for item, reason in zip(items, reasons) if not reason]


def pytest_terminal_summary(terminalreporter, config):
    for reason, count in config.left_out.most_common():
        terminalreporter.write_line(f"left out of the fleet: {count} tests: {reason}")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


class Shop:
    def __init__(self, **settings):
        """Settings by their path, `Http__Threads=2`."""
        self.settings = {"STOA__" + path: str(value) for path, value in settings.items()}
        self.data = tempfile.mkdtemp(prefix="stoa-test-")
        self.process = None
        self.port = free_port()

    def environment(self):
        return {**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE, **self.settings}

    def start(self):
        self.process = subprocess.Popen(
            [STOA, "up", "--data", self.data, "--port", str(self.port)],
            stdout=subprocess.PIPE, stderr=open(self.data + "/log", "ab"), text=True, env=self.environment())
        for line in self.process.stdout:
            found = re.search(r"listens on http://[\d.]+:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                return self
        raise RuntimeError("the shop did not start: " + open(self.data + "/log").read())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=20 * PATIENCE)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def settle(self):
        """Waits until every service has taken what the others told it: in one process a write has done so when it is answered."""

    def metrics(self):
        return self.call("GET", "/metrics", key=None).body.decode()

    def logged(self):
        """All that was written to the log."""
        return open(self.data + "/log").read()

    def audit(self):
        return self.call("GET", "/v1/audit").json

    def rows(self, service, query):
        """What stands in the tables of a service."""
        with contextlib.closing(sqlite3.connect(f"file:{self.data}/shop.db?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def job_files(self, folder):
        return set(os.listdir(f"{self.data}/{folder}"))

    def run(self, *arguments):
        return subprocess.run([STOA, *arguments], capture_output=True, text=True, env=self.environment(), timeout=120 * PATIENCE)

    def call(self, method, path, body=None, key=SECRET, idempotency=None, wait=None, headers=None, raw=None, timeout=40 * PATIENCE):
        sent = dict(headers or {})
        if key:
            sent.setdefault("Authorization", "Bearer " + key)
        if idempotency:
            sent["Idempotency-Key"] = idempotency
        if wait is not None:
            sent["Prefer"] = f"wait={wait}"
        data = raw
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def product(self, sku, amount=900, units=0):
        answer = self.call("POST", "/v1/products", {
            "handle": sku.lower(), "title": sku, "status": "active",
            "variants": [{"sku": sku, "prices": [{"amount": amount, "currency": "GBP"}]}]})
        assert answer.status == 201, answer.body
        if units:
            assert self.adjust(sku, units).status == 201

    def adjust(self, sku, delta, idempotency=None, **members):
        return self.call("POST", f"/v1/inventory/{sku}/adjustments",
                         {"delta": delta, "reason": "received", **members}, idempotency=idempotency or uuid.uuid4().hex)

    def stock(self, sku):
        view = self.call("GET", f"/v1/inventory/{sku}").json
        return view["on_hand"], view["reserved"], view["available"]

    def order(self, sku, quantity=1, token="tok_ok", idempotency=None, key=SECRET, wait=30, **members):
        body = {"currency": "GBP", "customer": {"email": "a@example.org", "name": "A"},
                "lines": [{"sku": sku, "quantity": quantity}],
                "payment": {"provider": "simulator", "token": token}, **members}
        return self.call("POST", "/v1/orders", body, key=key, idempotency=idempotency or uuid.uuid4().hex, wait=wait)


@pytest.fixture
def shop_with():
    """Starts shops with settings of their own."""
    shops = []

    def start(**settings):
        shops.append(Shop(**settings))
        return shops[-1].start()

    yield start
    for shop in shops:
        shop.remove()


@pytest.fixture(scope="session")
def fleet_shop():
    """The one fleet of a session, with the settings that any of its tests asks for."""
    from fleet_shop import FleetShop
    shop = FleetShop()
    yield shop
    shop.remove()


@pytest.fixture(scope="module")
def shop(request):
    if request.config.getoption("--shape") == "fleet":
        yield request.getfixturevalue("fleet_shop")
        return
    shop = Shop(**getattr(request.module, "SETTINGS", {})).start()
    yield shop
    shop.remove()


@pytest.fixture
def own_shop(request):
    """Of the test alone where it is one process; of a fleet only its SKUs, its customers and the like are its own."""
    if request.config.getoption("--shape") == "fleet":
        shop = request.getfixturevalue("fleet_shop")
        yield shop
        shop.start_what_ended()
        return
    shop = Shop().start()
    yield shop
    shop.remove()
