"""Server-sent events: an order's steps, and the integration events of the shop."""
import itertools, json, re, threading, time, urllib.request
import pytest
from conftest import PUBLISHABLE, SECRET
from sse import Stream, end_of_feed
from patience import judge_memory
from steered import until


def pages(shop, types=""):
    """All of GET /v1/events."""
    items, after = [], "0"
    while True:
        page = shop.call("GET", f"/v1/events?limit=1000&after={after}&types={types}").json
        items += page["data"]
        if page["next_after"] == after or not page["data"]:
            return items
        after = page["next_after"]


def placed(shop, sku, **members):
    order = shop.order(sku, **members)
    assert order.status in (201, 202), order.body
    return order.json


def steps_of(shop, order_id):
    """What the stream must show, from the history that only the secret key sees."""
    shown = {"OrderPlaced": "placed", "OrderStockReserved": "reserved", "OrderConfirmed": "confirmed", "OrderPaid": "paid",
             "OrderRejected": "rejected", "OrderCancelled": "cancelled", "FulfilmentRecorded": "fulfilled",
             "ReturnRecorded": "returned", "RefundRequested": "refund_begun", "RefundCompleted": "refunded"}
    history = shop.call("GET", f"/v1/orders/{order_id}/events").json["data"]
    return [(str(one["revision"]), shown[one["type"].split(".")[0]]) for one in history if one["type"].split(".")[0] in shown]


def seen(events):
    return [(event.id, event.type) for event in events]


def test_an_order_tells_its_steps_and_goes_on_as_they_happen(shop):
    shop.product("SSE-1", units=10)
    order = placed(shop, "SSE-1", quantity=2)
    with Stream(shop, f"/v1/orders/{order['id']}/stream") as stream:
        assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["cache-control"] == "no-store" and "content-length" not in stream.headers
        events = stream.until("confirmed")
        assert seen(events) == steps_of(shop, order["id"]) and events[0].type == "placed" and stream.retry == "2000"
        last = events[-1].json
        assert (last["order_id"], last["number"], last["status"], last["payment_status"]) == \
            (order["id"], order["number"], "confirmed", "captured")
        tracking = {"carrier": "Post", "number": "T1", "url": "https://example.org/T1"}
        shop.call("POST", f"/v1/orders/{order['id']}/fulfilments", {"tracking": tracking})
        shipped = stream.next()
        assert shipped.type == "fulfilled" and shipped.json["status"] == "fulfilled"
        assert shipped.json["fulfilment"]["tracking_number"] == "T1"
        shop.call("POST", f"/v1/orders/{order['id']}/refunds", {"amount": order["total"]}, idempotency="sse-refund")
        refunded = stream.until("refunded")
        assert refunded[-1].json["payment_status"] == "refunded"
        assert seen(events + [shipped] + refunded) == steps_of(shop, order["id"])


def test_a_client_that_comes_back_goes_on_exactly_where_it_was(shop):
    shop.product("SSE-2", units=10)
    order = placed(shop, "SSE-2")
    path = f"/v1/orders/{order['id']}/stream"
    whole = steps_of(shop, order["id"])
    for at, (revision, _) in enumerate(whole[:-1]):
        with Stream(shop, path, last_event_id=revision) as stream:
            assert seen(stream.take(len(whole) - at - 1)) == whole[at + 1:]
    with Stream(shop, path, last_event_id=whole[-1][0]) as stream:
        shop.call("POST", f"/v1/orders/{order['id']}/cancel", {})
        assert stream.next().type in ("cancelled", "refund_begun")


def test_who_may_read_an_order_may_stream_it_and_nobody_else(shop):
    shop.product("SSE-3", units=10)
    mine, other = placed(shop, "SSE-3"), placed(shop, "SSE-3")
    path, token = f"/v1/orders/{mine['id']}/stream", mine["access_token"]
    for query, key, headers in (("", SECRET, {}), ("", PUBLISHABLE, {"Stoa-Order-Token": token}),
                                ("", None, {"Stoa-Order-Token": token}), ("?token=" + token, None, {}),
                                ("?token=" + token, PUBLISHABLE, {})):
        with Stream(shop, path + query, key=key, headers=headers) as stream:
            assert stream.status == 200 and stream.next().type == "placed"
    for query, key, headers in (("", None, {}), ("", PUBLISHABLE, {}), ("?token=", None, {}), ("?token=ot_0", None, {}),
                                ("?token=" + other["access_token"], None, {}),
                                ("", PUBLISHABLE, {"Stoa-Order-Token": other["access_token"]})):
        assert shop.call("GET", path + query, key=key, headers=headers).status == 404
    assert shop.call("GET", "/v1/orders/ord_00000000000000000000000000/stream").status == 404
    assert shop.call("GET", path, key="sk_" + "0" * 32).status == 401
    # On this route alone.
    assert shop.call("GET", f"/v1/orders/{mine['id']}?token={token}", key=PUBLISHABLE).status == 404


def test_a_token_in_the_query_is_in_no_log_and_no_answer(shop_with):
    shop = shop_with(Logging__Level="debug")
    shop.product("SSE-4", units=5)
    order = placed(shop, "SSE-4")
    path = f"/v1/orders/{order['id']}/stream"
    with Stream(shop, f"{path}?token={order['access_token']}", key=None) as stream:
        assert stream.next().type == "placed"
    refused = shop.call("GET", f"{path}?token={order['access_token']}&other=1", key=None)
    assert refused.status == 422 and refused.json["errors"][0]["pointer"] == "query/other"
    shop.stop()
    log = open(shop.data + "/log").read()
    assert '"route":"/v1/orders/{id}/stream"' in log
    assert order["access_token"] not in log and order["access_token"] not in refused.body.decode()


@pytest.mark.parametrize("path,ids", [
    ("/v1/orders/{id}/stream", ("soon", "-1", "0", "1.5", "99999999999999999999", "4711")),
    ("/v1/events/stream", ("soon", "catalog:-1", "nobody:1", "catalog:999999999", "catalog:1,ordering"))])
def test_a_wrong_last_event_id_is_400_and_names_the_header(shop, path, ids):
    shop.product("SSE-5" + str(len(path)), units=5)
    order = placed(shop, "SSE-5" + str(len(path)))
    for last in ids:
        answer = shop.call("GET", path.replace("{id}", order["id"]), headers={"Last-Event-ID": last})
        assert (answer.status, answer.json["code"]) == (400, "wrong_last_event_id"), (last, answer.body)
        assert answer.json["errors"][0]["pointer"] == "header/Last-Event-ID"


def test_the_feed_streams_what_its_pages_hold(shop):
    shop.product("SSE-6", units=10)
    placed(shop, "SSE-6")
    whole = pages(shop)
    with Stream(shop, "/v1/events/stream") as stream:
        events = stream.take(len(whole))
        for service in ("catalog", "ordering", "payment", "agents"):
            of = lambda items: [item["id"] for item in items if item["service"] == service]
            assert of([event.json for event in events]) == of(whole)
        assert events[0].type == events[0].json["type"]
        order = placed(shop, "SSE-6")
        live = stream.until("ordering.OrderConfirmed.v1")
        assert live[-1].json["subject"] == "order-" + order["id"]
    # An id is a cursor of the pages too.
    after = shop.call("GET", f"/v1/events?limit=1000&after={events[-1].id}").json["data"]
    assert {item["id"] for item in after} == {item["id"] for item in pages(shop)} - {event.json["id"] for event in events}


def test_the_feed_filters_and_begins_where_it_is_told(shop):
    shop.product("SSE-7", units=10)
    cursor = end_of_feed(shop)
    wanted = "ordering.OrderPlaced.v1,payment.PaymentCaptured.v1"
    with Stream(shop, f"/v1/events/stream?after={cursor}&types={wanted}") as stream:
        orders = [placed(shop, "SSE-7") for _ in range(3)]
        events = stream.take(6)
    assert {event.type for event in events} == set(wanted.split(","))
    assert [event.json["subject"] for event in events if event.type.startswith("ordering")] == ["order-" + o["id"] for o in orders]
    # The header goes before the parameter, as a browser comes back to the address that it was given.
    with Stream(shop, f"/v1/events/stream?after={cursor}&types={wanted}", last_event_id=events[2].id) as stream:
        assert {event.json["id"] for event in stream.take(3)} == {event.json["id"] for event in events[3:]}
    assert shop.call("GET", "/v1/events/stream", key=PUBLISHABLE).status == 403
    assert shop.call("GET", "/v1/events/stream", key=None).status == 401
    wrong = shop.call("GET", "/v1/events/stream?after=soon&limit=1")
    assert wrong.status == 422 and wrong.json["errors"][0]["pointer"] == "query/limit"
    assert shop.call("GET", "/v1/events/stream?after=soon").json["errors"][0]["pointer"] == "query/after"


def test_after_a_kill_a_client_goes_on_without_gap_or_repeat(own_shop):
    shop = own_shop
    shop.product("SSE-8", units=100_000)
    seen_ids, last, broken = [], None, 0
    buying = threading.Event()

    def buy():
        while not buying.is_set():
            try:
                shop.order("SSE-8", wait=0)
            except OSError:
                time.sleep(0.02)

    buyers = [threading.Thread(target=buy) for _ in range(3)]
    for buyer in buyers:
        buyer.start()
    try:
        for life in range(3):
            stream = Stream(shop, "/v1/events/stream", last_event_id=last)
            for event in stream.take(150):
                seen_ids.append(event.json["id"])
                last = event.id
            shop.kill()
            # What was under way when the process died belongs to the client: it may have come whole or not.
            while (event := stream.next()) is not None:
                seen_ids.append(event.json["id"])
                last = event.id
            broken += not stream.ended
            stream.close()
            shop.start()
    finally:
        buying.set()
        for buyer in buyers:
            buyer.join()
    assert broken == 3
    until(lambda: not shop.audit()["checked"]["in_flight"])  # or more would come meanwhile
    whole = pages(shop)
    with Stream(shop, "/v1/events/stream", last_event_id=last) as stream:
        seen_ids += [event.json["id"] for event in stream.take(len(whole) - len(seen_ids))]
    assert len(seen_ids) == len(set(seen_ids))
    for service in ("catalog", "ordering", "payment", "agents"):
        assert [one for one in seen_ids if one.startswith(service + ":")] == [item["id"] for item in whole if item["service"] == service]


def test_two_hundred_streams_at_once_hold_no_reader_and_see_everything(shop_with):
    shop = shop_with(Http__ReaderThreads=1)
    shop.product("SSE-9", units=1000)
    orders = [placed(shop, "SSE-9") for _ in range(10)]
    streams = [Stream(shop, f"/v1/orders/{orders[at % 10]['id']}/stream") for at in range(200)]
    try:
        for stream in streams:
            stream.until("confirmed")
        assert re.search(r"^stoa_http_streams 200$", metrics(shop), re.M)
        for order in orders:  # the only reader thread serves everyone meanwhile
            assert shop.call("POST", f"/v1/orders/{order['id']}/fulfilments", {}).status == 201
        for stream in streams:
            assert stream.next().type == "fulfilled"
    finally:
        for stream in streams:
            stream.close()
    wait_for(lambda: re.search(r"^stoa_http_streams 0$", metrics(shop), re.M))


def metrics(shop):
    return shop.call("GET", "/metrics", key=None).body.decode()


def wait_for(true):
    for _ in range(1000):
        if true():
            return
        time.sleep(0.02)
    assert true()


def test_beyond_the_most_streams_the_next_is_503_and_let_in_later(shop_with):
    shop = shop_with(Http__StreamsMax=2)
    streams = [Stream(shop, "/v1/events/stream") for _ in range(2)]
    refused = shop.call("GET", "/v1/events/stream")
    assert (refused.status, refused.json["code"]) == (503, "too_many_streams") and refused.headers["retry-after"]
    streams[0].close()  # is noticed at once, not at the next heartbeat
    wait_for(lambda: re.search(r"^stoa_http_streams 1$", metrics(shop), re.M))
    with Stream(shop, "/v1/events/stream") as stream:
        assert stream.status == 200
    streams[1].close()


def test_a_client_that_reads_too_slowly_is_cut_off_and_memory_stays_bounded(shop_with):
    shop = shop_with(Http__BodyTimeoutMs=500)
    for at in range(20):
        assert shop.call("POST", "/v1/products", {"title": f"Big {at}", "options": [{"name": "Size", "values": [str(n) for n in range(100)]}], "variants": [
            {"sku": f"BIG-{at}-{n}", "options": [str(n)], "prices": [{"amount": 1, "currency": "GBP"}]} for n in range(100)]}).status == 201
    for at in range(400):
        shop.product(f"SLOW-{at}")
    memory = lambda: float(re.search(r"^process_resident_memory_bytes (\S+)", metrics(shop), re.M).group(1))
    before = memory()
    slow = [Stream(shop, "/v1/events/stream", receive_buffer=2048) for _ in range(50)]
    wait_for(lambda: re.search(r"^stoa_http_streams 0$", metrics(shop), re.M))
    judge_memory(memory() - before, 40e6)  # 50 clients, a piece of 64 kB each, and its JSON
    for stream in slow:
        while stream.next() is not None:
            pass
        assert stream.closed and not stream.ended
        stream.close()


def test_heartbeats_keep_an_idle_stream_beyond_the_idle_timeout(shop_with):
    shop = shop_with(Http__StreamHeartbeatMs=50, Http__IdleTimeoutMs=200)
    shop.product("SSE-10", units=5)
    order = placed(shop, "SSE-10")
    with Stream(shop, f"/v1/orders/{order['id']}/stream") as stream:
        stream.until("confirmed")
        later = threading.Timer(1, lambda: shop.call("POST", f"/v1/orders/{order['id']}/fulfilments", {}))
        later.start()
        assert stream.next().type == "fulfilled" and stream.comments >= 5
        later.join()


def test_an_old_stream_ends_properly(shop_with):
    shop = shop_with(Http__StreamSecondsMax=1)
    with Stream(shop, "/v1/events/stream") as stream:
        while stream.next() is not None:
            pass
        assert stream.ended


def test_a_stop_ends_streams_properly_and_at_once(shop_with):
    shop = shop_with()
    streams = [Stream(shop, "/v1/events/stream") for _ in range(20)]
    begun = time.monotonic()
    assert shop.stop() == 0 and time.monotonic() - begun < 4  # less than what is granted to running requests
    for stream in streams:
        while stream.next() is not None:
            pass
        assert stream.ended
        stream.close()


def test_http_1_0_gets_the_stream_without_chunks_and_head_its_header_alone(shop):
    shop.product("SSE-11", units=5)
    order = placed(shop, "SSE-11")
    path = f"/v1/orders/{order['id']}/stream"
    with Stream(shop, path, version="1.0") as stream:
        assert stream.status == 200 and not stream.chunked and stream.until("confirmed")[-1].json["status"] == "confirmed"
    with Stream(shop, path, method="HEAD") as stream:
        assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream"
        with pytest.raises(EOFError):
            stream._receive()


def test_the_routes_stand_in_the_description(shop):
    paths = shop.call("GET", "/openapi.json", key=None).json["paths"]
    stream = paths["/v1/orders/{id}/stream"]["get"]
    assert "text/event-stream" in stream["responses"]["200"]["content"]
    assert [one["name"] for one in stream["parameters"]] == ["id", "token"]
    assert "text/event-stream" in paths["/v1/events/stream"]["get"]["responses"]["200"]["content"]
