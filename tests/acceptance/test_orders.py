"""The way of an order over HTTP, with its failures."""
import concurrent.futures, time, uuid
import pytest
from conftest import PUBLISHABLE

OUTCOMES = {
    "tok_ok": ("confirmed", None), "tok_slow": ("confirmed", None),
    "tok_timeout_then_success": ("confirmed", None), "tok_duplicate_webhook": ("confirmed", None),
    "tok_late_webhook": ("confirmed", None), "tok_declined": ("rejected", "payment_declined"),
    "tok_insufficient_funds": ("rejected", "insufficient_funds"), "tok_expired_card": ("rejected", "expired_card"),
    "tok_fraud": ("rejected", "fraud_suspected"), "tok_timeout_then_nothing": ("rejected", "payment_unavailable"),
    "tok_wrong_amount": ("rejected", "payment_mismatch"),
}


def test_every_token_of_the_simulator_ends_as_told(shop):
    shop.product("TOKENS", units=1000)
    with concurrent.futures.ThreadPoolExecutor(len(OUTCOMES)) as pool:
        answers = dict(zip(OUTCOMES, pool.map(lambda t: shop.order("TOKENS", 2, t), OUTCOMES)))
    for token, (status, code) in OUTCOMES.items():
        order = answers[token].json
        assert answers[token].status == 201, token
        assert (order["status"], (order["rejection"] or {}).get("code")) == (status, code), token
    confirmed = sum(1 for status, _ in OUTCOMES.values() if status == "confirmed")
    assert shop.stock("TOKENS") == (1000, 2 * confirmed, 1000 - 2 * confirmed)


def test_without_stock_it_is_rejected_and_nothing_is_reserved(shop):
    shop.product("FEW", units=3)
    order = shop.order("FEW", 4).json
    assert (order["status"], order["rejection"]["code"]) == ("rejected", "out_of_stock")
    assert shop.stock("FEW") == (3, 0, 3)


def test_a_key_makes_one_order(shop):
    shop.product("ONCE", units=10)
    key = uuid.uuid4().hex
    first, again = shop.order("ONCE", idempotency=key), shop.order("ONCE", idempotency=key)
    assert first.json["id"] == again.json["id"]
    assert again.headers["idempotent-replayed"] == "true"
    assert shop.stock("ONCE") == (10, 1, 9)
    other = shop.order("ONCE", 2, idempotency=key)
    assert (other.status, other.json["code"]) == (422, "idempotency_key_reused")
    missing = shop.call("POST", "/v1/orders", {})
    assert missing.status in (422, 428)


def test_an_order_keeps_the_price_of_its_moment(shop):
    shop.product("TODAY", amount=900, units=10)
    before = shop.order("TODAY").json
    product = shop.call("GET", "/v1/products/today").json
    variant = {**product["variants"][0], "prices": [{"amount": 1000, "currency": "GBP"}]}
    assert shop.call("PATCH", "/v1/products/" + product["id"], {"variants": [variant]}).status == 200
    shop.settle()
    after = shop.order("TODAY").json
    own = shop.call("POST", "/v1/orders", {
        "currency": "GBP", "customer": {"email": "a@example.org"}, "payment": {"provider": "simulator", "token": "tok_ok"},
        "lines": [{"sku": "TODAY", "quantity": 2, "unit_price": {"amount": 751, "currency": "GBP"}}]},
        idempotency=uuid.uuid4().hex, wait=30).json
    assert [order["total"]["amount"] for order in (before, after, own)] == [900, 1000, 1502]
    assert own["status"] == "confirmed", "it was paid what it costs"
    assert shop.call("GET", "/v1/orders/" + before["id"]).json["total"]["amount"] == 900


def test_an_external_id_is_unique_in_its_channel(shop):
    shop.product("EXTERNAL", units=10)
    first = shop.order("EXTERNAL", external_id="X-1")
    second = shop.order("EXTERNAL", external_id="X-1")
    assert second.status == 409
    assert second.headers["location"] == "/v1/orders/" + first.json["id"]
    assert shop.order("EXTERNAL", external_id="X-1", channel="other").json["status"] == "confirmed"


def test_unknown_skus_and_missing_prices_are_told_with_their_pointers(shop):
    shop.product("PRICED", units=10)
    answer = shop.call("POST", "/v1/orders", {
        "currency": "EUR", "customer": {"email": "a@example.org"},
        "lines": [{"sku": "PRICED", "quantity": 1}, {"sku": "NO-SUCH", "quantity": 1}],
        "payment": {"provider": "simulator", "token": "tok_ok"}}, idempotency=uuid.uuid4().hex)
    assert answer.status == 422
    assert [(e["pointer"], e["code"]) for e in answer.json["errors"]] == [
        ("/lines/0/sku", "no_price"), ("/lines/1/sku", "unknown_sku")]


def test_goods_go_out_and_come_back_and_the_money_with_them(shop):
    shop.product("WAY", amount=250, units=10)
    order = shop.order("WAY", 4).json
    line = order["lines"][0]["id"]
    path = f"/v1/orders/{order['id']}"
    part = shop.call("POST", path + "/fulfilments", {"lines": [{"line_id": line, "quantity": 1}]})
    assert (part.status, part.json["status"]) == (201, "partially_fulfilled")
    assert shop.stock("WAY") == (9, 3, 6)
    assert shop.call("POST", path + "/fulfilments").json["status"] == "fulfilled"
    assert shop.stock("WAY") == (6, 0, 6)
    assert shop.call("POST", path + "/fulfilments", {"lines": [{"line_id": line, "quantity": 1}]}).status == 409
    returned = shop.call("POST", path + "/returns", {"lines": [{"line_id": line, "quantity": 2}]})
    assert returned.status == 201
    assert returned.json["refunds"][0]["amount"]["amount"] == 500
    assert shop.stock("WAY") == (8, 0, 8)
    too_many = shop.call("POST", path + "/returns", {"lines": [{"line_id": line, "quantity": 3}]})
    assert (too_many.status, too_many.json["errors"][0]["code"]) == (422, "too_many_units")
    amount = {"amount": 501, "currency": "GBP"}
    too_much = shop.call("POST", path + "/refunds", {"amount": amount}, idempotency=uuid.uuid4().hex)
    assert (too_much.status, too_much.json["code"]) == (409, "refund_exceeds_captured")


def test_refunds_that_race_never_exceed_what_was_captured(shop):
    shop.product("RACE", amount=1000, units=10)
    order = shop.order("RACE").json
    def refund(_):
        return shop.call("POST", f"/v1/orders/{order['id']}/refunds",
                         {"amount": {"amount": 300, "currency": "GBP"}}, idempotency=uuid.uuid4().hex).status
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(refund, range(8)))
    assert sorted(statuses) == [201] * 3 + [409] * 5


def test_a_cancelled_order_gives_back_money_and_stock(shop):
    shop.product("CANCEL", units=5)
    order = shop.order("CANCEL", 2).json
    assert shop.call("POST", f"/v1/orders/{order['id']}/cancel", {"reason": "changed my mind"}).status == 200
    for _ in range(100):
        seen = shop.call("GET", f"/v1/orders/{order['id']}").json
        if seen["status"] == "cancelled":
            break
        time.sleep(0.05)
    assert (seen["status"], seen["payment_status"], seen["refunded"]["amount"]) == ("cancelled", "refunded", 1800)
    assert shop.stock("CANCEL") == (5, 0, 5)


def test_an_authorised_payment_is_captured_before_goods_leave(shop):
    shop.product("MANUAL", units=5)
    order = shop.order("MANUAL", payment={"provider": "simulator", "token": "tok_ok", "capture": "manual"}).json
    assert (order["status"], order["payment_status"]) == ("confirmed", "authorized")
    path = f"/v1/orders/{order['id']}"
    assert shop.call("POST", path + "/fulfilments").json["code"] == "not_captured"
    assert shop.call("POST", path + "/capture").status == 200
    for _ in range(100):
        if shop.call("GET", path).json["payment_status"] == "captured":
            break
        time.sleep(0.05)
    assert shop.call("POST", path + "/fulfilments").json["status"] == "fulfilled"


def test_a_publishable_key_reads_an_order_with_its_token_alone(shop):
    shop.product("TOKEN", units=5)
    order = shop.order("TOKEN", key=PUBLISHABLE).json
    path = f"/v1/orders/{order['id']}"
    assert shop.call("GET", path, key=PUBLISHABLE).status == 404
    assert shop.call("GET", path, key=PUBLISHABLE, headers={"Stoa-Order-Token": "ot_wrong"}).status == 404
    seen = shop.call("GET", path, key=PUBLISHABLE, headers={"Stoa-Order-Token": order["access_token"]})
    assert seen.json["customer"]["email"] == "a@example.org"
    assert shop.call("GET", path, key=None).status == 401
    assert shop.call("GET", path, key="sk_" + "x" * 32).status == 401
    assert shop.call("GET", "/v1/orders", key=PUBLISHABLE).status == 403
    priced = shop.order("TOKEN", key=PUBLISHABLE, lines=[
        {"sku": "TOKEN", "quantity": 1, "unit_price": {"amount": 1, "currency": "GBP"}}])
    assert (priced.status, priced.json["errors"][0]["code"]) == (422, "secret_key_required")


def test_a_card_number_is_refused_wherever_it_is_typed(shop):
    shop.product("CARD", units=5)
    number = "4111 1111 1111 1111"
    answer = shop.order("CARD", customer={"email": "a@example.org", "name": number})
    assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/customer/name")
    assert shop.order("CARD", token="4111111111111111").status == 422
    assert "4111" not in shop.logged()


@pytest.mark.embedded("looks into the file of the shop")
def test_personal_data_are_sealed_in_the_log(own_shop):
    own_shop.product("SEAL", units=5)
    own_shop.order("SEAL", customer={"email": "secret.person@example.org", "name": "Zebedee Quux"})
    own_shop.stop()
    for name in ("shop.db", "shop.db-wal"):
        try:
            content = open(own_shop.data + "/" + name, "rb").read()
        except FileNotFoundError:
            continue
        assert b"Zebedee" not in content and b"secret.person" not in content


def test_many_buyers_get_exactly_what_is_there(shop):
    shop.product("HOT", units=100)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        orders = [a.json for a in pool.map(lambda _: shop.order("HOT"), range(1000))]
    assert sum(o["status"] == "confirmed" for o in orders) == 100
    assert sum(o["status"] == "rejected" and o["rejection"]["code"] == "out_of_stock" for o in orders) == 900
    assert shop.stock("HOT") == (100, 100, 0)


def test_an_order_of_nothing_to_pay_needs_no_payment(shop):
    shop.product("FREE", amount=0, units=5)
    order = shop.call("POST", "/v1/orders", {
        "currency": "GBP", "customer": {"email": "a@example.org"}, "lines": [{"sku": "FREE", "quantity": 1}]},
        idempotency=uuid.uuid4().hex, wait=10).json
    assert (order["status"], order["payment_status"]) == ("confirmed", "not_required")
