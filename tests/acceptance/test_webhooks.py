"""Reports of the simulated provider, as a real provider would send them: signed, late, doubled, forged."""
import hashlib, hmac, json, time, uuid
import pytest
from patience import PATIENCE

SECRET_OLD, SECRET_NEW = "whsec_simulator_old_secret", "whsec_simulator_new_secret"
PATH = "/v1/webhooks/payments/simulator"


def sign(body, secret=SECRET_OLD, age=0):
    at = int(time.time()) - age
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()


SETTINGS = {"Payment__Simulator__WebhookSecrets": f"{SECRET_NEW}, {SECRET_OLD}"}


@pytest.fixture(scope="module", autouse=True)
def cup(shop):
    shop.product("CUP", 900, units=10_000)


def event(payment, outcome="captured", amount=900, **members):
    return {"id": "evt_" + uuid.uuid4().hex, "type": "payment." + outcome, "payment_id": payment,
            "reference": "sim_manual", "amount": {"amount": amount, "currency": "GBP"}, "code": "", **members}


def post(shop, said, signature=None, path=PATH, header="Stoa-Signature"):
    raw = said if isinstance(said, bytes) else json.dumps(said).encode()
    return shop.call("POST", path, raw=raw, key=None,
                     headers={header: sign(raw) if signature is None else signature})


def figure(shop, name):
    text = shop.metrics()
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def waiting_order(shop, token="tok_timeout_then_nothing", **payment):
    """An order whose payment nobody has answered yet, and that payment's id."""
    order = shop.order("CUP", token=token, wait=0, **payment).json
    shop.settle()
    return order["id"], order["payments"][0]["id"]


def until(ask, want, seconds=20):
    end = time.monotonic() + seconds * PATIENCE
    while (found := ask()) != want:
        assert time.monotonic() < end, found
        time.sleep(0.05)


def history(shop, payment):
    return [one["type"] for one in shop.call("GET", f"/v1/payments/{payment}").json["history"]]


def clean(shop):
    report = shop.audit()
    assert report["clean"], report["findings"]


def test_a_signed_report_settles_a_payment_once(shop):
    order, payment = waiting_order(shop)
    said = event(payment, "declined", code="expired_card")
    repeated = figure(shop, "stoa_payment_webhooks_repeated_total")
    assert post(shop, said).status == 200
    seen = shop.call("GET", f"/v1/orders/{order}").json
    assert seen["status"] == "rejected", seen["status"]
    revision = shop.call("GET", f"/v1/payments/{payment}").json["revision"]
    for _ in range(3):
        assert post(shop, said).status == 200
    assert shop.call("GET", f"/v1/payments/{payment}").json["revision"] == revision
    assert figure(shop, "stoa_payment_webhooks_repeated_total") == repeated + 3


def test_a_repeat_of_an_event_is_known_by_its_id_whatever_it_says(shop):
    order, payment = waiting_order(shop)
    first = event(payment, "pending")
    assert post(shop, first).status == 200
    assert post(shop, {**first, "type": "payment.declined", "code": "expired_card"}).status == 200
    assert "PaymentDeclined.v1" not in history(shop, payment)
    assert post(shop, event(payment, "declined", code="expired_card")).status == 200
    assert "PaymentDeclined.v1" in history(shop, payment)


def test_repeats_are_known_after_a_crash(shop):
    _, payment = waiting_order(shop)
    said = event(payment, "declined", code="expired_card")
    assert post(shop, said).status == 200
    shop.kill()
    shop.start()
    told = history(shop, payment)
    assert told[-1] == "PaymentDeclined.v1", "answered, and lost"
    repeated = figure(shop, "stoa_payment_webhooks_repeated_total")
    assert post(shop, said).status == 200
    assert history(shop, payment) == told
    assert figure(shop, "stoa_payment_webhooks_repeated_total") == repeated + 1


@pytest.mark.parametrize("why, signature", [
    ("none", lambda raw: ""),
    ("nonsense", lambda raw: "nonsense"),
    ("another secret", lambda raw: sign(raw, "whsec_another_secret_of_ours")),
    ("other bytes", lambda raw: sign(raw + b" ")),
    ("too old", lambda raw: sign(raw, age=310)),
    ("too new", lambda raw: sign(raw, age=-310)),
    ("time changed", lambda raw: "t=" + str(int(time.time()) - 7) + sign(raw)[sign(raw).index(","):]),
])
def test_what_is_not_signed_well_is_refused_without_a_hint(shop, why, signature):
    _, payment = waiting_order(shop)
    before, refused = history(shop, payment), figure(shop, "stoa_payment_webhooks_refused_total")
    raw = json.dumps(event(payment, "declined", code="expired_card")).encode()
    answer = post(shop, raw, signature(raw))
    assert answer.status == 400 and answer.json["code"] == "webhook_refused", answer.body
    assert answer.json["detail"] == "This report is not taken." and not answer.json.get("errors")
    assert history(shop, payment) == before
    assert figure(shop, "stoa_payment_webhooks_refused_total") == refused + 1


@pytest.mark.parametrize("secret", [SECRET_OLD, SECRET_NEW])
def test_both_secrets_are_taken_while_one_is_rotated(shop, secret):
    _, payment = waiting_order(shop)
    raw = json.dumps(event(payment, "declined", code="expired_card")).encode()
    assert post(shop, raw, sign(raw, secret)).status == 200
    assert history(shop, payment)[-1] == "PaymentDeclined.v1"


def test_a_rotated_secret_is_refused_once_it_is_not_listed(shop_with):
    shop = shop_with(Payment__Simulator__WebhookSecrets=SECRET_NEW)
    raw = json.dumps(event("pay_" + "0" * 26)).encode()
    assert post(shop, raw, sign(raw, SECRET_OLD)).status == 400
    assert post(shop, raw, sign(raw, SECRET_NEW)).status == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b"\xff\xfe", b'{"id":"a","type":"payment.captured"}'])
def test_signed_nonsense_is_refused(shop, body):
    assert post(shop, body).status == 400


def test_a_report_too_large_is_refused(shop):
    assert post(shop, b" " * (256 * 1024 + 1)).status == 413
    assert post(shop, b" " * (256 * 1024)).status == 400


def test_unknown_and_unconfigured_providers_are_not_found(shop):
    for provider in ("stripe", "nobody", "events", "%2e%2e"):
        answer = post(shop, event("pay_x"), path="/v1/webhooks/payments/" + provider)
        assert answer.status == 404, (provider, answer.body)
    assert shop.call("GET", PATH).status == 405


def test_reports_about_no_payment_are_listed(shop):
    stranger = event("pay_" + "7" * 26)
    wrong_currency = event(waiting_order(shop)[1], amount=900)
    wrong_currency["amount"]["currency"] = "JPY"
    before = figure(shop, "stoa_payment_webhooks_unmatched_total")
    for said in (stranger, wrong_currency):
        assert post(shop, said).status == 200
        assert post(shop, said).status == 200
    assert figure(shop, "stoa_payment_webhooks_unmatched_total") == before + 2
    listed = shop.call("GET", "/v1/webhooks/payments/events?filter[outcome]=unmatched").json["data"]
    assert {stranger["id"], wrong_currency["id"]} <= {one["id"] for one in listed}
    assert stranger["id"] in shop.logged()
    assert shop.call("GET", "/v1/webhooks/payments/events", key=None).status == 401
    assert shop.call("GET", "/v1/webhooks/payments/events?filter[outcome]=x").status == 422


def test_late_and_doubled_reports_of_the_simulator_come_as_webhooks(shop):
    received, repeated = (figure(shop, "stoa_payment_webhooks_total"),
                          figure(shop, "stoa_payment_webhooks_repeated_total"))
    assert shop.order("CUP", token="tok_duplicate_webhook").json["status"] == "confirmed"
    assert shop.order("CUP", token="tok_late_webhook").json["status"] == "confirmed"
    until(lambda: figure(shop, "stoa_payment_webhooks_total"), received + 3)
    until(lambda: figure(shop, "stoa_payment_webhooks_repeated_total"), repeated + 1)
    clean(shop)


def test_an_old_report_does_not_bring_a_payment_back(shop):
    """Out of order: the capture was refunded long before its report comes; then an authorisation is reported."""
    order = shop.order("CUP").json
    payment = order["payments"][0]["id"]
    cancelled = shop.call("POST", f"/v1/orders/{order['id']}/cancel", {"reason": "changed my mind"},
                          idempotency=uuid.uuid4().hex, wait=30)
    assert cancelled.status in (200, 202), cancelled.body
    until(lambda: shop.call("GET", f"/v1/payments/{payment}").json["status"], "closed")
    before = history(shop, payment)
    for outcome in ("captured", "authorized", "declined", "pending"):
        assert post(shop, event(payment, outcome, code="x")).status == 200
    assert history(shop, payment) == before
    clean(shop)


def test_a_report_and_the_answer_race_and_one_wins(shop):
    order, payment = waiting_order(shop, "tok_slow")
    assert post(shop, event(payment)).status == 200
    assert shop.call("GET", f"/v1/orders/{order}").json["status"] == "confirmed"
    time.sleep(2.5)  # the slow answer comes meanwhile
    assert history(shop, payment).count("PaymentCaptured.v1") == 1
    clean(shop)
