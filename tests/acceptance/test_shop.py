"""The shop's own settings, and what follows from them: currencies, deadlines, order numbers."""
import concurrent.futures, sqlite3, threading, time, uuid
import pytest
from conftest import PUBLISHABLE


def patch(shop, body, **headers):
    answer = shop.call("PATCH", "/v1/shop", body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    shop.settle()
    return answer


def numbers_of(shop):
    """All orders' display numbers, the oldest first."""
    orders, cursor = [], ""
    while cursor is not None:
        page = shop.call("GET", "/v1/orders?limit=200" + (f"&cursor={cursor}" if cursor else "")).json
        orders += page["data"]
        cursor = page["next_cursor"]
    assert [o["number"] for o in orders] == list(range(len(orders), 0, -1))
    return [o["display_number"] for o in reversed(orders)]


@pytest.mark.embedded("begins with a new shop")
def test_a_new_shop_has_initial_settings(own_shop):
    answer = own_shop.call("GET", "/v1/shop")
    assert answer.headers["etag"] == '"0"'
    assert answer.json == {
        "name": None, "currencies": [], "languages": ["en"], "time_zone": "UTC",
        "addresses": {"legal": None, "returns": None, "support_email": None},
        "deadlines": {"payment_seconds": 900, "capture_seconds": 604800}, "allocation": "priority",
        "order_numbers": {"prefix": "", "pattern": "{seq}"}, "revision": 0, "updated_at": None}
    public = own_shop.call("GET", "/v1/shop", key=PUBLISHABLE)
    assert public.json == {"name": None, "currencies": [], "languages": ["en"], "time_zone": "UTC"}
    assert own_shop.call("GET", "/v1/shop", key=None).status == 401
    assert own_shop.call("PATCH", "/v1/shop", {"name": "X"}, key=PUBLISHABLE).status == 403


@pytest.mark.embedded("begins with a new shop")
def test_a_merge_patch_changes_what_it_names_and_null_takes_it_back(own_shop):
    first = patch(own_shop, {"name": "Pantry", "languages": ["en-GB", "cy"], "currencies": ["GBP", "EUR"],
                             "addresses": {"support_email": "help@example.org",
                                           "legal": {"line1": "1 High Street", "city": "Bath", "country": "GB"}},
                             "deadlines": {"payment_seconds": 60}})
    assert (first.status, first.headers["etag"]) == (200, '"1"')
    again = patch(own_shop, {"name": "Pantry"})
    assert again.headers["etag"] == '"1"', "nothing changed"
    second = own_shop.call("PATCH", "/v1/shop", raw=b'{"addresses":{"legal":{"line2":"Upstairs"}},"deadlines":{"payment_seconds":null}}',
                           headers={"Content-Type": "application/merge-patch+json"})
    assert second.json["addresses"]["legal"]["line1"] == "1 High Street"
    assert second.json["addresses"]["legal"]["line2"] == "Upstairs"
    assert second.json["deadlines"]["payment_seconds"] == 900
    own_shop.kill()
    own_shop.start()
    assert own_shop.call("GET", "/v1/shop").json == second.json
    events = own_shop.call("GET", "/v1/events?types=shop.ShopChanged.v1").json["data"]
    assert [e["data"]["name"] for e in events] == ["Pantry", "Pantry"]
    assert own_shop.call("GET", "/v1/audit").json["clean"]


def test_an_old_etag_changes_nothing(own_shop):
    etag = own_shop.call("GET", "/v1/shop").headers["etag"]
    assert patch(own_shop, {"name": "First"}, If_Match=etag).status == 200
    lost = patch(own_shop, {"name": "Second"}, If_Match=etag)
    assert (lost.status, lost.json["code"]) == (412, "revision_mismatch")
    assert own_shop.call("GET", "/v1/shop").json["name"] == "First"


@pytest.mark.parametrize("body,pointer", [
    ({"time_zone": "Mars/Olympus"}, "/time_zone"), ({"time_zone": "../../etc/passwd"}, "/time_zone"),
    ({"time_zone": "posix/Europe/London"}, "/time_zone"), ({"languages": []}, "/languages"),
    ({"languages": ["en", "en_GB"]}, "/languages/1"), ({"languages": ["en", "EN"]}, "/languages/1"),
    ({"currencies": ["GBP", "XYZ"]}, "/currencies/1"), ({"currencies": ["GBP", "GBP"]}, "/currencies/1"),
    ({"addresses": {"support_email": "nobody"}}, "/addresses/support_email"),
    ({"addresses": {"legal": {"city": "Bath"}}}, "/addresses/legal/line1"),
    ({"deadlines": {"payment_seconds": 0}}, "/deadlines/payment_seconds"),
    ({"deadlines": {"capture_seconds": 10**9}}, "/deadlines/capture_seconds"),
    ({"order_numbers": {"pattern": "{yyyy}"}}, "/order_numbers/pattern"), ({"allocation": "nearest"}, "/allocation"),
    ({"revision": 7}, "/revision"), ([], "")])
def test_bad_settings_are_named(shop, body, pointer):
    before = shop.call("GET", "/v1/shop").json
    answer = patch(shop, body)
    assert answer.status == 422
    assert pointer in [e["pointer"] for e in answer.json["errors"]]
    assert shop.call("GET", "/v1/shop").json == before


def test_orders_in_other_currencies_are_refused(own_shop):
    own_shop.product("MUG", units=5)
    assert own_shop.order("MUG").status == 201
    patch(own_shop, {"currencies": ["EUR"]})
    refused = own_shop.order("MUG")
    assert refused.status == 422
    assert [(e["pointer"], e["code"]) for e in refused.json["errors"]] == [("/currency", "currency_not_sold")]
    own_shop.kill()
    own_shop.start()
    assert own_shop.order("MUG").status == 422, "the copy is kept"
    patch(own_shop, {"currencies": None})
    assert own_shop.order("MUG").status == 201


def test_an_order_keeps_the_deadline_that_held_when_it_was_placed(own_shop):
    own_shop.product("LATE", units=5)
    manual = {"payment": {"provider": "simulator", "token": "tok_ok", "capture": "manual"}}
    before = own_shop.order("LATE", **manual).json["id"]
    patch(own_shop, {"deadlines": {"capture_seconds": 1}})
    after = own_shop.order("LATE", **manual).json["id"]
    patch(own_shop, {"deadlines": None})
    own_shop.kill()
    own_shop.start()
    until = time.time() + 20
    while own_shop.call("GET", "/v1/orders/" + after).json["status"] != "cancelled":
        assert time.time() < until
        time.sleep(0.1)
    assert own_shop.call("GET", "/v1/orders/" + before).json["status"] == "confirmed"


@pytest.mark.embedded("begins with a new shop")
def test_numbers_follow_the_pattern_from_the_next_order_on(own_shop):
    own_shop.product("NUM", units=100)
    assert own_shop.order("NUM").json["display_number"] == "1"
    patch(own_shop, {"order_numbers": {"prefix": "UK", "pattern": "{prefix}{yyyy}-{seq:4}"}})
    year = time.gmtime().tm_year
    assert [own_shop.order("NUM").json["display_number"] for _ in range(2)] == [f"UK{year}-0001", f"UK{year}-0002"]
    own_shop.kill()
    own_shop.start()
    third = own_shop.order("NUM").json
    assert (third["display_number"], third["number"]) == (f"UK{year}-0003", 4)
    patch(own_shop, {"order_numbers": {"pattern": "B{seq}"}})
    assert own_shop.order("NUM").json["display_number"] == "B5", "a count without a year goes on where the plain one stands"
    patch(own_shop, {"order_numbers": None})
    assert own_shop.order("NUM").json["display_number"] == "6"
    for order, shown in ((third, f"UK{year}-0003"), (own_shop.order("NUM").json, "7")):
        found = own_shop.call("GET", "/v1/orders?filter[display_number]=" + shown).json["data"]
        assert [o["id"] for o in found] == [order["id"]]
    assert own_shop.call("GET", "/v1/orders?filter[display_number]=4").json["data"] == [], "4 is not what people read"
    history = own_shop.call("GET", f"/v1/orders/{third['id']}/events").json["data"]
    assert history[0]["text"].startswith(f"Order UK{year}-0003 was placed")


@pytest.mark.embedded("begins with a new shop")
def test_a_number_that_is_taken_is_passed_over(own_shop):
    own_shop.product("OLD", units=100)
    for brought in ("A-2", "A-3", "4"):
        assert own_shop.order("OLD", display_number=brought).json["display_number"] == brought
    twice = own_shop.order("OLD", display_number="A-3")
    assert (twice.status, twice.json["code"]) == (409, "display_number_taken")
    assert own_shop.call("GET", twice.headers["location"]).json["display_number"] == "A-3"
    assert own_shop.order("OLD", display_number="A-9", key=PUBLISHABLE).status == 422
    assert own_shop.order("OLD").json["display_number"] == "5", "4 is taken: the plain count passes it over"
    patch(own_shop, {"order_numbers": {"pattern": "A-{seq}", "prefix": ""}})
    patch(own_shop, {"order_numbers": {"pattern": "{yyyy}/A-{seq}"}})
    year = time.gmtime().tm_year
    assert own_shop.order("OLD", display_number=f"{year}/A-1").status == 201
    assert own_shop.order("OLD").json["display_number"] == f"{year}/A-2"


@pytest.mark.embedded("looks into the file of the shop")
def test_a_crash_leaves_no_gap_in_the_numbers(own_shop):
    own_shop.product("GAP", units=100000)
    patch(own_shop, {"order_numbers": {"pattern": "{yyyy}-{seq:6}"}})
    year = time.gmtime().tm_year
    for _ in range(2):
        stop = threading.Event()

        def buy(_):
            while not stop.is_set():
                try:
                    own_shop.order("GAP", wait=0)
                except OSError:
                    return

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            futures = [pool.submit(buy, i) for i in range(8)]
            time.sleep(0.5)
            own_shop.kill()
            stop.set()
            concurrent.futures.wait(futures)
        own_shop.start()
    own_shop.order("GAP")
    numbers = numbers_of(own_shop)
    assert len(numbers) > 20
    assert numbers == [f"{year}-{at:06}" for at in range(1, len(numbers) + 1)]
    with sqlite3.connect(f"file:{own_shop.data}/shop.db?mode=ro", uri=True) as database:
        kept = database.execute("SELECT period, last FROM ordering_number_counters").fetchall()
    assert kept == [(str(year), len(numbers))], "else every start would search from 1"
    assert own_shop.call("GET", "/v1/audit").json["clean"]
