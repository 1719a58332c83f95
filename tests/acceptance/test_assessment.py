"""An operator has the risk of an order judged anew: by what is known now, with no effect on anything."""
import uuid
import pytest
from conftest import PUBLISHABLE


def place(shop, email, token="tok_ok"):
    order = shop.order("LOOK", token=token, customer={"email": email, "name": "A"})
    assert order.status in (201, 202), order.body
    return order.json["id"]


def assess(shop, order, **named):
    return shop.call("POST", f"/v1/orders/{order}/assess", **named)


@pytest.fixture
def buyer(shop):
    if shop.call("GET", "/v1/products/look").status == 404:
        shop.product("LOOK", units=1000)
    return uuid.uuid4().hex + "@example.org"


def test_it_counts_what_came_after_and_changes_nothing(shop, buyer):
    first = place(shop, buyer)
    before = shop.call("GET", f"/v1/orders/{first}")
    looked = assess(shop, first)
    assert looked.status == 200, looked.body
    assert set(looked.json) == {"order_id", "score", "reject", "reasons", "assessed_at"}
    assert (looked.json["order_id"], looked.json["score"], looked.json["reject"], looked.json["reasons"]) == (first, 0, False, [])
    for _ in range(5):
        place(shop, buyer)
    shop.settle()
    again = assess(shop, first)
    assert (again.json["score"], again.json["reasons"]) == (30, ["many orders of this e-mail address within an hour"])
    assert again.json["assessed_at"] >= looked.json["assessed_at"]
    assert shop.call("GET", f"/v1/fraud/assessments/{first}").json["score"] == 0, "what was decided by stands as it was"
    after = shop.call("GET", f"/v1/orders/{first}")
    assert after.headers["etag"] == before.headers["etag"] and after.json == before.json


def test_an_order_that_is_decided_stays_so(shop, buyer):
    order = place(shop, buyer, token="tok_fraud")
    shop.settle()
    assert shop.call("GET", f"/v1/orders/{order}").json["status"] == "rejected"
    looked = assess(shop, order)
    assert (looked.json["score"], looked.json["reject"]) == (100, True)
    assert shop.call("GET", f"/v1/orders/{order}").json["status"] == "rejected"


def test_the_same_request_twice_is_answered_twice(shop, buyer):
    order, key = place(shop, buyer), uuid.uuid4().hex
    answers = [assess(shop, order, idempotency=key) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert len({(answer.json["score"], answer.json["reject"]) for answer in answers}) == 1


def test_what_cannot_be_assessed_is_refused(shop, buyer):
    unknown = assess(shop, "ord_00000000000000000000000000")
    assert (unknown.status, unknown.json["code"]) == (404, "order_not_found")
    order = place(shop, buyer)
    assert assess(shop, order, key=PUBLISHABLE).status == 403
    assert assess(shop, order, key=None).status == 401
    assert assess(shop, order, idempotency="x" * 256).status == 422
