"""Units at several locations: allocation, transfers and stock counts, over HTTP and across crashes."""
import concurrent.futures, itertools, json, random, sqlite3, threading, time, uuid
import pytest
from conftest import PUBLISHABLE
from sse import end_of_feed


# A fleet is shared: each test has SKUs and locations of its own.


def key():
    return uuid.uuid4().hex


def place(shop, code, **members):
    answer = shop.call("POST", "/v1/locations", {"code": code, **members})
    assert answer.status == 201, answer.body
    return answer


def levels(shop, sku):
    return {l["location"]: (l["on_hand"], l["reserved"], l["available"])
            for l in shop.call("GET", f"/v1/inventory/{sku}").json["locations"]}


def transfer(shop, start, to, lines, idempotency=None, **members):
    return shop.call("POST", "/v1/inventory/transfers", {
        "from": start, "to": to, "reason": "refill", "lines": [{"sku": s, "quantity": q} for s, q in lines], **members},
        idempotency=idempotency or key())


def count(shop, lines, location="main", **members):
    return shop.call("POST", "/v1/inventory/counts", {
        "location": location, "lines": [{"sku": s, "counted": c} for s, c in lines], **members}, idempotency=key())


def clean(shop):
    report = shop.audit()
    assert report["clean"], report["findings"]


def test_locations_are_made_changed_and_closed_when_empty(own_shop):
    shop = own_shop
    assert "main" in [l["code"] for l in shop.call("GET", "/v1/locations").json["data"]]
    made = place(shop, "depot-1", name="The depot", priority=10,
                 address={"line1": "1 Dock Road", "city": "Hull", "country": "GB"})
    assert made.headers["location"] == "/v1/locations/depot-1" and made.headers["etag"] == '"1"'
    assert place(shop, "van-1").json["name"] == "van-1"
    again = shop.call("POST", "/v1/locations", {"code": "depot-1"})
    assert (again.status, again.json["code"], again.headers["location"]) == (409, "location_taken", "/v1/locations/depot-1")
    assert shop.call("POST", "/v1/locations", {"code": "No Slug"}).json["errors"][0]["pointer"] == "/code"
    assert shop.call("GET", "/v1/locations", key=PUBLISHABLE).status == 403
    shop.product("MUG-1")
    shop.adjust("MUG-1", 5, location="depot-1")
    assert levels(shop, "MUG-1") == {"depot-1": (5, 0, 5)}
    shut = shop.call("PATCH", "/v1/locations/depot-1", {"active": False})
    assert (shut.status, shut.json["code"]) == (409, "location_not_empty")
    shop.adjust("MUG-1", -5, location="depot-1")
    assert shop.call("PATCH", "/v1/locations/depot-1", {"active": False}, headers={"If-Match": '"9"'}).status == 412
    assert shop.call("PATCH", "/v1/locations/depot-1", {"active": False}, headers={"If-Match": '"1"'}).json["active"] is False
    closed = shop.adjust("MUG-1", 1, location="depot-1")
    assert (closed.status, closed.json["code"]) == (409, "location_closed")
    unknown = shop.adjust("MUG-1", 1, location="attic")
    assert (unknown.status, unknown.json["errors"][0]["pointer"]) == (422, "/location")
    assert shop.call("PATCH", "/v1/locations/main", {"active": False}).json["code"] == "default_location"
    assert shop.call("PATCH", "/v1/locations/attic", {"priority": 1}).status == 404
    assert shop.call("PATCH", "/v1/locations/depot-1", {"address": None}).json["address"] is None
    shop.kill()
    shop.start()
    assert shop.call("GET", "/v1/locations/depot-1").json["active"] is False
    clean(shop)


def test_orders_take_units_where_the_priority_says_and_give_them_back_there(own_shop):
    shop = own_shop
    shop.product("MUG-2", units=2)
    place(shop, "depot-2", priority=1)
    place(shop, "office-2", priority=1, fulfils_online=False)
    shop.adjust("MUG-2", 3, location="depot-2")
    shop.adjust("MUG-2", 50, location="office-2")
    order = shop.order("MUG-2", 4).json
    assert order["status"] == "confirmed"
    assert levels(shop, "MUG-2") == {"main": (2, 1, 1), "depot-2": (3, 3, 0), "office-2": (50, 0, 50)}
    assert shop.order("MUG-2", 2).json["rejection"]["code"] == "out_of_stock", "the office serves no orders"
    shop.call("POST", f"/v1/orders/{order['id']}/cancel", {})
    until = time.time() + 20
    while levels(shop, "MUG-2")["depot-2"] != (3, 0, 3):
        assert time.time() < until
        time.sleep(0.05)
    assert levels(shop, "MUG-2")["main"] == (2, 0, 2)
    shop.call("PATCH", "/v1/locations/depot-2", {"priority": 200})
    order = shop.order("MUG-2", 3).json
    assert levels(shop, "MUG-2") == {"main": (2, 2, 0), "depot-2": (3, 1, 2), "office-2": (50, 0, 50)}
    assert shop.call("POST", f"/v1/orders/{order['id']}/fulfilments").status == 201
    assert levels(shop, "MUG-2") == {"main": (0, 0, 0), "depot-2": (2, 0, 2), "office-2": (50, 0, 50)}
    clean(shop)


def test_the_allocation_of_the_shop_decides(own_shop):
    shop = own_shop
    for sku in ("CUP-3", "POT-3"):
        shop.product(sku, units=1)
    place(shop, "depot-3")
    shop.adjust("CUP-3", 5, location="depot-3")
    shop.adjust("POT-3", 5, location="depot-3")
    lines = [{"sku": "CUP-3", "quantity": 1}, {"sku": "POT-3", "quantity": 2}]
    assert shop.call("PATCH", "/v1/shop", {"allocation": "fewest_locations"}).status == 200
    shop.kill()
    shop.start()
    assert shop.order("CUP-3", lines=lines).json["status"] == "confirmed"
    assert levels(shop, "CUP-3")["main"] == (1, 0, 1) and levels(shop, "POT-3")["main"] == (1, 0, 1)
    assert shop.call("PATCH", "/v1/shop", {"allocation": None}).status == 200
    assert shop.order("CUP-3", lines=lines).json["status"] == "confirmed"
    assert levels(shop, "CUP-3")["main"] == (1, 1, 0) and levels(shop, "POT-3")["main"] == (1, 1, 0)
    clean(shop)


def test_a_transfer_moves_all_lines_or_none(own_shop):
    shop = own_shop
    before = end_of_feed(shop)
    shop.product("MUG-4", units=10)
    shop.product("CUP-4", units=10)
    place(shop, "depot-4")
    shop.order("MUG-4", 8)
    once = key()
    refused = transfer(shop, "main", "depot-4", [("CUP-4", 5), ("MUG-4", 3)], once)
    assert (refused.status, refused.json["code"]) == (409, "stock_below_reserved")
    assert [e["pointer"] for e in refused.json["errors"]] == ["/lines/1/quantity"]
    assert levels(shop, "CUP-4") == {"main": (10, 0, 10)}
    made = transfer(shop, "main", "depot-4", [("CUP-4", 5), ("MUG-4", 2)], once, external_id="WMS-1-4")
    assert made.status == 201 and made.headers["location"] == "/v1/inventory/transfers/" + made.json["id"]
    again = transfer(shop, "main", "depot-4", [("CUP-4", 5), ("MUG-4", 2)], once, external_id="WMS-1-4")
    assert again.json == made.json and again.headers["idempotent-replayed"] == "true"
    assert levels(shop, "CUP-4") == {"main": (5, 0, 5), "depot-4": (5, 0, 5)}
    assert levels(shop, "MUG-4") == {"main": (8, 8, 0), "depot-4": (2, 0, 2)}
    taken = transfer(shop, "main", "depot-4", [("CUP-4", 1)], external_id="WMS-1-4")
    assert (taken.status, taken.headers["location"]) == (409, made.headers["location"])
    for start, to, pointer in (("main", "main", "/to"), ("attic", "main", "/from"), ("main", "attic", "/to")):
        wrong = transfer(shop, start, to, [("CUP-4", 1)])
        assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, pointer)
    assert shop.call("POST", "/v1/inventory/transfers", {}).status == 428
    events = [e["data"] for e in shop.call("GET", "/v1/events?types=catalog.StockAdjusted.v1&limit=1000&after=" + before).json["data"]]
    halves = [(e["sku"], e["location"], e["delta"]) for e in events if e.get("transfer_id") == made.json["id"]]
    assert sorted(halves) == [("CUP-4", "depot-4", 5), ("CUP-4", "main", -5), ("MUG-4", "depot-4", 2), ("MUG-4", "main", -2)]
    ledger = shop.call("GET", "/v1/inventory/CUP-4/ledger").json["data"]
    assert [(r["kind"], r["location"], r["delta_on_hand"]) for r in ledger[-2:]] == [
        ("transferred", "depot-4", 5), ("transferred", "main", -5)]
    second = transfer(shop, "depot-4", "main", [("CUP-4", 1)]).json
    first_page = shop.call("GET", "/v1/inventory/transfers?limit=1").json
    assert [t["id"] for t in first_page["data"]] == [second["id"]]
    next_page = shop.call("GET", "/v1/inventory/transfers?limit=1&cursor=" + first_page["next_cursor"]).json
    assert [t["id"] for t in next_page["data"]] == [made.json["id"]]
    assert shop.call("GET", made.headers["location"]).json == made.json
    clean(shop)


def test_a_count_is_reviewed_before_it_applies(own_shop):
    shop = own_shop
    shop.product("MUG-5", units=10)
    shop.product("CUP-5", units=4)
    draft = count(shop, [("MUG-5", 9), ("CUP-5", 4)], note="aisle 3")
    assert draft.status == 201
    assert [(l["sku"], l["expected"], l["counted"], l["difference"]) for l in draft.json["lines"]] == [
        ("MUG-5", 10, 9, -1), ("CUP-5", 4, 4, 0)]
    assert shop.stock("MUG-5") == (10, 0, 10), "a draft changes nothing"
    path = "/v1/inventory/counts/" + draft.json["id"]
    order = shop.order("MUG-5", 3).json
    shop.call("POST", f"/v1/orders/{order['id']}/fulfilments")
    amended = shop.call("PATCH", path, {"lines": [{"sku": "CUP-5", "counted": 6}]}, headers={"If-Match": draft.headers["etag"]})
    assert amended.json["lines"][1]["difference"] == 2
    stale = shop.call("POST", path + "/apply", {}, idempotency=key(), headers={"If-Match": draft.headers["etag"]})
    assert stale.status == 412
    once = key()
    applied = shop.call("POST", path + "/apply", {}, idempotency=once)
    assert (applied.status, applied.json["status"]) == (200, "applied")
    assert shop.stock("MUG-5") == (6, 0, 6), "what was sold since the count stays sold"
    assert shop.stock("CUP-5") == (6, 0, 6)
    assert shop.call("POST", path + "/apply", {}, idempotency=once).headers["idempotent-replayed"] == "true"
    assert shop.call("POST", path + "/apply", {}, idempotency=key()).json["code"] == "count_closed"
    assert shop.call("PATCH", path, {"remove": ["MUG-5"]}).json["code"] == "count_closed"
    assert shop.call("POST", path + "/cancel").json["code"] == "count_closed"
    assert shop.stock("MUG-5") == (6, 0, 6)
    clean(shop)


def test_a_count_below_what_is_reserved_needs_force(own_shop):
    shop = own_shop
    shop.product("MUG-6", units=10)
    shop.product("CUP-6", units=10)
    shop.order("MUG-6", 8)
    path = "/v1/inventory/counts/" + count(shop, [("CUP-6", 5), ("MUG-6", 2)]).json["id"]
    refused = shop.call("POST", path + "/apply", idempotency=key())
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (409, "/lines/1")
    assert shop.stock("CUP-6") == (10, 0, 10), "all lines or none"
    assert shop.call("POST", path + "/apply", {"force": True}, idempotency=key()).json["status"] == "applied"
    assert shop.stock("MUG-6") == (2, 8, -6)
    clean(shop)


def test_a_count_of_a_location_lists_what_stands_there(own_shop):
    shop = own_shop
    place(shop, "depot-7")
    for sku in ("A-7", "B-7", "C-7"):
        shop.product(sku, units=3)
    transfer(shop, "main", "depot-7", [("A-7", 1), ("B-7", 2)])
    listed = shop.call("POST", "/v1/inventory/counts", {"location": "depot-7", "scope": "location"}, idempotency=key())
    assert [(l["sku"], l["expected"], l["counted"]) for l in listed.json["lines"]] == [("A-7", 1, None), ("B-7", 2, None)]
    path = "/v1/inventory/counts/" + listed.json["id"]
    early = shop.call("POST", path + "/apply", idempotency=key())
    assert (early.status, [e["pointer"] for e in early.json["errors"]]) == (409, ["/lines/0/counted", "/lines/1/counted"])
    shop.call("PATCH", path, {"lines": [{"sku": "A-7", "counted": 0}], "remove": ["B-7"]})
    assert shop.call("POST", path + "/apply", idempotency=key()).status == 200
    assert levels(shop, "A-7") == {"main": (2, 0, 2), "depot-7": (0, 0, 0)}
    given_up = count(shop, [("C-7", 1)]).json
    assert shop.call("POST", f"/v1/inventory/counts/{given_up['id']}/cancel").json["status"] == "cancelled"
    page = shop.call("GET", "/v1/inventory/counts?limit=1").json
    assert [(c["id"], c["lines"], c["differences"]) for c in page["data"]] == [(given_up["id"], 1, 1)]
    rest = shop.call("GET", "/v1/inventory/counts?limit=1&cursor=" + page["next_cursor"]).json
    assert [c["id"] for c in rest["data"]] == [listed.json["id"]]
    drafts = shop.call("GET", "/v1/inventory/counts?filter[status]=draft").json["data"]
    assert not {listed.json["id"], given_up["id"]} & {c["id"] for c in drafts}
    assert shop.call("GET", "/v1/inventory/counts?filter[status]=lost").status == 422
    both = shop.call("POST", "/v1/inventory/counts", {"scope": "location", "lines": [{"sku": "A-7"}]}, idempotency=key())
    assert (both.status, both.json["errors"][0]["pointer"]) == (422, "/lines")
    clean(shop)


def test_transfers_and_orders_that_race_never_oversell(own_shop):
    shop = own_shop
    units = 60
    shop.product("HOT-8", units=units)
    place(shop, "depot-8", fulfils_online=False)
    stop, moved, sold = threading.Event(), [], []

    def move(there):
        while not stop.is_set():
            moved.append(transfer(shop, *(("main", "depot-8") if there else ("depot-8", "main")), [("HOT-8", random.randint(1, 9))]).status)

    def buy(_):
        for _ in range(12):
            sold.append(shop.order("HOT-8").json["status"])

    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        movers = [pool.submit(move, there) for there in (True, False)]
        buyers = [pool.submit(buy, i) for i in range(8)]
        for future in buyers:
            future.result()
        stop.set()
        for future in movers:
            future.result()
    assert set(moved) <= {201, 409} and 201 in moved
    confirmed = sold.count("confirmed")
    assert shop.stock("HOT-8") == (units, confirmed, units - confirmed)
    assert all(available >= 0 for _, _, available in levels(shop, "HOT-8").values())
    clean(shop)


def test_a_crash_among_transfers_leaves_none_half_done(own_shop):
    shop = own_shop
    skus = ["S1-9", "S2-9", "S3-9"]
    for sku in skus:
        shop.product(sku, units=1000)
    place(shop, "depot-9")
    answered, used = {}, itertools.count()
    for _ in range(3):
        stop = threading.Event()

        def work(_):
            while not stop.is_set():
                start, to = random.choice((("main", "depot-9"), ("depot-9", "main")))
                lines = [(sku, random.randint(1, 5)) for sku in random.sample(skus, 2)]
                once = f"move-{next(used)}"
                try:
                    answer = transfer(shop, start, to, lines, once)
                    shop.order(random.choice(skus), wait=0)
                except OSError:
                    return
                if answer.status == 201:
                    answered[once] = (start, to, lines, answer.json["id"])

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(work, i) for i in range(8)]
            time.sleep(0.5)
            shop.kill()
            stop.set()
            concurrent.futures.wait(futures)
        shop.start()
        clean(shop)
        for sku in skus:
            assert shop.stock(sku)[0] == 1000
    assert answered
    for once, (start, to, lines, made) in list(answered.items())[-20:]:
        again = transfer(shop, start, to, lines, once)
        assert again.json["id"] == made and again.headers["idempotent-replayed"] == "true"


def test_goods_of_a_closed_location_come_back_to_the_default_one(own_shop):
    shop = own_shop
    shop.product("BACK-10")
    place(shop, "depot-10", priority=1)
    shop.adjust("BACK-10", 1, location="depot-10")
    order = shop.order("BACK-10").json
    shop.call("POST", f"/v1/orders/{order['id']}/fulfilments")
    shop.settle()
    assert shop.call("PATCH", "/v1/locations/depot-10", {"active": False}).status == 200
    line = order["lines"][0]["id"]
    assert shop.call("POST", f"/v1/orders/{order['id']}/returns", {"lines": [{"line_id": line, "quantity": 1}]}).status == 201
    assert levels(shop, "BACK-10") == {"main": (1, 0, 1), "depot-10": (0, 0, 0)}
    clean(shop)


@pytest.mark.embedded("looks into the file of the shop")
@pytest.mark.parametrize("tampering,finding", [
    ("DELETE FROM catalog_transfer", "transfers are not as many"),
    ("UPDATE catalog_location SET data = replace(data, '\"priority\":7', '\"priority\":8')", "location depot is not what"),
    ("DELETE FROM catalog_location WHERE code = 'depot'", "location depot has no row"),
    ("UPDATE catalog_count SET data = replace(data, '\"counted\":1', '\"counted\":2')", "is not what its stream says"),
    ("UPDATE catalog_stock_level SET location = 'attic' WHERE location = 'depot'", "stock of MUG at attic is not what"),
])
def test_the_audit_finds_rows_that_are_not_what_the_events_say(own_shop, tampering, finding):
    shop = own_shop
    shop.product("MUG", units=10)
    place(shop, "depot", priority=7)
    transfer(shop, "main", "depot", [("MUG", 2)])
    draft = count(shop, [("MUG", 1)], location="depot").json
    assert shop.call("POST", f"/v1/inventory/counts/{draft['id']}/apply", idempotency=key()).status == 200
    assert shop.stop() == 0
    assert shop.run("audit", "--data", shop.data).returncode == 0
    with sqlite3.connect(shop.data + "/shop.db") as database:
        assert database.execute(tampering).rowcount >= 1
    audit = shop.run("audit", "--data", shop.data, "--json")
    assert audit.returncode == 1
    assert any(finding in found for found in json.loads(audit.stdout)["findings"]), audit.stdout
