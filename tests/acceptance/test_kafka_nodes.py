"""A Kafka of three nodes below a fleet: whichever is killed, stopped or begun again, what was acknowledged has its effect once."""
import http.client, os, pathlib, random, signal, socket, struct, threading, time, uuid
import pytest
from patience import PATIENCE
from test_stack import SERVERS, Stack, service, until_true

NODES = ["kafka-1", "kafka-2", "kafka-3"]
UNITS = 150


def leaders(port):
    """The node that leads each partition and those that have all of it, as one node says (Kafka's protocol, Metadata, version 5)."""
    body = struct.pack(">hhih4sib", 3, 5, 1, 4, b"test", -1, 0)
    with socket.create_connection(("127.0.0.1", port), 10) as node:
        node.sendall(struct.pack(">i", len(body)) + body)
        stream = node.makefile("rb")
        answer = memoryview(stream.read(struct.unpack(">i", stream.read(4))[0]))
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from(">" + form, answer, at)
        at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def text():
        nonlocal at
        size = take("h")
        at += max(size, 0)
        return bytes(answer[at - max(size, 0):at]).decode()

    several = lambda read: [read() for _ in range(take("i"))]
    take("ii")
    several(lambda: (take("i"), text(), take("i"), text()))
    text(), take("i")
    found = {}

    def partition(topic):
        _, number, leader = take("hii")
        several(lambda: take("i"))
        in_sync = several(lambda: take("i"))
        several(lambda: take("i"))
        found[topic, number] = leader, in_sync

    def topic():
        take("h")
        name = text()
        take("b")
        several(lambda: partition(name))

    several(topic)
    return found


@pytest.fixture(scope="module")
def stack():
    kafka = {"name": "kafka", "kind": "kafka", "replicas": 3, "endpoints": [{"name": "tcp", "port": 0}]}
    stack = Stack(SERVERS[0], kafka, service("catalog"), service("ordering", references=["postgres", "kafka", "catalog"]),
                  service("payment"), service("agents"), service("notification", references=["postgres", "kafka", "ordering"]))
    stack.start()
    yield stack
    stack.remove()


def ports(stack):
    return {name: int(stack.ps()[name]["url"].rsplit(":", 1)[1]) for name in NODES}


def order(stack, sku, quantity, key):
    body = {"currency": "GBP", "customer": {"email": "a@example.org", "name": "A"}, "lines": [{"sku": sku, "quantity": quantity}],
            "payment": {"provider": "simulator", "token": "tok_ok"}}
    return stack.call("ordering", "POST", "/v1/orders", body, idempotency=key)


class Load:
    """Two buyers, who send again until they are answered, for as long as the block lasts. Then all that they were told must be so."""

    def __init__(self, stack, sku):
        self.stack, self.sku, self.orders, self.stopping, self.failures = stack, sku, {}, False, []
        product = stack.call("catalog", "POST", "/v1/products", {
            "handle": sku.lower(), "title": sku, "status": "active", "variants": [{"sku": sku, "prices": [{"amount": 500, "currency": "GBP"}]}]})
        assert product.status == 201, product.body
        assert stack.call("catalog", "POST", f"/v1/inventory/{sku}/adjustments", {"delta": UNITS, "reason": "received"},
                          idempotency=uuid.uuid4().hex).status == 201

    def buy(self, seed):
        rng = random.Random(seed)
        while not self.stopping:
            key, quantity = uuid.uuid4().hex, rng.randint(1, 3)
            while True:
                try:
                    answer = order(self.stack, self.sku, quantity, key)
                    if answer.status in (200, 201, 202):
                        break
                    self.failures.append(answer.body)
                except (OSError, http.client.HTTPException) as error:
                    self.failures.append(error)
                time.sleep(0.1)
            self.orders[answer.json["id"]] = quantity
            time.sleep(0.15 + rng.random() * 0.2)

    def __enter__(self):
        self.buyers = [threading.Thread(target=self.buy, args=(seed,)) for seed in range(2)]
        for buyer in self.buyers:
            buyer.start()
        return self

    def __exit__(self, *failed):
        self.stopping = True
        for buyer in self.buyers:
            buyer.join()
        if not failed[0]:
            self.check()

    def view(self, order_id):
        return self.stack.call("ordering", "GET", "/v1/orders/" + order_id).json

    def ended(self, order_id, seconds=120):
        until_true(lambda: self.view(order_id)["status"] != "placed", seconds)
        return self.view(order_id)

    def goes_on(self):
        """An order that is placed now ends."""
        known = set(self.orders)
        placed = until_true(lambda: set(self.orders) - known)
        return self.ended(placed.pop())

    def check(self):
        ended = {i: self.ended(i) for i in self.orders}
        confirmed = {i for i, one in ended.items() if one["status"] == "confirmed"}
        sold = sum(self.orders[i] for i in confirmed)
        assert len(self.orders) > 20 and confirmed and not self.failures, (len(self.orders), self.failures[:3])
        stock = lambda: self.stack.call("catalog", "GET", f"/v1/inventory/{self.sku}").json
        until_true(lambda: stock()["reserved"] == sold)
        assert stock()["on_hand"] == UNITS and stock()["available"] == UNITS - sold >= 0
        for i, one in ended.items():
            payments = self.stack.call("payment", "GET", f"/v1/payments?filter[order_id]={i}").json["data"]
            assert sum(p["captured"]["amount"] for p in payments) == (500 * self.orders[i] if i in confirmed else 0), one
        self.stack.do("audit", "--fleet")


def leader_of(stack, topic="stoa.ordering.orders", of=0):
    """As a node says that is not `of`."""
    for name, port in ports(stack).items():
        if name != f"kafka-{of}":
            return leaders(port)[topic, 0][0]


def all_in_sync(stack):
    port = ports(stack)["kafka-1"]
    return all(len(in_sync) == 3 and leader > 0 for leader, in_sync in leaders(port).values())


def test_three_nodes_are_rows_and_each_has_all_topics(stack):
    rows = stack.ps("kafka")
    assert set(rows) == set(NODES) and {row["state"] for row in rows.values()} == {"ready"}
    assert len({row["pid"] for row in rows.values()}) == len({row["url"] for row in rows.values()}) == 3
    until_true(lambda: ("stoa.replay.agents", 0) in leaders(ports(stack)["kafka-1"]))
    until_true(lambda: all_in_sync(stack))
    for name in NODES:
        assert (pathlib.Path(stack.data) / name / "data" / "stoa.ordering.orders-0").is_dir()
    environment = stack.do("env")
    assert "STOA__Kafka__Replication=3" in environment
    assert all(f"127.0.0.1:{port}" in environment for port in ports(stack).values())


def test_a_leader_that_is_killed_is_followed_by_another_and_comes_back(stack):
    with Load(stack, "CUP") as load:
        for _ in range(2):
            time.sleep(2)
            first = leader_of(stack)
            pid = stack.ps()[f"kafka-{first}"]["pid"]
            os.kill(pid, signal.SIGKILL)
            until_true(lambda: leader_of(stack, of=first) not in (first, -1))
            load.goes_on()
            until_true(lambda: stack.ps()[f"kafka-{first}"]["pid"] not in (pid, None))
            until_true(lambda: {row["state"] for row in stack.ps("kafka").values()} == {"ready"}, 60)
            until_true(lambda: all_in_sync(stack), 60)


def test_a_leader_that_stands_still_is_followed_by_another(stack):
    """For longer than the others wait for it; when it goes on it still believes that it leads."""
    with Load(stack, "JUG") as load:
        time.sleep(2)
        first = leader_of(stack)
        pid = stack.ps()[f"kafka-{first}"]["pid"]
        os.kill(pid, signal.SIGSTOP)
        try:
            until_true(lambda: leader_of(stack, of=first) not in (first, -1), 60)
            load.goes_on()
        finally:
            os.kill(pid, signal.SIGCONT)
        until_true(lambda: all_in_sync(stack), 60)


def test_while_only_one_node_is_there_nothing_is_confirmed_and_nothing_is_lost(stack):
    with Load(stack, "URN") as load:
        time.sleep(2)
        load.goes_on()
        pids = [stack.ps()[name]["pid"] for name in NODES[:2]]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(3)  # what was sent before is through
            known = set(load.orders)
            placed = until_true(lambda: set(load.orders) - known).pop()
            time.sleep(5)
            assert load.view(placed)["status"] == "placed"
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        assert load.ended(placed)["status"] == "confirmed"
        until_true(lambda: all_in_sync(stack), 60)


def test_nodes_are_begun_again_one_after_another_and_no_order_waits_for_long(stack):
    with Load(stack, "PAN") as load:
        restarting = threading.Thread(target=stack.do, args=("restart", "kafka"))
        restarting.start()
        took = []
        while restarting.is_alive():
            began = time.monotonic()
            load.goes_on()
            took.append(time.monotonic() - began)
        restarting.join()
        until_true(lambda: all_in_sync(stack), 60)
        assert max(took) < 30 * PATIENCE


def test_a_folder_of_three_nodes_is_refused_to_one(stack):
    """The last one: it ends the stack."""
    assert stack.end(signal.SIGTERM) == 0
    other = Stack(SERVERS[1])
    try:
        (pathlib.Path(other.data) / "kafka-1").mkdir()
        other.begin()
        assert other.process.wait(timeout=60 * PATIENCE) == 1
        assert "a Kafka with another number of nodes" in pathlib.Path(other.data + "/err").read_text()
    finally:
        other.remove()
