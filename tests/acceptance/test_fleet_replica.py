"""A fleet whose Ordering and Catalog read lists from a standby that PostgreSQL's streaming replication keeps."""
import re, signal, time, uuid
import pytest
from fleet import Fleet, Gateway, Postgres, Standby
from patience import PATIENCE
from steered import until

LAG_MAX = max(1, int(PATIENCE))


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet(None, ReadOnly__LagSecondsMax=LAG_MAX)
    fleet.standby = Standby(fleet.postgres)
    try:
        fleet.standby.start()
        for name in ("catalog", "ordering"):
            fleet.settings[f"ConnectionStrings__{name.capitalize()}DbReadOnly"] = (
                f"Host=127.0.0.1;Port={fleet.standby.port};Database={name}db;Username=stoa;Target Session Attributes=standby")
            fleet.services[name].stop()
            fleet.services[name].start()
        fleet.gateway = Gateway(fleet)
        fleet.gateway.start()
        fleet.product("TEA", 100, 100000)
        fleet.sold("TEA")
        yield fleet
    finally:
        if hasattr(fleet, "gateway"):
            fleet.gateway.remove()
        fleet.remove()
        fleet.standby.stop()


def figure(service, name):
    found = re.search(rf"^{re.escape(name)} (\S+)$", service.call("GET", "/metrics", key=None).body.decode(), re.M)
    return float(found.group(1)) if found else 0


def by(service):
    return tuple(figure(service, f'stoa_replica_queries_total{{by="{where}"}}') for where in ("replica", "primary"))


def ran(service, ask):
    """Where the stale queries of `ask` ran."""
    before = by(service)
    ask()
    return tuple(int(now - then) for now, then in zip(by(service), before))


def is_used(service):
    return figure(service, "stoa_replica_is_used") == 1


@pytest.fixture(autouse=True)
def used(fleet):
    until(lambda: is_used(fleet.ordering) and is_used(fleet.catalog))


def listed(fleet, position=None):
    answer = fleet.gateway.call("GET", "/v1/orders", headers={"Stoa-Position": position} if position else {})
    assert answer.status == 200, answer.body
    return [order["id"] for order in answer.json["data"]]


def test_lists_and_exports_are_read_there_and_single_things_are_not(fleet):
    order = fleet.ended(fleet.order("TEA").json["id"])["id"]
    until(lambda: order in listed(fleet))
    for path in ("/v1/orders", "/v1/processes", "/v1/exports/orders"):
        assert ran(fleet.ordering, lambda: fleet.gateway.call("GET", path)) == (1, 0), path
    assert ran(fleet.ordering, lambda: fleet.gateway.call("GET", "/v1/orders/" + order)) == (0, 0)
    for path in ("/v1/products", "/v1/inventory", "/v1/inventory/transfers", "/v1/exports/products"):
        answer = fleet.gateway.call("GET", path)
        if answer.status == 200:
            assert ran(fleet.catalog, lambda: fleet.gateway.call("GET", path)) == (1, 0), path


def test_a_job_that_exports_reads_there_and_has_all_that_was_there(fleet):
    order = fleet.ended(fleet.order("TEA").json["id"])["id"]
    fleet.standby.replay(False)
    try:
        late = fleet.ended(fleet.order("TEA").json["id"])["id"]
        job = fleet.gateway.call("POST", "/v1/jobs", {"kind": "export", "parameters": {"of": "orders"}}, idempotency=uuid.uuid4().hex).json["id"]
        done = until(lambda: (job_ := fleet.gateway.call("GET", "/v1/jobs/" + job).json)["state"] == "succeeded" and job_)
        file = fleet.gateway.call("GET", f"/v1/jobs/{done['id']}/file").body.decode()
        assert order in file and late in file
    finally:
        fleet.standby.replay(True)


def test_who_sends_its_position_back_reads_what_it_wrote(fleet):
    for _ in range(20):
        placed = fleet.gateway.call("POST", "/v1/orders", {
            "currency": "GBP", "customer": {"email": "a@example.org", "name": "A"}, "lines": [{"sku": "TEA", "quantity": 1}],
            "payment": {"provider": "simulator", "token": "tok_ok"}}, idempotency=uuid.uuid4().hex)
        assert placed.json["id"] in listed(fleet, placed.headers["stoa-position"])
    fleet.standby.replay(False)
    try:
        placed = fleet.order("TEA")
        assert placed.json["id"] not in listed(fleet), "it is behind, and may be"
        before = by(fleet.ordering)
        assert placed.json["id"] in listed(fleet, placed.headers["stoa-position"])
        assert by(fleet.ordering)[1] == before[1] + 1
    finally:
        fleet.standby.replay(True)
    until(lambda: placed.json["id"] in listed(fleet))


def test_old_events_are_read_there_and_the_newest_are_not(fleet):
    for _ in range(3):
        fleet.ended(fleet.order("TEA").json["id"])
    head = int(fleet.postgres.psql("orderingdb", "SELECT max(position) FROM ordering_log").stdout)
    until(lambda: int(fleet.standby.psql("orderingdb", "SELECT max(position) FROM ordering_log").stdout) >= head)
    page = lambda after, limit: fleet.ordering.call("GET", f"/v1/events?after=ordering:{after}&limit={limit}")
    assert ran(fleet.ordering, lambda: page(0, 5)) == (1, 0)
    assert ran(fleet.ordering, lambda: page(head, 100)) == (0, 1)
    everything = [item["id"] for item in page(0, 1000).json["data"]]
    pieces, after = [], "0"
    while True:
        answer = fleet.ordering.call("GET", f"/v1/events?after={after}&limit=3").json
        if not answer["data"]:
            break
        pieces += [item["id"] for item in answer["data"]]
        after = answer["next_after"]
    assert pieces == everything and len(pieces) == len(set(pieces))


def warnings(service):
    return [line for line in open(service.log) if "read-only replica" in line]


def test_one_that_falls_behind_is_given_up_and_told_once(fleet):
    told = len(warnings(fleet.ordering))
    fleet.standby.replay(False)
    try:
        def is_given_up():
            fleet.order("TEA")
            return not is_used(fleet.ordering)
        until(is_given_up)
        placed = fleet.order("TEA").json["id"]
        assert ran(fleet.ordering, lambda: listed(fleet)) == (0, 1)
        assert placed in listed(fleet)
        assert figure(fleet.ordering, "stoa_replica_lag_seconds") > LAG_MAX
        assert len(warnings(fleet.ordering)) == told + 1
    finally:
        fleet.standby.replay(True)
    until(lambda: is_used(fleet.ordering))
    assert ran(fleet.ordering, lambda: listed(fleet)) == (1, 0)
    assert len(warnings(fleet.ordering)) == told + 2


def test_one_that_is_killed_or_stands_still_delays_nobody_for_long(fleet):
    listed(fleet)
    fleet.standby.kill(signal.SIGQUIT)
    try:
        for _ in range(30):
            begun = time.monotonic()
            listed(fleet)
            assert time.monotonic() - begun < 1 * PATIENCE
        assert not is_used(fleet.ordering)
    finally:
        fleet.standby.start()
    until(lambda: is_used(fleet.ordering))
    fleet.standby.signal_all(signal.SIGSTOP)
    try:
        slow = 0
        for _ in range(30):
            begun = time.monotonic()
            listed(fleet)
            taken = time.monotonic() - begun
            assert taken < 4 * PATIENCE
            slow += taken > 0.5 * PATIENCE
        assert slow <= 2
    finally:
        fleet.standby.signal_all(signal.SIGCONT)
    until(lambda: is_used(fleet.ordering))
    assert ran(fleet.ordering, lambda: listed(fleet)) == (1, 0)


def test_one_that_is_promoted_is_not_read_any_more(fleet):
    listed(fleet)
    assert fleet.standby.psql("postgres", "SELECT pg_promote()").stdout.strip() == "t"
    placed = fleet.ended(fleet.order("TEA").json["id"])["id"]
    assert placed in listed(fleet)
    until(lambda: not is_used(fleet.ordering) and not is_used(fleet.catalog))
    fleet.standby.kill(signal.SIGQUIT)
    fleet.standby.make()
    fleet.standby.start()
    until(lambda: is_used(fleet.ordering))
    assert fleet.audit()["clean"]
