"""Orders paid through Stripe, against the shapes of its API; stripe-mock checks every request that the shop makes."""
import json, time, uuid
import pytest
from conftest import PUBLISHABLE, Shop
from patience import PATIENCE
from stripe_shapes import KEY, sign, stripe, stripe_mock

pytestmark = pytest.mark.embedded("Stripe is behind the same adapter in both")

OLD, NEW = "whsec_of_the_old_endpoint", "whsec_of_the_new_endpoint"


def settings(port, **more):
    return {"Payment__Stripe__SecretKey": KEY, "Payment__Stripe__BaseUrl": f"http://127.0.0.1:{port}",
            "Payment__Stripe__WebhookSecrets": f"{NEW},{OLD}", "Payment__ProviderTimeoutMs": 1000, **more}


@pytest.fixture(scope="module")
def shapes():
    with stripe() as shapes:
        yield shapes
        assert not shapes.refused_by_mock, shapes.refused_by_mock[:3]
        assert shapes.requests


@pytest.fixture(scope="module")
def shop(shapes):
    shop = Shop(**settings(shapes.port)).start()
    shop.product("CUP", 900, units=10_000)
    yield shop
    assert KEY not in open(shop.data + "/log").read() and NEW not in open(shop.data + "/log").read()
    shop.remove()


@pytest.fixture(autouse=True)
def well_behaved(shapes):
    shapes.faults, shapes.before_answer, shapes.search_sees, shapes.refund_status = [], None, True, "succeeded"
    shapes.loses_confirmed = False


@pytest.fixture
def hasty(shapes, shop_with):
    """A shop whose orders wait two seconds for their money."""
    shop = shop_with(**settings(shapes.port, Ordering__PaymentDeadlineSeconds=2))
    shop.product("CUP", 900, units=100)
    return shop


def order(shop, token="pm_card_visa", wait=30, capture=None, **members):
    payment = {"provider": "stripe", "token": token, **({"capture": capture} if capture else {})}
    answer = shop.order("CUP", payment=payment, wait=wait, **members)
    assert answer.status in (201, 202), answer.body
    return answer.json


def seen(shop, order):
    return shop.call("GET", f"/v1/orders/{order['id']}").json


def payment_of(shop, order):
    return shop.call("GET", "/v1/payments/" + order["payments"][0]["id"]).json


def count(shop, order, kind):
    return sum(one["type"] == kind for one in payment_of(shop, order)["history"])


def until(ask, want, seconds=25):
    end = time.monotonic() + seconds * PATIENCE
    while (found := ask()) != want:
        assert time.monotonic() < end, (found, want)
        time.sleep(0.05)


def report(shop, shapes, kind, about, secret=NEW, age=0, raw=None, status=200):
    raw = raw or shapes.event(kind, about)
    answer = shop.call("POST", "/v1/webhooks/payments/stripe", raw=raw, key=None,
                       headers={"Stripe-Signature": sign(raw, secret, age)})
    assert answer.status == status, answer.body
    return raw


def clean(shop):
    answer = shop.call("GET", "/v1/audit").json
    assert answer["clean"], answer["findings"]
    assert answer["checked"]["payments_not_compared"] > 0


def test_an_order_is_paid_at_once(shop, shapes):
    made = order(shop)
    assert (made["status"], made["payment_status"]) == ("confirmed", "captured")
    [intent] = shapes.of_order(made["id"])
    assert (intent["status"], intent["amount"], intent["currency"]) == ("succeeded", 900, "gbp")
    assert intent["metadata"]["stoa_payment_id"] == made["payments"][0]["id"]
    assert payment_of(shop, made)["reference"] == intent["id"]
    sent = [headers for method, path, form, headers in shapes.requests
            if method == "POST" and form.get("metadata[stoa_order_id]") == made["id"]]
    # On a machine that is busy it may be asked twice, by the same key.
    assert {one["Idempotency-Key"] for one in sent} == {made["payments"][0]["id"]}
    assert sent[0]["Stripe-Version"] == "2026-08-26.dahlia"
    clean(shop)


def test_held_money_is_taken_before_goods_leave(shop, shapes):
    made = order(shop, capture="manual")
    path = "/v1/orders/" + made["id"]
    assert (made["status"], made["payment_status"]) == ("confirmed", "authorized")
    assert shapes.money_of(made["id"]) == (0, 0)
    assert shop.call("POST", path + "/capture").status == 200
    until(lambda: seen(shop, made)["payment_status"], "captured")
    assert shapes.money_of(made["id"]) == (900, 0)
    assert shop.call("POST", path + "/fulfilments").json["status"] == "fulfilled"
    clean(shop)


def cancel(shop, made):
    assert shop.call("POST", f"/v1/orders/{made['id']}/cancel", {"reason": "changed my mind"}).status == 200
    until(lambda: seen(shop, made)["status"], "cancelled")


def test_a_cancelled_order_gives_back_or_lets_go(shop, shapes):
    taken, held = order(shop), order(shop, capture="manual")
    cancel(shop, taken)
    cancel(shop, held)
    assert shapes.money_of(taken["id"]) == (900, 900)
    assert shapes.money_of(held["id"]) == (0, 0)
    assert shapes.of_order(held["id"])[0]["status"] == "canceled"
    clean(shop)


def refund(shop, made, amount=None):
    body = {"amount": {"amount": amount, "currency": "GBP"}} if amount else {}
    answer = shop.call("POST", f"/v1/orders/{made['id']}/refunds", body, idempotency=uuid.uuid4().hex)
    assert answer.status in (200, 201, 202), answer.body


def test_refunds_in_parts_and_whole(shop, shapes):
    made = order(shop)
    refund(shop, made, 300)
    until(lambda: seen(shop, made)["refunded"]["amount"], 300)
    refund(shop, made, 600)
    until(lambda: seen(shop, made)["refunded"]["amount"], 900)
    assert shapes.money_of(made["id"]) == (900, 900)
    clean(shop)


@pytest.mark.parametrize("token, code", [
    ("pm_card_chargeDeclined", "payment_declined"),
    ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
    ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
    ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
    ("pm_card_chargeDeclinedProcessingError", "processing_error"),
    ("pm_card_visa_chargeDeclinedFraudulent", "payment_declined"),
    ("pm_unknown", "invalid_payment_method"),
])
def test_declines_have_our_codes_and_leave_nothing_to_pay(shop, shapes, token, code):
    made = order(shop, token)
    assert (made["status"], made["rejection"]["code"]) == ("rejected", code)
    assert all(one["status"] == "canceled" for one in shapes.of_order(made["id"]))
    assert shapes.money_of(made["id"]) == (0, 0)


def test_amounts_that_stripe_refuses_are_declined(shop, shapes):
    shop.product("PIN", 20, units=10)
    answer = shop.order("PIN", payment={"provider": "stripe", "token": "pm_card_visa"}).json
    assert (answer["status"], answer["rejection"]["code"]) == ("rejected", "amount_not_supported")


@pytest.mark.parametrize("fault", ["hang", "close", "fail_after"])
def test_a_payment_whose_answer_is_lost_is_found(shop, shapes, fault):
    shapes.faults = [("POST", "/v1/payment_intents", fault)]
    made = order(shop)
    assert made["status"] == "confirmed"
    assert shapes.money_of(made["id"]) == (900, 0) and len(shapes.of_order(made["id"])) == 1
    assert not shapes.faults
    clean(shop)


@pytest.mark.parametrize("fault", ["hang", "close"])
def test_a_lost_payment_that_the_search_does_not_see_yet_is_sent_again_with_its_key(shop, shapes, fault):
    shapes.search_sees = False
    shapes.faults = [("POST", "/v1/payment_intents", fault)]
    made = order(shop)
    assert made["status"] == "confirmed"
    assert shapes.money_of(made["id"]) == (900, 0) and len(shapes.of_order(made["id"])) == 1


def test_a_repeated_answer_is_not_taken_for_news(shop, shapes):
    """Stripe repeats its first answer to a key, though the payer has paid since."""
    shapes.search_sees = False
    shapes.faults = [("POST", "/v1/payment_intents", "close")]
    made = order(shop, "pm_card_authenticationRequired", wait=0)
    until(lambda: len(shapes.of_order(made["id"])), 1)
    with shapes.lock:
        shapes.pay(shapes.of_order(made["id"])[0])
    until(lambda: seen(shop, made)["status"], "confirmed")
    assert len(shapes.of_order(made["id"])) == 1


@pytest.mark.parametrize("fault", ["lost", "limit"])
def test_a_payment_that_never_arrived_is_sent_again(shop, shapes, fault):
    shapes.faults = [("POST", "/v1/payment_intents", fault)]
    made = order(shop)
    assert made["status"] == "confirmed"
    assert shapes.money_of(made["id"]) == (900, 0) and len(shapes.of_order(made["id"])) == 1


def test_a_failure_that_stripe_repeats_ends_with_the_deadline(hasty, shapes):
    """Stripe's own failure is its answer to this key: the order waits for its deadline, and ends without money."""
    shapes.faults = [("POST", "/v1/payment_intents", "fail")]
    made = order(hasty)
    assert (made["status"], made["rejection"]["code"]) == ("rejected", "payment_timeout")
    assert shapes.money_of(made["id"]) == (0, 0)


def test_a_payment_that_never_arrived_is_not_made_for_an_order_that_has_ended(hasty, shapes):
    shapes.loses_confirmed = True
    made = order(hasty, wait=0)
    until(lambda: payment_of(hasty, made)["closing"] is not None, True)
    shapes.loses_confirmed = False
    until(lambda: seen(hasty, made)["status"], "rejected")
    made = seen(hasty, made)
    assert (made["status"], made["rejection"]["code"]) == ("rejected", "payment_timeout")
    assert shapes.money_of(made["id"]) == (0, 0), "a card was charged for an order that nobody wanted any more"
    assert [one["status"] for one in shapes.of_order(made["id"])] == ["canceled"]


@pytest.mark.parametrize("search_sees", [True, False])
def test_a_payment_that_did_arrive_is_given_back_when_its_order_has_ended(hasty, shapes, search_sees):
    shapes.search_sees = search_sees
    shapes.faults = [("POST", "/v1/payment_intents", "hang"), ("POST", "/v1/payment_intents", "lost")]
    shapes.faults += [("GET", "/v1/payment_intents.*", "lost")] * 3
    made = order(hasty)
    assert (made["status"], made["rejection"]["code"]) == ("rejected", "payment_timeout")
    until(lambda: shapes.money_of(made["id"]), (900, 900))
    until(lambda: payment_of(hasty, made)["status"], "closed")
    clean(hasty)


@pytest.mark.parametrize("path, act", [
    ("/v1/payment_intents/[^/]+/capture", "capture"), ("/v1/payment_intents/[^/]+/cancel", "cancel"),
    ("/v1/refunds", "refund")])
@pytest.mark.parametrize("fault", ["hang", "lost", "fail_after"])
def test_lost_answers_move_money_once(shop, shapes, path, act, fault):
    made = order(shop, capture="automatic" if act == "refund" else "manual")
    shapes.faults = [("POST", path, fault)]
    if act == "capture":
        assert shop.call("POST", f"/v1/orders/{made['id']}/capture").status == 200
        until(lambda: seen(shop, made)["payment_status"], "captured")
        assert shapes.money_of(made["id"]) == (900, 0)
    elif act == "cancel":
        cancel(shop, made)
        assert shapes.of_order(made["id"])[0]["status"] == "canceled"
    else:
        refund(shop, made, 300)
        until(lambda: seen(shop, made)["refunded"]["amount"], 300)
        assert shapes.money_of(made["id"]) == (900, 300)
        assert len([one for one in shapes.refunds if one["payment_intent"] == shapes.of_order(made["id"])[0]["id"]]) == 1
    assert not shapes.faults


@pytest.mark.parametrize("path, manual", [("/v1/payment_intents/[^/]+/capture", True)])
def test_a_capture_that_failed_at_stripe_is_made_under_a_new_key(shop, shapes, path, manual):
    made = order(shop, capture="manual")
    shapes.faults = [("POST", path, "fail")]
    assert shop.call("POST", f"/v1/orders/{made['id']}/capture").status == 200
    until(lambda: seen(shop, made)["payment_status"], "captured")
    assert shapes.money_of(made["id"]) == (900, 0)


def test_a_webhook_before_the_answer_wins_and_the_answer_changes_nothing(shop, shapes):
    sent = []

    def tell_first(method, path, said):
        if (method, path) == ("POST", "/v1/payment_intents"):
            sent.append(report(shop, shapes, "payment_intent.succeeded", json.loads(said)))
    shapes.before_answer = tell_first
    made = order(shop)
    shapes.before_answer = None
    assert made["status"] == "confirmed"
    until(lambda: len(sent), 1)  # the order may be answered before its report is
    report(shop, shapes, None, None, raw=sent[0])
    assert count(shop, made, "PaymentCaptured.v1") == 1
    assert shapes.money_of(made["id"]) == (900, 0)
    clean(shop)


def test_webhooks_doubled_and_out_of_order_change_nothing(shop, shapes):
    made = order(shop, capture="manual")
    [intent] = shapes.of_order(made["id"])
    as_held = dict(intent)
    assert shop.call("POST", f"/v1/orders/{made['id']}/capture").status == 200
    until(lambda: seen(shop, made)["payment_status"], "captured")
    refund(shop, made, 900)
    until(lambda: seen(shop, made)["refunded"]["amount"], 900)
    before = payment_of(shop, made)["revision"]
    charge = {"id": intent["latest_charge"], "object": "charge", "payment_intent": intent["id"], "metadata": intent["metadata"]}
    raws = [shapes.event("refund.updated", shapes.refunds[-1]), shapes.event("charge.refunded", charge),
            shapes.event("payment_intent.succeeded", intent),
            shapes.event("payment_intent.amount_capturable_updated", as_held),
            shapes.event("payment_intent.payment_failed", {**as_held, "status": "requires_payment_method"}),
            shapes.event("payment_intent.canceled", {**as_held, "status": "canceled"}),
            shapes.event("customer.created", {"object": "customer"})]
    for raw in raws + raws:
        report(shop, shapes, None, None, raw=raw)
    assert payment_of(shop, made)["revision"] == before
    assert shapes.money_of(made["id"]) == (900, 900)
    clean(shop)


def test_webhooks_signed_wrongly_or_long_ago_are_refused(shop, shapes):
    made = order(shop, "pm_card_authenticationRequired", wait=0)
    until(lambda: len(shapes.of_order(made["id"])), 1)
    [intent] = shapes.of_order(made["id"])
    raw = shapes.event("payment_intent.succeeded", {**intent, "status": "succeeded", "amount_received": 900})
    report(shop, shapes, None, None, raw=raw, secret="whsec_somebody_else_signs", status=400)
    report(shop, shapes, None, None, raw=raw, age=400, status=400)
    assert seen(shop, made)["status"] != "confirmed"
    with shapes.lock:
        shapes.pay(intent)
    report(shop, shapes, None, None, raw=raw, secret=OLD)
    assert seen(shop, made)["status"] == "confirmed"
    clean(shop)


def test_a_second_charge_for_one_payment_is_shown_to_a_person(shop, shapes):
    made = order(shop)
    [intent] = shapes.of_order(made["id"])
    raw = report(shop, shapes, "payment_intent.succeeded", {**intent, "id": "pi_another"})
    listed = shop.call("GET", "/v1/webhooks/payments/events?filter[outcome]=unmatched").json["data"]
    assert json.loads(raw)["id"] in [one["id"] for one in listed]
    by_hand = {"id": "re_x", "object": "refund", "status": "succeeded", "amount": 100, "currency": "gbp", "metadata": {},
               "payment_intent": intent["id"]}
    raw = report(shop, shapes, "refund.created", by_hand)
    listed = shop.call("GET", "/v1/webhooks/payments/events?filter[outcome]=unmatched").json["data"]
    assert json.loads(raw)["id"] in [one["id"] for one in listed]


def test_a_refund_that_takes_its_time_is_settled_by_its_webhook(shop, shapes):
    made = order(shop)
    shapes.refund_status = "pending"
    refund(shop, made, 300)
    until(lambda: len([one for one in shapes.refunds if one["status"] == "pending"]), 1)
    made_refund = shapes.refunds[-1]
    assert seen(shop, made)["refunded"]["amount"] == 0
    made_refund["status"] = "succeeded"
    report(shop, shapes, "refund.updated", made_refund)
    assert seen(shop, made)["refunded"]["amount"] == 300


def test_a_card_holder_who_authenticates_in_time_pays(shop, shapes):
    made = order(shop, "pm_card_authenticationRequired", wait=0)
    until(lambda: len(shapes.of_order(made["id"])), 1)
    [intent] = shapes.of_order(made["id"])
    path = f"/v1/payments/{made['payments'][0]['id']}/action"
    token = {"Stoa-Order-Token": made["access_token"]}
    for headers in ({}, {"Stoa-Order-Token": "ot_" + "0" * 32}):
        assert shop.call("GET", path, key=PUBLISHABLE, headers=headers).status == 404
    waiting = shop.call("GET", path, key=PUBLISHABLE, headers=token)
    assert waiting.json == {"status": "requested", "action": {
        "type": "use_stripe_sdk", "client_secret": intent["client_secret"], "url": None}}
    assert waiting.headers["cache-control"] == "no-store"
    time.sleep(1.5)
    assert seen(shop, made)["status"] not in ("confirmed", "rejected")
    with shapes.lock:
        shapes.pay(intent)
    report(shop, shapes, "payment_intent.succeeded", intent)
    assert seen(shop, made)["status"] == "confirmed"
    assert shop.call("GET", path, key=PUBLISHABLE, headers=token).json == {"status": "captured", "action": None}
    assert intent["client_secret"].encode() not in open(shop.data + "/shop.db", "rb").read()
    assert intent["client_secret"] not in open(shop.data + "/log").read()
    assert len(shapes.of_order(made["id"])) == 1


def test_a_card_holder_who_fails_to_authenticate_is_declined(shop, shapes):
    made = order(shop, "pm_card_authenticationRequired", wait=0)
    until(lambda: len(shapes.of_order(made["id"])), 1)
    [intent] = shapes.of_order(made["id"])
    time.sleep(1.5)  # the first question has its answer; without a hint the next comes ten seconds later
    with shapes.lock:
        intent.update(status="requires_payment_method", next_action=None, last_payment_error={
            "type": "invalid_request_error", "code": "payment_intent_authentication_failure"})
    report(shop, shapes, "payment_intent.payment_failed", intent)
    until(lambda: seen(shop, made)["status"], "rejected", seconds=6)
    assert seen(shop, made)["rejection"]["code"] == "authentication_required"
    assert intent["status"] == "canceled"


def test_nobody_can_pay_for_an_order_that_has_ended(hasty, shapes):
    made = order(hasty, "pm_card_authenticationRequired")
    assert (made["status"], made["rejection"]["code"]) == ("rejected", "payment_timeout")
    [intent] = shapes.of_order(made["id"])
    assert intent["status"] == "canceled"


def test_money_taken_too_late_is_given_back(shop, shapes):
    made = order(shop, "pm_card_chargeDeclined")
    [intent] = shapes.of_order(made["id"])
    with shapes.lock:
        shapes.pay(intent)  # against all that Stripe told
    report(shop, shapes, "payment_intent.succeeded", intent)
    until(lambda: shapes.money_of(made["id"]), (900, 900))
    until(lambda: payment_of(shop, made)["status"], "closed")
    assert seen(shop, made)["status"] == "rejected"
    clean(shop)


@pytest.mark.parametrize("search_sees", [True, False])
def test_a_crash_between_the_call_and_its_record_takes_money_once(shapes, shop_with, search_sees):
    shop = shop_with(**settings(shapes.port, Payment__ProviderTimeoutMs=60_000))
    shop.product("CUP", 900, units=10)
    shapes.search_sees = search_sees
    shapes.faults = [("POST", "/v1/payment_intents", "hang")]
    made = order(shop, wait=0)
    until(lambda: shapes.money_of(made["id"]), (900, 0))
    shop.kill()
    assert not shapes.faults
    shop.start()
    until(lambda: seen(shop, made)["status"], "confirmed")
    assert len(shapes.of_order(made["id"])) == 1 and shapes.money_of(made["id"]) == (900, 0)
    assert count(shop, made, "PaymentCaptured.v1") == 1
    clean(shop)


def test_a_wrong_key_delays_orders_and_is_told(shapes, shop_with):
    shop = shop_with(**settings(shapes.port, Payment__Stripe__SecretKey="sk_test_wrong"))
    shop.product("CUP", 900, units=10)
    made = order(shop, wait=0)
    until(lambda: "Stripe refused a request with status 401" in open(shop.data + "/log").read(), True)
    assert seen(shop, made)["status"] not in ("confirmed", "rejected")
    assert "sk_test_wrong" not in open(shop.data + "/log").read()
    shop.kill()
    shop.settings["STOA__Payment__Stripe__SecretKey"] = KEY
    shop.start()
    until(lambda: seen(shop, made)["status"], "confirmed")


def test_the_simulator_takes_no_orders_beside_stripe_unless_told(shop, shapes, shop_with):
    refused = shop.order("CUP")
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/payment/provider"), refused.body
    secret = "whsec_who_plays_the_simulator"
    both = shop_with(**settings(shapes.port, Payment__Simulator__Enabled="true", Payment__Simulator__WebhookSecrets=secret))
    both.product("CUP", 900, units=10)
    assert both.order("CUP").json["status"] == "confirmed" and order(both)["status"] == "confirmed"
    # One provider cannot report about another's payment.
    made = order(both, "pm_card_authenticationRequired", wait=0)
    raw = json.dumps({"id": "evt_x", "type": "payment.captured", "payment_id": made["payments"][0]["id"], "code": "",
                      "reference": "x", "amount": {"amount": 900, "currency": "GBP"}}).encode()
    assert both.call("POST", "/v1/webhooks/payments/simulator", raw=raw, key=None,
                     headers={"Stoa-Signature": sign(raw, secret)}).status == 200
    assert seen(both, made)["status"] != "confirmed"
    clean(both)


def test_without_a_key_stripe_is_unknown(own_shop):
    own_shop.product("CUP", 900, units=10)
    refused = own_shop.order("CUP", payment={"provider": "stripe", "token": "pm_card_visa"})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/payment/provider")
    assert own_shop.call("POST", "/v1/webhooks/payments/stripe", raw=b"{}", key=None).status == 404


def test_secrets_are_masked_and_wrong_settings_named():
    masked = Shop(**settings(1)).run("config")
    assert masked.returncode == 0 and KEY not in masked.stdout and NEW not in masked.stdout
    assert json.loads(masked.stdout)["Payment"]["Stripe"]["SecretKey"] == "***"
    for path, value in (("SecretKey", "pk_test_public"), ("WebhookSecrets", "short"), ("BaseUrl", "http://api.stripe.com"),
                        ("BaseUrl", "http://127.0.0.1.evil.example"), ("BaseUrl", "https://"), ("Connections", "0")):
        wrong = Shop(**{**settings(1), "Payment__Stripe__" + path: value}).run("config")
        assert wrong.returncode == 1 and "Payment:Stripe:" + path in wrong.stderr, (path, value, wrong.stderr)
        assert value not in wrong.stderr or len(value) < 2


def test_an_order_against_stripe_mock_itself(shop_with):
    """stripe-mock keeps no state: its fixture is a payment intent that waits for a payment method, so a decline."""
    with stripe_mock() as port:
        shop = shop_with(**settings(port))
        shop.product("CUP", 900, units=10)
        made = order(shop)
        assert (made["status"], made["rejection"]["code"]) == ("rejected", "payment_declined")
        assert "refused a request" not in open(shop.data + "/log").read()
