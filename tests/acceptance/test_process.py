"""The process: start, stop, crash, and what it says of itself."""
import concurrent.futures, json, os, sqlite3, threading, time, uuid
import pytest
from sse import end_of_feed


def test_what_was_answered_survives_a_crash(own_shop):
    own_shop.product("CRASH", units=100)
    answered, lock, stop = {}, threading.Lock(), threading.Event()

    def buy(_):
        while not stop.is_set():
            key = uuid.uuid4().hex
            try:
                answer = own_shop.order("CRASH", idempotency=key, channel="crash")
            except OSError:
                return
            if answer.status in (201, 202):
                with lock:
                    answered[key] = answer.json["id"]

    pool = concurrent.futures.ThreadPoolExecutor(16)
    futures = [pool.submit(buy, i) for i in range(16)]
    time.sleep(0.5)
    while not answered:
        time.sleep(0.05)
    own_shop.kill()
    stop.set()
    concurrent.futures.wait(futures)
    assert answered
    own_shop.start()
    for key, order_id in answered.items():
        assert own_shop.call("GET", "/v1/orders/" + order_id).status == 200
        again = own_shop.order("CRASH", idempotency=key, channel="crash")
        assert again.json["id"] == order_id and again.headers["idempotent-replayed"] == "true"
    deadline = time.time() + 20
    while time.time() < deadline:
        running = own_shop.call("GET", "/v1/processes?status=running").json["data"]
        if not running:
            break
        time.sleep(0.2)
    assert not running
    orders, cursor = [], ""
    while cursor is not None:
        page = own_shop.call("GET", "/v1/orders?filter[channel]=crash&limit=200" + (f"&cursor={cursor}" if cursor else "")).json
        orders += page["data"]
        cursor = page["next_cursor"]
    confirmed = sum(o["status"] == "confirmed" for o in orders)
    on_hand, reserved, available = own_shop.stock("CRASH")
    assert (on_hand, reserved, available) == (100, confirmed, 100 - confirmed)


@pytest.mark.embedded("looks into the folder of the shop")
def test_a_second_process_on_the_same_data_is_refused(shop):
    second = shop.run("up", "--data", shop.data, "--port", "0")
    assert second.returncode == 1 and "Another Stoa" in second.stderr


def test_it_stops_cleanly(own_shop):
    assert own_shop.stop() == 0


def test_it_says_what_it_is(shop):
    assert shop.call("GET", "/health/live", key=None).json == {"status": "live"}
    assert shop.call("GET", "/health/ready", key=None).status == 200
    assert "stoa_commits_total" in shop.metrics()
    assert b"/swagger" in shop.call("GET", "/", key=None).body
    description = shop.call("GET", "/openapi.json", key=None).json
    assert description["openapi"].startswith("3.1") and "/v1/orders" in description["paths"]


def test_a_trace_is_carried_into_the_log(shop):
    trace = "0af7651916cd43dd8448eb211c80319c"
    shop.product("TRACE", units=5)
    answer = shop.call("GET", "/v1/products/trace", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
    assert trace in answer.headers["traceparent"]


def test_the_feed_has_no_gaps_and_can_be_resumed(shop):
    after = end_of_feed(shop)
    shop.product("FEED", units=5)
    shop.order("FEED")
    seen, pages = [], 0
    while True:
        page = shop.call("GET", f"/v1/events?limit=3&after={after}").json
        if not page["data"]:
            break
        seen += page["data"]
        after, pages = page["next_after"], pages + 1
    assert pages > 1
    assert len({e["id"] for e in seen}) == len(seen)
    for service in ("catalog", "ordering", "payment", "agents"):
        positions = [e["position"] for e in seen if e["service"] == service]
        assert positions and positions == sorted(positions)


def test_a_wrong_configuration_is_named(shop):
    environment = {**os.environ, "STOA__Fraud__RejectAt": "many", "STOA__Nonsense__Member": "1"}
    import subprocess
    from conftest import STOA
    ran = subprocess.run([STOA, "config"], capture_output=True, text=True, env=environment)
    assert ran.returncode == 1 and "Fraud:RejectAt" in ran.stderr and "Nonsense:Member" in ran.stderr
    shown = json.loads(shop.run("config").stdout)
    assert shown["Auth"]["SecretKey"] == "***"


@pytest.mark.embedded("looks into the file of the shop")
def test_used_keys_are_forgotten_a_week_after_their_use(own_shop):
    own_shop.product("KEYS", units=5)
    own_shop.order("KEYS", idempotency="old")
    assert own_shop.stop() == 0
    tables = ("catalog_idempotency", "ordering_idempotency")
    with sqlite3.connect(own_shop.data + "/shop.db") as database:
        for table in tables:
            assert database.execute(f"UPDATE {table} SET created_at = created_at - 7 * 86400 * 1000000").rowcount == 1
    own_shop.start()
    own_shop.order("KEYS", idempotency="new")
    deadline = time.time() + 10
    while time.time() < deadline:
        with sqlite3.connect(f"file:{own_shop.data}/shop.db?mode=ro", uri=True) as database:
            left = [key for table in tables for key, in database.execute(f"SELECT key FROM {table}")]
        if left == ["new"]:
            break
        time.sleep(0.2)
    assert left == ["new"]
