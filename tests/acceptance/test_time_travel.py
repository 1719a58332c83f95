"""Orders as they were, and what changed between two moments."""
import json, time, urllib.parse
from conftest import PUBLISHABLE


def history(shop, order_id):
    return shop.call("GET", f"/v1/orders/{order_id}/events").json["data"]


def at(shop, order_id, moment, **more):
    return shop.call("GET", f"/v1/orders/{order_id}?as_of=" + urllib.parse.quote(str(moment), safe=""), **more)


def refunded_order(shop, sku):
    shop.product(sku, 900, 10)
    order = shop.order(sku, 2).json
    line = order["lines"][0]["id"]
    assert shop.call("POST", f"/v1/orders/{order['id']}/fulfilments", {}).status == 201
    assert shop.call("POST", f"/v1/orders/{order['id']}/returns", {"lines": [{"line_id": line, "quantity": 1}]}).status == 201
    deadline = time.monotonic() + 20
    while history(shop, order["id"])[-1]["type"] != "RefundCompleted.v1":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return order["id"]


def test_an_order_is_shown_as_it_was_at_each_of_its_events(shop):
    order_id = refunded_order(shop, "PAST-1")
    events = history(shop, order_id)
    shown = [at(shop, order_id, event["revision"]).json for event in events]
    assert [one["revision"] for one in shown] == [event["revision"] for event in events]
    assert (shown[0]["status"], shown[0]["payment_status"]) == ("placed", "pending")
    assert shown[0]["lines"][0]["fulfilled"] == 0 and shown[0]["customer"]["email"] == "a@example.org"
    now = shop.call("GET", f"/v1/orders/{order_id}")
    assert shown[-1] == now.json and now.json["refunded"]["amount"] == 900
    assert at(shop, order_id, 3).headers["etag"] == '"3"'
    # A time means all that was recorded until then; the last of its own moment is within it.
    for event in events:
        last = max(e["revision"] for e in events if e["recorded_at"] <= event["recorded_at"])
        assert at(shop, order_id, event["recorded_at"]).json == shown[last - 1]
    assert at(shop, order_id, "2999-01-01T00:00:00Z").json == now.json
    zoned = events[-1]["recorded_at"].replace("Z", "+00:00")
    assert at(shop, order_id, zoned).json == now.json


def test_moments_at_which_there_was_no_such_order_are_404(shop):
    order_id = refunded_order(shop, "PAST-2")
    for moment, code in (("2020-01-01T00:00:00Z", "not_at_that_moment"), (0, "not_at_that_moment"), (999, "not_at_that_moment")):
        answer = at(shop, order_id, moment)
        assert (answer.status, answer.json["code"]) == (404, code), moment
    assert at(shop, "ord_01m85qfe22e01vnc1w6kk5v4sq", 1).json["code"] == "order_not_found"
    for wrong in ("yesterday", "-1", "", "1.5", "2026-11-24"):
        answer = at(shop, order_id, wrong)
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "query/as_of", wrong


def test_the_past_of_an_order_needs_the_same_key_as_its_present(shop):
    order_id = refunded_order(shop, "PAST-3")
    token = shop.call("GET", f"/v1/orders/{order_id}").json["access_token"]
    assert at(shop, order_id, 1, key=PUBLISHABLE).status == 404
    assert at(shop, order_id, 1, key=PUBLISHABLE, headers={"Stoa-Order-Token": token}).json["revision"] == 1
    assert shop.call("GET", f"/v1/orders/{order_id}/diff?from=1", key=PUBLISHABLE, headers={"Stoa-Order-Token": token}).status == 403


def apply(changes, state):
    """The state after, made of the one before and what is told to have changed."""
    state = json.loads(json.dumps(state))
    for one in changes:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in one["pointer"].split("/")[1:]]
        place = state
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if isinstance(place, list):
            if one["change"] == "added":
                assert int(last) == len(place)
                place.append(one["after"])
            else:
                assert place[int(last)] == one["before"]
                place[int(last)] = one["after"]
        elif one["change"] == "removed":
            assert place.pop(last) == one["before"]
        else:
            assert place.get(last) == one["before"]
            place[last] = one["after"]
    return state


def test_a_diff_tells_the_events_between_and_all_that_they_changed(shop):
    order_id = refunded_order(shop, "PAST-4")
    events = history(shop, order_id)
    states = [{}] + [at(shop, order_id, event["revision"]).json for event in events]
    for first, last in ((0, len(events)), (1, 3), (2, len(events)), (3, 3)):
        told = shop.call("GET", f"/v1/orders/{order_id}/diff?from={first}&to={last}").json
        assert (told["from"]["revision"], told["to"]["revision"]) == (first, last)
        assert [e["type"] for e in told["events"]] == [e["type"] for e in events[first:last]]
        assert apply(told["changes"], states[first]) == states[last]
    assert told["changes"] == []
    whole = shop.call("GET", f"/v1/orders/{order_id}/diff?from=1").json
    pointers = {one["pointer"]: one for one in whole["changes"]}
    assert (pointers["/status"]["before"], pointers["/status"]["after"]) == ("placed", "fulfilled")
    assert pointers["/lines/0/returned"]["after"] == 1 and pointers["/returns/0"]["change"] == "added"
    by_time = shop.call("GET", f"/v1/orders/{order_id}/diff?from=2020-01-01T00:00:00Z&to=" + events[-1]["recorded_at"]).json
    assert by_time["from"] == {"revision": 0, "recorded_at": None} and by_time["to"]["revision"] == len(events)


def test_wrong_diffs_are_named(shop):
    order_id = refunded_order(shop, "PAST-5")
    for query, pointer in (("", "query/from"), ("from=x", "query/from"), ("from=3&to=1", "query/from"),
                           ("from=1&to=soon", "query/to"), ("from=1&until=2", "query/until")):
        answer = shop.call("GET", f"/v1/orders/{order_id}/diff?{query}")
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == pointer, query
    assert shop.call("GET", "/v1/orders/ord_01m85qfe22e01vnc1w6kk5v4sq/diff?from=1").status == 404
