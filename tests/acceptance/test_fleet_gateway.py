"""The gateway of a fleet: one address for all services and their replicas, also while these come, go and die."""
import http.client, json, random, signal, socket, threading, time, uuid
import pytest
from conftest import SECRET
from fleet import Fleet, Gateway
from patience import PATIENCE, judge_memory
from steered import SmtpServer, serving


@pytest.fixture(scope="module")
def fleet():
    with serving(SmtpServer()) as smtp:
        fleet = Fleet(smtp)
        yield fleet
        fleet.remove()


@pytest.fixture(scope="module")
def gateway(fleet):
    gateway = Gateway(fleet)
    try:
        yield gateway.start()
    finally:
        gateway.remove()


def test_an_order_goes_through_the_gateway(fleet, gateway):
    fleet.product("MUG", 1250, 10)
    placed = fleet.order("MUG", 2, wait=30, service=gateway)
    assert placed.json["status"] == "confirmed", placed.body
    seen = gateway.call("GET", "/v1/orders/" + placed.json["id"], headers={"Stoa-Position": placed.headers["stoa-position"], "X-Request-Id": "mine"})
    assert seen.status == 200 and seen.headers["x-request-id"] == "mine"
    assert seen.headers["etag"] and seen.headers["cache-control"] == "no-store"
    again = gateway.call("GET", "/v1/orders/" + placed.json["id"], headers={"If-None-Match": seen.headers["etag"]})
    assert again.status == 304 and not again.body
    stock = gateway.call("GET", "/v1/inventory/MUG", headers={"Stoa-Position": seen.headers["stoa-position"]})
    assert stock.json["on_hand"] == 10
    position = dict(one.split("=") for one in stock.headers["stoa-position"].split(","))
    assert int(position["ordering"]) > 0 and int(position["catalog"]) > 0, "what the client has seen of other services stays in its vector"
    payments = gateway.call("GET", f"/v1/payments?filter[order_id]={placed.json['id']}").json["data"]
    assert [one["captured"]["amount"] for one in payments] == [2500]
    assert gateway.call("GET", f"/v1/fraud/assessments/{placed.json['id']}").status == 200


def test_keys_and_unknown_paths_are_refused_at_the_edge(gateway):
    assert gateway.call("GET", "/v1/orders", key="sk_" + "0" * 32).json["code"] == "wrong_key"
    assert gateway.call("GET", "/v1/orders", key=None).json["code"] == "key_missing"
    assert gateway.call("GET", "/v1/nothing").json["code"] == "route_not_found"
    assert gateway.call("GET", "/internal/order-facts?ids=ord_1").json["code"] == "route_not_found"
    assert gateway.call("PATCH", "/v1/orders").json["code"] == "method_not_allowed"


def test_its_pages_speak_of_all_services(gateway):
    paths = gateway.call("GET", "/openapi.json", key=None).json["paths"]
    for path in ["/v1/products", "/v1/orders", "/v1/payments", "/v1/notifications", "/v1/fraud/assessments/{order_id}", "/v1/shop", "/v1/events"]:
        assert path in paths, sorted(paths)
    assert not [path for path in paths if path.startswith("/internal")]
    assert "get" in paths["/v1/orders"] and "post" in paths["/v1/orders"]
    assert gateway.call("GET", "/health/ready", key=None).status == 200
    assert gateway.call("GET", "/swagger", key=None).status in (200, 404)
    assert 'stoa_upstream_instances_well{service="catalog"} 1' in gateway.call("GET", "/metrics", key=None).body.decode()


def test_each_service_has_a_port_of_its_own(gateway):
    at = lambda name, path: Endpoint(gateway.endpoints[name]).call("GET", path)
    assert at("ordering", "/v1/orders").status == 200
    assert "/v1/orders" in at("ordering", "/openapi.json").json["paths"] and "/v1/products" not in at("ordering", "/openapi.json").json["paths"]
    assert at("catalog", "/v1/orders").status == 404
    assert at("notification", "/v1/notifications").status == 200


class Endpoint:
    def __init__(self, port):
        self.port = port

    call = Gateway.call


def test_the_feed_is_that_of_all_services(fleet, gateway):
    fleet.product("URN", 100, 10)
    fleet.sold("URN")
    order = fleet.ended(fleet.order("URN", 1, wait=30, service=gateway).json["id"])

    def feed(limit):
        after, events = "", []
        while True:
            page = gateway.call("GET", f"/v1/events?after={after}&limit={limit}").json
            after = page["next_after"]
            if not page["data"]:
                return events, after
            assert len(page["data"]) <= limit
            events += page["data"]

    events, end = feed(1000)
    assert {"catalog", "ordering", "payment", "agents"} <= {event["service"] for event in events}
    types = [event["type"] for event in events if event["subject"].endswith(order["id"][4:]) and event["service"] == "ordering"]
    assert types[0] == "ordering.OrderPlaced.v1" and "ordering.OrderConfirmed.v1" in types
    for service in {event["service"] for event in events}:
        positions = [event["position"] for event in events if event["service"] == service]
        assert positions == sorted(set(positions))
    small, _ = feed(7)
    of_service = lambda name, among: [event["id"] for event in among if event["service"] == name]
    for service in {event["service"] for event in events}:
        seen = of_service(service, events)
        assert of_service(service, small)[:len(seen)] == seen
    assert gateway.call("GET", "/v1/events?after=nobody:3").json["errors"][0]["code"] == "wrong_cursor"
    assert gateway.call("GET", "/v1/events?after=" + end + "&types=ordering.OrderPlaced.v1").json["data"] == []


def stream(gateway, after, count, last=None):
    """The first events after a place, as (id, type, data)."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30 * PATIENCE)
    headers = {"Authorization": "Bearer " + SECRET, **({"Last-Event-ID": last} if last else {})}
    connection.request("GET", "/v1/events/stream?after=" + after, headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200 and answer.getheader("content-type") == "text/event-stream", answer.read()
    events, fields, until = [], {}, time.monotonic() + 20 * PATIENCE
    while len(events) < count and time.monotonic() < until:
        line = answer.readline().decode().rstrip("\n")
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif not line:
            if "data" in fields:
                events.append((fields["id"], fields["event"], json.loads(fields["data"])))
            fields = {}
    connection.close()
    return events


def test_the_stream_of_the_feed_goes_on_where_its_client_was(fleet, gateway):
    fleet.product("EWER", 100, 5)
    fleet.sold("EWER")
    fleet.ended(fleet.order("EWER", 1, wait=30, service=gateway).json["id"])
    events = [event["id"] for event in gateway.call("GET", "/v1/events?limit=1000").json["data"]]
    first = stream(gateway, "", 5)
    rest = stream(gateway, "", len(events) - 5, last=first[-1][0])
    seen = [data["id"] for _, _, data in first + rest]
    assert len(seen) == len(set(seen)), "each once"
    assert len(seen) >= len(events), (set(events) - set(seen), [(place, data["id"]) for place, _, data in first + rest])
    for service in {data["service"] for _, _, data in first + rest}:
        positions = [data["position"] for _, _, data in first + rest if data["service"] == service]
        assert positions == sorted(positions)
    # What happens now comes now, of whichever service.
    heard = []
    listener = threading.Thread(target=lambda: heard.extend(stream(gateway, "now&types=catalog.ProductChanged.v1", 1)))
    listener.start()
    time.sleep(1)
    fleet.product("VASE", 100, 5)
    fleet.sold("VASE")
    listener.join(30 * PATIENCE)
    assert not listener.is_alive() and "catalog" in {data["service"] for _, _, data in heard}, heard


def test_a_stream_of_an_order_passes_through(fleet, gateway):
    fleet.product("BOWL", 100, 5)
    fleet.sold("BOWL")
    order = fleet.order("BOWL", 1, service=gateway).json["id"]
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30 * PATIENCE)
    connection.request("GET", f"/v1/orders/{order}/stream", headers={"Authorization": "Bearer " + SECRET})
    answer = connection.getresponse()
    text, until = "", time.monotonic() + 30 * PATIENCE
    while "event: confirmed" not in text and time.monotonic() < until:
        text += answer.readline().decode()
    assert "event: confirmed" in text, text
    connection.close()


def test_who_wrote_through_one_replica_reads_it_through_the_other(fleet, gateway):
    second = fleet.replica("catalog")
    gateway.route(catalog=[fleet.catalog, second])
    try:
        wait_for(lambda: 'stoa_upstream_instances_well{service="catalog"} 2' in gateway.call("GET", "/metrics", key=None).body.decode())
        position = ""
        for nth in range(60):
            made = gateway.call("POST", "/v1/products", {"handle": f"p-{nth}", "title": f"P {nth}", "status": "active",
                                                         "variants": [{"sku": f"P-{nth}", "prices": [{"amount": 5, "currency": "GBP"}]}]},
                                headers={"Stoa-Position": position} if position else None)
            assert made.status == 201, made.body
            position = made.headers["stoa-position"]
            for _ in range(4):
                seen = gateway.call("GET", f"/v1/products/p-{nth}", headers={"Stoa-Position": position})
                assert seen.status == 200, seen.body
        # And finds it, though nothing is written there.
        for replica in (fleet.catalog, second):
            wait_for(lambda one=replica: [p["handle"] for p in one.call("GET", "/v1/products?q=P+59").json["data"]][:1] == ["p-59"])
    finally:
        gateway.route()
        second.remove()


def wait_for(true, seconds=30):
    until = time.monotonic() + seconds * PATIENCE
    while not true():
        assert time.monotonic() < until
        time.sleep(0.1)


def under_load(fleet, gateway, sku, seconds, harm):
    """Buyers and visitors through the gateway while `harm` is done: every request is answered, and every order ends."""
    refused, orders, lock, until = [], [], threading.Lock(), time.monotonic() + seconds

    def buy():
        while time.monotonic() < until:
            try:
                answer = fleet.order(sku, 1, service=gateway)
                with lock:
                    (orders if answer.status == 202 else refused).append(answer.json.get("id", answer.body))
            except (OSError, http.client.HTTPException) as e:
                with lock:
                    refused.append(repr(e))

    def visit():
        while time.monotonic() < until:
            try:
                answer = gateway.call("GET", random.choice([f"/v1/products/{sku.lower()}", f"/v1/inventory/{sku}", "/v1/orders?limit=5"]))
                if answer.status != 200:
                    with lock:
                        refused.append(answer.body)
            except (OSError, http.client.HTTPException) as e:
                with lock:
                    refused.append(repr(e))

    threads = [threading.Thread(target=work) for work in (buy, buy, visit, visit)]
    for thread in threads:
        thread.start()
    while time.monotonic() < until:
        harm()
    for thread in threads:
        thread.join()
    assert not refused, (len(refused), refused[:5])
    assert len(orders) > 20
    assert {fleet.ended(i)["status"] for i in orders} == {"confirmed"}


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_replicas_that_go_and_come_under_load_cost_no_request(fleet, gateway, how):
    sku = "POT" + how.upper()
    fleet.product(sku, 100, 100_000)
    fleet.sold(sku)
    seconds = {name: fleet.replica(name) for name in ("catalog", "ordering")}
    gateway.route(**{name: [fleet.services[name], second] for name, second in seconds.items()})
    turns = iter([one for name, second in seconds.items() for one in (fleet.services[name], second)] * 50)

    def harm():
        one = next(turns)
        time.sleep(1)
        one.kill() if how == "killed" else one.stop()
        one.start()
        time.sleep(1.5)  # until a probe has found it

    try:
        under_load(fleet, gateway, sku, 16, harm)
    finally:
        gateway.route()
        for second in seconds.values():
            second.remove()


def test_a_service_that_is_away_is_said_to_be(fleet, gateway):
    fleet.agents.kill()
    try:
        answer = gateway.call("GET", "/v1/fraud/assessments/ord_1")
        assert answer.status == 503 and answer.json["code"] == "service_unavailable" and "agents" in answer.json["detail"], answer.body
        assert answer.headers["retry-after"]
        assert gateway.call("GET", "/v1/orders").status == 200
        assert gateway.call("GET", "/openapi.json").status == 200, "what the service said last still stands"
        assert gateway.call("GET", "/v1/events").status in (200, 503)
    finally:
        fleet.agents.start()
    wait_for(lambda: gateway.call("GET", "/v1/fraud/assessments/ord_1").status == 404)


def resident(service):
    """Megabytes of a process that are in memory."""
    for line in open(f"/proc/{service.process.pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024


def large_file(megabytes):
    """A product file, a megabyte at a time."""
    yield b"Handle,Title,Remark\n"
    for nth in range(megabytes):
        start = b"large-%d,Large %d,\"" % (nth, nth)
        yield start + b"x" * ((1 << 20) - len(start) - 2) + b"\"\n"


class Grown:
    """By how many megabytes processes have grown at most, while `look` was called."""

    def __init__(self, **services):
        self.services, self.before, self.most = services, {name: resident(one) for name, one in services.items()}, {}

    def look(self):
        for name, one in self.services.items():
            self.most[name] = max(self.most.get(name, 0), resident(one) - self.before[name])


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_large_upload_passes_and_is_kept_nowhere_on_its_way(fleet, gateway, framing):
    assert gateway.call("POST", "/v1/imports", raw=b"Handle,Title\n" + b"a,b\n" * 100_000, headers={"Content-Type": "text/plain"}).status == 415
    fleet.catalog.stop()  # which holds a file of an import that it has run whole
    fleet.catalog.start()
    wait_for(lambda: gateway.call("GET", "/v1/products").status == 200)
    grown = Grown(gateway=gateway, catalog=fleet.catalog)
    megabytes = 200

    def slowly():
        for nth, piece in enumerate(large_file(megabytes)):
            yield piece
            grown.look()
            if nth == megabytes // 2:  # the service stands still, and with it the client
                fleet.catalog.process.send_signal(signal.SIGSTOP)
                threading.Timer(3, fleet.catalog.process.send_signal, [signal.SIGCONT]).start()

    length = sum(map(len, large_file(megabytes)))
    headers = {"Authorization": "Bearer " + SECRET, "Content-Type": "text/csv", "Idempotency-Key": uuid.uuid4().hex,
               **({"Content-Length": str(length)} if framing == "length" else {})}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60 * PATIENCE)
    since = time.monotonic()
    connection.request("POST", "/v1/imports?dry_run=true", body=slowly(), headers=headers, encode_chunked=framing == "chunks")
    assert time.monotonic() - since > 2.5, "the client is held back"
    answer = connection.getresponse()
    made = json.loads(answer.read())
    assert answer.status == 202 and made["bytes"] == length, made
    judge_memory(grown.most["gateway"], 8)
    judge_memory(grown.most["catalog"], 64)
    gateway.call("POST", f"/v1/jobs/{made['id']}/cancel")
    wait_for(lambda: gateway.call("GET", "/v1/imports/" + made["id"]).json["state"] in ("cancelled", "failed", "succeeded"))


def test_an_upload_that_is_refused_is_told_before_it_is_sent(gateway):
    def refusal(path="/v1/imports", length=100 << 20, **headers):
        headers = {"Authorization": "Bearer " + SECRET, "Content-Type": "text/csv", "Expect": "100-continue", "Content-Length": str(length), **headers}
        with socket.create_connection(("127.0.0.1", gateway.port), 10 * PATIENCE) as client:
            client.sendall(f"POST {path} HTTP/1.1\r\nHost: a\r\n".encode() + b"".join(f"{name}: {value}\r\n".encode() for name, value in headers.items()) + b"\r\n")
            return client.recv(65536).split(b"\r\n")[0].decode()

    assert refusal() == "HTTP/1.1 100 Continue"
    assert refusal(length=300 << 20).startswith("HTTP/1.1 413")
    assert refusal(path="/v1/products", length=3 << 20).startswith("HTTP/1.1 413")
    assert refusal(Authorization="Bearer sk_wrong").startswith("HTTP/1.1 401")
    assert refusal(**{"Content-Type": "text/plain"}).startswith("HTTP/1.1 415"), "which the service says"
    assert refusal(path="/v1/imports?currency=none").startswith("HTTP/1.1 422")


def test_an_upload_that_breaks_off_leaves_nothing(fleet, gateway):
    pieces = lambda: fleet.postgres.psql("catalogdb", "SELECT count(*) FROM jobfiles_piece").stdout.strip()
    before = pieces()
    with socket.create_connection(("127.0.0.1", gateway.port), 10 * PATIENCE) as client:
        client.sendall(f"POST /v1/imports HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {SECRET}\r\nContent-Type: text/csv\r\n"
                       f"Content-Length: {100 << 20}\r\n\r\n".encode())
        for _, piece in zip(range(5), large_file(5)):
            client.sendall(piece)
        wait_for(lambda: pieces() != before)
    wait_for(lambda: pieces() == before)
    assert gateway.call("GET", "/v1/products").status == 200
