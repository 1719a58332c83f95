"""Two versions of the program side by side: a fleet goes to the next one and back, replica by replica, while it sells."""
import glob, http.client, os, pathlib, threading, time, uuid
import pytest
from conftest import STOA
from fleet import SERVICES, Fleet, Gateway
from patience import PATIENCE
from steered import SmtpServer, serving

NEXT = os.path.join(os.path.dirname(STOA), "stoa_next")  # tests/next_version says what it does otherwise

pytestmark = pytest.mark.skipif(not os.path.exists(NEXT), reason="the next version of the program is not built")


@pytest.fixture(scope="module")
def fleet():
    with serving(SmtpServer()) as smtp:
        fleet = Fleet(smtp)
        yield fleet
        fleet.remove()


class Buyers:
    """They buy one unit at a time, each with a key, which they send again until they are answered."""

    def __init__(self, fleet, gateway, sku):
        self.fleet, self.gateway, self.sku = fleet, gateway, sku
        self.orders, self.refused, self.repeats, self.stopped = {}, [], 0, False
        self.threads = [threading.Thread(target=self.run) for _ in range(3)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopped:
            key, until = uuid.uuid4().hex, time.monotonic() + 60 * PATIENCE
            while key not in self.orders:
                try:
                    answer = self.fleet.order(self.sku, 1, idempotency=key, service=self.gateway)
                    if answer.status in (201, 202):
                        self.orders[key] = answer.json["id"]
                        break
                    said = answer.body
                except (OSError, http.client.HTTPException) as e:
                    said = repr(e)
                self.repeats += 1
                if time.monotonic() > until:
                    return self.refused.append(said)
                time.sleep(0.1)
            time.sleep(0.02)

    def stop(self):
        self.stopped = True
        for thread in self.threads:
            thread.join()


def roll(fleet, replicas, program, bought):
    """Each replica in turn to another version; some orders are made between, by whichever version is there."""
    for service in SERVICES:
        for one in replicas[service]:
            before = bought()
            one.stop()
            one.program = program
            one.start()
            until = time.monotonic() + 30 * PATIENCE
            while bought() < before + 20:
                assert time.monotonic() < until, fleet.told()
                time.sleep(0.05)
            time.sleep(1)  # until the gateway's probes have found it


def one_of(fleet, service, query):
    said = fleet.postgres.psql(service + "db", query)
    assert said.returncode == 0, said.stderr
    return int(said.stdout.strip() or 0)


def published(fleet, type):
    """How many messages of a type Kafka keeps, which writes them as they came."""
    return sum(pathlib.Path(file).read_bytes().count(type.encode()) for file in glob.glob(fleet.kafka.folder + "/data/stoa.*/*.log"))


def test_a_rolling_upgrade_and_the_way_back_lose_nothing(fleet):
    units = 50_000
    fleet.product("JUG", 1100, units)
    fleet.sold("JUG")
    replicas = {name: [fleet.services[name], fleet.replica(name)] for name in SERVICES}
    gateway = Gateway(fleet)
    versions = {name: one_of(fleet, name, f"SELECT version FROM host_migrations WHERE prefix = '{name}_'") for name in SERVICES}
    stored = lambda: one_of(fleet, "ordering", "SELECT count(*) FROM ordering_log WHERE data LIKE '%\"later\"%'")
    try:
        gateway.route(**replicas)
        gateway.start()
        buyers = Buyers(fleet, gateway, "JUG")
        try:
            bought = lambda: len(buyers.orders)
            assert stored() == 0
            roll(fleet, replicas, NEXT, bought)
            for name in SERVICES:
                assert one_of(fleet, name, f"SELECT version FROM host_migrations WHERE prefix = '{name}_'") == versions[name] + 1
                assert one_of(fleet, name, f"SELECT count(*) FROM {name}_later") == 0
            by_next = stored()
            assert by_next > 0
            roll(fleet, replicas, STOA, bought)
        finally:
            buyers.stop()
        assert not buyers.refused, buyers.refused[:3]
        for order in buyers.orders.values():
            assert fleet.ended(order)["status"] == "confirmed"
        sold = len(buyers.orders)
        assert len(set(buyers.orders.values())) == sold, "one order a key"
        assert one_of(fleet, "ordering", "SELECT count(*) FROM ordering_orders") == sold
        stock = fleet.catalog.call("GET", "/v1/inventory/JUG").json
        assert (stock["on_hand"], stock["reserved"]) == (units, sold), stock
        assert {one_of(fleet, name, "SELECT count(*) FROM host_parked_message") for name in SERVICES} == {0}, fleet.told()
        report = fleet.audit()
        assert report["clean"], report
        unknown = published(fleet, ".Later.v1")
        assert unknown > 0, "of which nobody here knows anything"
        print(f"{sold} orders, {buyers.repeats} requests sent again, {by_next} events stored by the next version, {unknown} messages of its own")
    finally:
        gateway.remove()
        for name in SERVICES:
            replicas[name][1].remove()
