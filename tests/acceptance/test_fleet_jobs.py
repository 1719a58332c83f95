"""Jobs of a fleet: done once whichever replica works on them, their files and their lists from every one."""
import json, random, signal, time, uuid
import pytest
from conftest import SECRET
from fleet import Fleet, Gateway
from patience import PATIENCE
from sse import end_of_feed
from test_commands import write_products
from test_jobs import ended, import_ended, make, upload, wait_for

SETTINGS = {"Jobs__DeadlineSweepSchedule": "every 1s"}


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet(None, **SETTINGS)
    yield fleet
    fleet.remove()


@pytest.fixture(scope="module")
def replicas(fleet):
    """A second process of each service that has jobs."""
    seconds = {name: fleet.replica(name) for name in ("catalog", "ordering")}
    yield {name: [fleet.services[name], second] for name, second in seconds.items()}
    for second in seconds.values():
        second.remove()


@pytest.fixture(scope="module")
def gateway(fleet, replicas):
    gateway = Gateway(fleet)
    gateway.route(**replicas)
    try:
        yield gateway.start()
    finally:
        gateway.remove()


def until_there(ask, seconds=60):
    """What is answered once there is an answer: a replica may be away."""
    until = time.monotonic() + seconds * PATIENCE
    while True:
        try:
            answer = ask()
            if answer.status < 500:
                return answer
        except OSError:
            pass
        assert time.monotonic() < until
        time.sleep(0.05)


def count(fleet, statement):
    return int(fleet.postgres.psql("catalogdb", statement).stdout)


@pytest.mark.parametrize("seed", range(2))
def test_an_import_goes_on_in_another_replica_and_doubles_nothing(fleet, replicas, gateway, tmp_path, seed):
    chance, name = random.Random(seed), f"moved-{seed}"
    text = open(write_products(tmp_path / "many.csv", 1_500, name), "rb").read() + b"Bad Handle!,x,,,,\n"
    id = until_there(lambda: upload(gateway, text, headers={"Idempotency-Key": name})).json["id"]
    again = until_there(lambda: upload(gateway, text, headers={"Idempotency-Key": name}))
    assert again.json["id"] == id and again.headers["idempotent-replayed"] == "true"
    for turn in range(4):
        time.sleep(chance.uniform(0.1, 0.6) * PATIENCE)
        one = replicas["catalog"][turn % 2]
        one.kill()
        one.start()
    view = wait_for(gateway, f"/v1/imports/{id}", lambda seen: seen.get("state") in ("succeeded", "failed"))
    assert view["state"] == "succeeded", view
    assert {key: view["counts"][key] for key in ("products", "created", "updated", "unchanged", "rejected")} == {
        "products": 1_500, "created": 1_500, "updated": 0, "unchanged": 0, "rejected": 1}
    assert count(fleet, f"SELECT count(*) FROM catalog_log WHERE type LIKE 'ProductCreated%' AND data LIKE '%\"handle\":\"{name}-%'") == 1_500
    assert count(fleet, f"SELECT sum(on_hand) FROM catalog_stock_level WHERE sku LIKE '{name.upper()}-%'") == 7_500
    for one in replicas["catalog"]:
        assert one.call("GET", f"/v1/imports/{id}/rejected").body.count(b"Bad Handle!") == 1, "the file is there for both"


def test_a_replica_that_stands_still_and_goes_on_late_keeps_nothing_of_a_job_that_another_has_taken_up(fleet, replicas, gateway, tmp_path):
    text = open(write_products(tmp_path / "many.csv", 4_000, "still"), "rb").read()
    id = upload(gateway, text).json["id"]
    wait_for(gateway, f"/v1/imports/{id}", lambda view: view["counts"]["created"] > 0)
    # Whichever of them leads, its turn comes: its lock is taken from it while it stands still.
    for still, other in (replicas["catalog"], replicas["catalog"][::-1]):
        seen = other.call("GET", f"/v1/imports/{id}").json
        still.process.send_signal(signal.SIGSTOP)
        try:
            assert fleet.postgres.psql("catalogdb", "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'").returncode == 0
            wait_for(other, f"/v1/imports/{id}", lambda view: view["state"] == "succeeded" or view["counts"]["created"] > seen["counts"]["created"])
        finally:
            still.process.send_signal(signal.SIGCONT)
    view = import_ended(gateway, id)
    assert (view["state"], view["counts"]["created"]) == ("succeeded", 4_000)
    assert count(fleet, "SELECT count(*) FROM catalog_log WHERE type LIKE 'ProductCreated%' AND data LIKE '%\"handle\":\"still-%'") == 4_000


def test_what_is_exported_is_the_same_from_every_replica(fleet, replicas, gateway):
    fleet.product("EXPORTED", 900, 50)
    orders = [fleet.order("EXPORTED", service=gateway, wait=30).json["id"] for _ in range(3)]
    for of, service, expected in (("products", "catalog", b"exported"), ("orders", "ordering", orders[-1].encode())):
        id = make(gateway, "export", {"of": of}).json["id"]
        job = ended(gateway, id)
        assert job["state"] == "succeeded", job
        files = {one.call("GET", f"/v1/jobs/{id}/file").body for one in replicas[service]} | {gateway.call("GET", f"/v1/jobs/{id}/file").body}
        assert len(files) == 1 and expected in (text := files.pop()) and job["result"]["bytes"] == len(text)
        part = gateway.call("GET", f"/v1/jobs/{id}/file", headers={"Range": "bytes=3-12"})
        assert (part.status, part.body) == (206, text[3:13])
        ran = fleet.run("export", of, "--url", f"http://127.0.0.1:{gateway.port}", "--key", SECRET)
        assert ran.returncode == 0 and ran.stdout.encode() == text, ran.stderr
    assert make(gateway, "export", {"of": "dreams"}).json["errors"][0]["pointer"] == "/parameters/of"


def test_events_are_exported_as_the_feed_tells_them(fleet, gateway):
    fleet.product("TOLD", 900, 5)
    fleet.ended(fleet.order("TOLD", service=gateway, wait=30).json["id"])
    end_of_feed(gateway)
    ran = fleet.run("export", "events", "--url", f"http://127.0.0.1:{gateway.port}", "--key", SECRET)
    assert ran.returncode == 0, ran.stderr
    exported = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len({event["id"] for event in exported}) == len(exported) > 10
    assert {"catalog", "ordering", "payment", "agents"} <= {event["service"] for event in exported}
    cursor = ran.stderr.split()[-1]
    later = fleet.run("export", "events", "--after", cursor, "--url", f"http://127.0.0.1:{gateway.port}", "--key", SECRET)
    assert not {json.loads(line)["id"] for line in later.stdout.splitlines()} & {event["id"] for event in exported}
    assert gateway.call("GET", "/v1/exports/events?after=x").json["code"] == "wrong_cursor"


def test_the_list_is_of_all_services_and_an_id_is_found_in_its_own(gateway):
    ids = [make(gateway, kind, run_at="2999-01-01T00:00:00Z", parameters=parameters).json["id"] for kind, parameters in (
        ("clean-up", {}), ("deadline-sweep", {}), ("export", {"of": "orders"}), ("export", {"of": "products"}))]
    seen, cursor = [], ""
    while cursor is not None:
        page = gateway.call("GET", f"/v1/jobs?filter[state]=queued&limit=3{cursor and '&cursor=' + cursor}").json
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert [id for id in seen if id in ids] == ids[::-1] and len(set(seen)) == len(seen)
    for id in ids:
        assert gateway.call("GET", f"/v1/jobs/{id}").json["id"] == id
        assert gateway.call("POST", f"/v1/jobs/{id}/cancel").json["state"] == "cancelled"
    assert gateway.call("GET", "/v1/jobs/job_00000000000000000000000000").json["code"] == "unknown_job"
    key = uuid.uuid4().hex
    first, second = (make(gateway, "deadline-sweep", key=key) for _ in range(2))
    assert first.json["id"] == second.json["id"] and second.headers["idempotent-replayed"] == "true"


def test_a_schedule_makes_one_job_for_all_replicas(gateway):
    listed = lambda: gateway.call("GET", "/v1/jobs?filter[kind]=deadline-sweep&limit=200").json["data"]
    wait_for(gateway, "/v1/jobs?filter[kind]=deadline-sweep", lambda page: sum(job["scheduled"] for job in page["data"]) > 5)
    instants = [job["created_at"][:19] for job in listed() if job["scheduled"]]
    assert len(instants) - len(set(instants)) <= 1, instants  # one that was late stands in the second of the next


def ledger_rows(fleet, sku):
    """Positions and balances as the table has them, once it is carried to the end of the log."""
    head = count(fleet, "SELECT max(position) FROM catalog_log")
    until = time.monotonic() + 30 * PATIENCE
    while count(fleet, "SELECT position FROM catalog_ledger_checkpoint WHERE name = 'ledger'") < head:
        assert time.monotonic() < until
        time.sleep(0.02)
    rows = fleet.postgres.psql("catalogdb", f"SELECT position, on_hand FROM catalog_ledger WHERE sku = '{sku}' ORDER BY position, line").stdout
    return [tuple(map(int, row.split("|"))) for row in rows.split()]


def adjust(replica, sku, delta=1):
    answer = replica.call("POST", f"/v1/inventory/{sku}/adjustments", {"delta": delta, "reason": "received"}, idempotency=uuid.uuid4().hex)
    assert answer.status == 201, answer.body


def test_balances_of_the_ledger_are_right_whichever_replica_carries_it(fleet, replicas):
    fleet.product("BALANCE", 900, 1)
    for nth in range(20):
        adjust(replicas["catalog"][nth % 2], "BALANCE")
        time.sleep(0.15)  # until it is carried by the one that wrote
    assert [on_hand for _, on_hand in ledger_rows(fleet, "BALANCE")] == list(range(1, 22))


def rebuild(gateway, key=None):
    answer = make(gateway, "rebuild", {"projection": "stock_ledger"}, **({"key": key} if key else {}))
    assert answer.status in (200, 201, 202), answer.body
    return answer.json["id"]


def test_the_ledger_is_built_anew_once_for_all_replicas(fleet, replicas, gateway):
    fleet.product("ANEW", 900, 1)
    for nth in range(10):
        adjust(replicas["catalog"][nth % 2], "ANEW")
    rows = ledger_rows(fleet, "ANEW")
    for damage in ("UPDATE catalog_ledger SET on_hand = 99 WHERE sku = 'ANEW'", "DELETE FROM catalog_ledger WHERE sku = 'ANEW'",
                   "INSERT INTO catalog_ledger SELECT 'NEVER', position, line, kind, location, delta_on_hand, delta_reserved, on_hand, reserved,"
                   " order_id, reference, reason, recorded_at FROM catalog_ledger WHERE sku = 'ANEW' LIMIT 1"):
        assert fleet.postgres.psql("catalogdb", damage).returncode == 0
        assert ledger_rows(fleet, "ANEW") != rows or ledger_rows(fleet, "NEVER")
        job = ended(gateway, rebuild(gateway))
        assert job["state"] == "succeeded", job
        assert ledger_rows(fleet, "ANEW") == rows and not ledger_rows(fleet, "NEVER")
    for replica in replicas["catalog"]:
        seen = replica.call("GET", "/v1/inventory/ANEW/ledger?limit=200").json["data"]
        assert [row["on_hand"] for row in seen] == [on_hand for _, on_hand in rows]
    assert count(fleet, "SELECT count(*) FROM pg_class WHERE relname = 'catalog_ledger_next'") == 0
    refused = make(gateway, "rebuild", {"projection": "search"})
    assert refused.status == 422 and refused.json["errors"][0]["pointer"] == "/parameters/projection"


def test_a_rebuild_goes_on_in_another_replica_while_both_write(fleet, replicas, gateway):
    fleet.product("MOVED", 900, 1)
    fleet.postgres.psql("catalogdb", "UPDATE catalog_ledger SET kind = 'wrong'")
    id = rebuild(gateway)
    for turn in range(4):
        one, other = replicas["catalog"][turn % 2], replicas["catalog"][1 - turn % 2]
        one.kill()
        for _ in range(10):
            adjust(other, "MOVED")
        one.start()
    job = ended(gateway, id)
    assert job["state"] == "succeeded", job
    rows = ledger_rows(fleet, "MOVED")
    assert [on_hand for _, on_hand in rows] == list(range(1, 42))
    assert count(fleet, "SELECT count(*) FROM catalog_ledger WHERE kind = 'wrong'") == 0
    lost = ("SELECT count(*) FROM catalog_log l WHERE type LIKE 'StockAdjusted%'"
            " AND NOT EXISTS (SELECT 1 FROM catalog_ledger WHERE position = l.position)")
    assert count(fleet, lost) == 0
