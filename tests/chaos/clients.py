"""Clients that keep a record of every acknowledgement. What got none is sent again with the same key until it is answered, so
in the end every request is known to have had its one effect, or none."""
import http.client, json, threading, time, uuid
from patience import PATIENCE
from shapes import SECRET, ask

TOKENS = ["tok_ok"] * 12 + ["tok_declined", "tok_insufficient_funds", "tok_duplicate_webhook", "tok_wrong_amount", "tok_slow",
                            "tok_timeout_then_success"]
SKUS = [f"CHAOS-{n}" for n in range(8)]
SCARCE = "SCARCE"  # more is asked for than there is
PRICE = {sku: 100 + 37 * n for n, sku in enumerate([*SKUS, SCARCE])}
DONE = (200, 201, 202)
UNITS = {**{sku: 1_000_000 for sku in SKUS}, SCARCE: 150}


class Request:
    """One write under one key. `answer` is the first one that settled it."""

    def __init__(self, kind, path, body, about=None):
        self.kind, self.path, self.body, self.about = kind, path, body, about
        self.key, self.answer, self.sent = uuid.uuid4().hex, None, 0

    def is_settled(self):
        return self.answer is not None

    def told(self):
        """All about it, to be written down."""
        return {"kind": self.kind, "path": self.path, "key": self.key, "body": self.body, "sent": self.sent, "answer": self.answer}


class Record:
    """What all clients know, and what it must add up to."""

    def __init__(self):
        self.lock, self.requests, self.complaints = threading.Lock(), [], []
        self.open, self.orders, self.failures = [], {}, 0  # failures: answers that say so

    def add(self, request):
        with self.lock:
            self.requests.append(request)
            self.open.append(request)

    def fail(self):
        with self.lock:
            self.failures += 1

    def complain(self, what):
        with self.lock:
            self.complaints.append(what)

    def settle(self, request, status, body):
        """The first answer counts. But two clients may send one request at the same time, and a refusal is not kept under its
        key: then one may be refused, and the other, a moment later, be done."""
        with self.lock:
            is_done = status in DONE
            if request.answer is not None and (not is_done or request.answer[0] in DONE):
                return
            if request.answer is None:
                self.open.remove(request)
            request.answer = (status, body)
            if request.kind == "order" and is_done:
                self.orders[body["id"]] = request

    def of_kind(self, kind, statuses=DONE):
        with self.lock:
            return [one for one in self.requests if one.kind == kind and one.answer and one.answer[0] in statuses]


def send(address, record, request, wait=None, timeout=15 * PATIENCE):
    """True when it was settled. Refusals that may pass (429, 503) and failures of the shop (500) settle nothing."""
    headers = {"Idempotency-Key": request.key}
    if wait is not None:
        headers["Prefer"] = f"wait={wait}"
    request.sent += 1
    try:
        status, body, _ = ask(address, "POST", request.path, request.body, headers, timeout)
    except (OSError, http.client.HTTPException):
        return False
    if status in (429, 500, 502, 503, 504):
        record.fail()
        return False
    if status not in (*DONE, 409, 422, 404, 412):
        record.complain(f"{request.path} answered {status}: {body}")
    record.settle(request, status, body)
    return True


def order(lines, token="tok_ok", capture="automatic", buyer=0):
    """`lines` are SKUs with their quantities."""
    return Request("order", "/v1/orders", {
        "currency": "GBP", "customer": {"email": f"buyer-{buyer}@example.org", "name": "A. Buyer"},
        "lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()],
        "payment": {"provider": "simulator", "token": token, "capture": capture}})


def place(random):
    skus = [SCARCE] if random.random() < 0.15 else random.sample(SKUS, random.choice([1, 2]))
    buyer = random.randrange(10**9)
    lines = {sku: random.randint(1, 3) for sku in skus}
    return order(lines, random.choice(TOKENS), "manual" if random.random() < 0.1 else "automatic", buyer)


def follow_up(random, record):
    """Something about an order that was acknowledged; nothing when there is none yet."""
    with record.lock:
        ids = list(record.orders)[-60:]
    if not ids:
        return None
    order = random.choice(ids)
    kind = random.choice(["cancel", "refunds", "fulfilments", "capture"])
    body = {"cancel": {"reason": "chaos"}, "refunds": {"amount": {"amount": random.randint(1, 60), "currency": "GBP"}},
            "fulfilments": {}, "capture": {}}[kind]
    return Request(kind, f"/v1/orders/{order}/{kind}", body, order)


def adjust(random):
    sku = random.choice(SKUS)
    return Request("adjust", f"/v1/inventory/{sku}/adjustments", {"delta": random.randint(1, 9), "reason": "received"}, sku)


def work(address, record, random, until, pause=0, waits=(None, 0, 1, 2)):
    """One client: until the time is over or nobody answers any more; with a pause of so many seconds between two requests, about."""
    while time.monotonic() < until():
        dice = random.random()
        request = follow_up(random, record) if dice < 0.25 else adjust(random) if dice < 0.35 else place(random)
        if request is None:
            continue
        record.add(request)
        if not send(address, record, request, wait=random.choice(waits)):
            time.sleep(0.01)
        time.sleep(pause * 2 * random.random())


def set_up(address):
    for sku, units in UNITS.items():
        product = {"handle": sku.lower(), "title": sku, "status": "active",
                   "variants": [{"sku": sku, "prices": [{"amount": PRICE[sku], "currency": "GBP"}]}]}
        status, body, _ = ask(address, "POST", "/v1/products", product)
        assert status == 201, body
        status, body, _ = ask(address, "POST", f"/v1/inventory/{sku}/adjustments", {"delta": units, "reason": "received"},
                              {"Idempotency-Key": "first-" + sku})
        assert status == 201, body


def resolve(address, record, patience=30):
    """Sends what has no answer yet until it has one."""
    end = time.monotonic() + patience * PATIENCE
    while True:
        with record.lock:
            left = list(record.open)
        left = [request for request in left if not send(address, record, request, timeout=10 * PATIENCE)]
        if not left:
            return
        if time.monotonic() > end:
            raise RuntimeError(f"{len(left)} requests are not answered, the first of {left[0].path}")
        time.sleep(0.05)


def get(address, path):
    status, body, _ = ask(address, "GET", path, timeout=600)  # an audit takes a second for some 30,000 events
    if status != 200:
        raise RuntimeError(f"GET {path} answered {status}: {body}")
    return body


def quiesce(address, patience=60, audit=None):
    """Waits until every process has ended and nothing is in flight; the audit's report then, which the shop gives unless `audit` does."""
    audit = audit or (lambda: get(address, "/v1/audit"))
    end = time.monotonic() + patience * PATIENCE
    while True:
        running = get(address, "/v1/processes?status=running")["data"]
        if not running:
            report = audit()
            if not report["checked"]["in_flight"]:
                return report
        if time.monotonic() > end:
            raise RuntimeError(f"{len(running)} processes have not ended: " + ", ".join(one["id"] for one in running[:5]) if running
                               else f"{report['checked']['in_flight']} events are in flight")
        time.sleep(0.05)


def compare(address, record, report, replay_share, random, seen=()):
    """Lost, doubled and oversold, of what the clients know and the shop says. Everything is settled and at rest. All orders are counted,
    and those looked at that were not `seen` before."""
    lost = doubled = oversold = 0
    notes = []
    placed = record.of_kind("order")
    for request in placed:
        if request.answer[1]["id"] in seen:
            continue
        status, order, _ = ask(address, "GET", "/v1/orders/" + request.answer[1]["id"])
        total = sum(PRICE[line["sku"]] * line["quantity"] for line in request.body["lines"])
        if status != 200:
            lost += 1
            notes.append(f"order {request.answer[1]['id']} was acknowledged and answers {status}")
        elif order["total"]["amount"] != total:
            notes.append(f"order {order['id']} costs {order['total']['amount']}, not {total}")
        elif order["status"] == "placed":
            notes.append(f"order {order['id']} has not ended")
        if random.random() < replay_share:
            status, again, _ = ask(address, "POST", request.path, request.body, {"Idempotency-Key": request.key})
            if status not in DONE or again["id"] != request.answer[1]["id"]:
                doubled += 1
                notes.append(f"the key of order {request.answer[1]['id']} gives {status} {again}")
    ids = [request.answer[1]["id"] for request in placed]
    doubled += len(ids) - len(set(ids))
    if report["checked"]["orders"] > len(set(ids)):
        doubled += report["checked"]["orders"] - len(set(ids))
        notes.append(f"the shop has {report['checked']['orders']} orders, the clients know of {len(set(ids))}")
    for sku, units in UNITS.items():
        received = units + sum(one.body["delta"] for one in record.of_kind("adjust") if one.about == sku)
        stock = get(address, f"/v1/inventory/{sku}")
        if stock["available"] < 0:
            oversold -= stock["available"]
            notes.append(f"{sku} is oversold: {stock}")
        record_on_hand = received - shipped(address, record, sku)
        if stock["on_hand"] != record_on_hand:
            lost += stock["on_hand"] < record_on_hand
            doubled += stock["on_hand"] > record_on_hand
            notes.append(f"{sku} has {stock['on_hand']} on hand; {record_on_hand} were received and not sent")
    notes += record.complaints + report["findings"]
    return {"lost": lost, "doubled": doubled, "oversold": oversold, "notes": notes}


def shipped(address, record, sku):
    """Units of an SKU that left with the orders' fulfilments, by the answers that the clients got."""
    units = 0
    done = {request.about for request in record.of_kind("fulfilments")}
    for order_id in done:
        order = record.orders[order_id]
        units += sum(line["quantity"] for line in order.body["lines"] if line["sku"] == sku)
    return units
