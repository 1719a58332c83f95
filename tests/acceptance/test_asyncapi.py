"""/asyncapi.json describes every integration event, and what is published is as it says."""
import json, uuid
import pytest
from conftest import ROOT

jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
GOLDEN = ROOT / "tests" / "golden"


def published_types():
    return {path.stem: path for path in GOLDEN.glob("*/published/*.json")}


class Messages:
    def __init__(self, document):
        self.document = document
        self.messages = document["components"]["messages"]

    def faults(self, name, payload):
        schema = {**self.messages[name]["payload"], "components": self.document["components"]}
        return [f"{name} {'/'.join(map(str, fault.absolute_path))}: {fault.message}"
                for fault in jsonschema.Draft202012Validator(schema).iter_errors(payload)]


@pytest.fixture(scope="module")
def messages(shop):
    answer = shop.call("GET", "/asyncapi.json", key=None)
    assert answer.status == 200
    return Messages(answer.json)


def test_the_document_stands_by_itself(messages):
    document = messages.document
    assert document["asyncapi"] == "3.0.0" and document["channels"]["events"]["address"] == "/v1/events"

    def references(value):
        if isinstance(value, dict):
            yield from ([value["$ref"]] if "$ref" in value else [])
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from references(one)

    for reference in set(references(document)):
        at = document
        for step in reference.removeprefix("#/").split("/"):
            assert step in at, reference
            at = at[step]
    for message in messages.messages.values():
        jsonschema.Draft202012Validator.check_schema(message["payload"])


def test_every_event_that_was_ever_published_is_described_with_its_golden_example(messages):
    assert set(messages.messages) == set(published_types())
    for name, message in messages.messages.items():
        [example] = message["examples"]
        assert messages.faults(name, example["payload"]) == []
        golden = json.loads(published_types()[name].read_text())
        assert golden.items() <= example["payload"]["data"].items(), "only members that came later may be new"


def drive(shop):
    """Every way that an order can go, as far as a simulated provider lets it."""
    shop.product("ASYNC", units=50)
    shop.product("ASYNC-FEW", units=1)
    post = lambda order, path, body=None: shop.call("POST", f"/v1/orders/{order['id']}{path}", body, raw=None if body is not None else b"",
                                                    idempotency=uuid.uuid4().hex)
    paid = shop.order("ASYNC", 3).json
    assert paid["status"] == "confirmed"
    line = paid["lines"][0]["id"]
    assert post(paid, "/fulfilments", {}).status == 201
    assert post(paid, "/returns", {"lines": [{"line_id": line, "quantity": 1, "restock": True}]}).status == 201
    assert post(paid, "/refunds", {"amount": {"amount": 1, "currency": "GBP"}}).status == 201
    assert shop.order("ASYNC-FEW", 2).json["status"] == "rejected"
    assert shop.order("ASYNC", token="tok_declined").json["status"] == "rejected"
    assert shop.order("ASYNC", token="tok_fraud").status == 201
    shop.order("ASYNC", token="tok_wrong_amount", wait=3)
    manual = shop.order("ASYNC", payment={"provider": "simulator", "token": "tok_ok", "capture": "manual"}).json
    assert post(manual, "/capture").status == 200
    voided = shop.order("ASYNC", payment={"provider": "simulator", "token": "tok_ok", "capture": "manual"}).json
    assert post(voided, "/cancel", {}).status == 200
    assert post(shop.order("ASYNC").json, "/cancel", {}).status == 200


def test_what_is_really_published_is_as_described(shop, messages):
    from collector import eventually
    drive(shop)
    wanted = {"catalog.ProductChanged.v1", "catalog.StockAdjusted.v1", "catalog.StockReserved.v1", "catalog.StockRejected.v1",
              "catalog.StockReleased.v1", "catalog.StockFulfilled.v1", "catalog.StockRestocked.v1", "ordering.OrderPlaced.v1",
              "ordering.OrderConfirmed.v1", "ordering.OrderRejected.v1", "ordering.OrderCancelled.v1", "ordering.RefundRequested.v1",
              "ordering.FulfilmentRecorded.v1", "ordering.ReturnRecorded.v1", "ordering.CaptureRequested.v1",
              "ordering.PaymentCloseRequested.v1", "payment.PaymentAuthorized.v1", "payment.PaymentCaptured.v1",
              "payment.PaymentDeclined.v1", "payment.PaymentClosed.v1", "payment.RefundCompleted.v1", "agents.FraudAssessed.v1"}

    def events():
        return shop.call("GET", "/v1/events?limit=1000").json["data"]

    eventually(lambda: wanted <= {event["type"] for event in events()})
    published = events()
    assert wanted <= {event["type"] for event in published}, wanted - {event["type"] for event in published}
    faults = [fault for event in published for fault in messages.faults(event["type"], event)]
    assert faults == []


def test_an_event_that_is_not_as_described_would_be_found(shop, messages):
    event = next(one for one in shop.call("GET", "/v1/events?limit=1000").json["data"] if one["type"] == "catalog.ProductChanged.v1")
    assert messages.faults(event["type"], event) == []
    for member, wrong in (("sellable", "yes"), ("handle", None), ("offers", {})):
        assert messages.faults(event["type"], {**event, "data": {**event["data"], member: wrong}})
    assert messages.faults(event["type"], {**event, "data": {**event["data"], "unknown": 1}})
    assert messages.faults(event["type"], {**event, "position": 0})
