"""`stoa audit` and `stoa audit --chain` find what was tampered with, each on a stopped shop that did a bit of everything."""
import hashlib, json, shutil, sqlite3, uuid
import pytest
from conftest import Shop
from steered import until
from stock_ledger import carried

pytestmark = pytest.mark.embedded("a fleet is audited by `stoa audit --fleet`, see test_fleet.py")


def history(shop):
    """A shop with an order of each kind: fulfilled and returned, refunded, cancelled, declined, captured by hand."""
    shop.product("CUP", 900, units=100)
    shop.product("POT", 2500, units=50)
    done = shop.order("CUP", 3).json
    path = "/v1/orders/" + done["id"]
    assert shop.call("POST", path + "/fulfilments").status == 201
    line = done["lines"][0]["id"]
    assert shop.call("POST", path + "/returns", {"lines": [{"line_id": line, "quantity": 1}]}).status == 201
    refunded = shop.order("POT").json
    assert shop.call("POST", f"/v1/orders/{refunded['id']}/refunds", {"amount": {"amount": 100, "currency": "GBP"}},
                     idempotency=uuid.uuid4().hex).status == 201
    cancelled = shop.order("POT", 2).json
    assert shop.call("POST", f"/v1/orders/{cancelled['id']}/cancel", {"reason": "no"}, idempotency=uuid.uuid4().hex,
                     wait=30).status in (200, 202)
    assert shop.order("CUP", token="tok_declined").json["status"] == "rejected"
    held = shop.order("CUP", payment={"provider": "simulator", "token": "tok_ok", "capture": "manual"}).json
    assert shop.call("POST", f"/v1/orders/{held['id']}/capture", wait=30).status in (200, 201, 202)
    until(lambda: not shop.call("GET", "/v1/audit").json["checked"]["in_flight"])
    carried(shop)


@pytest.fixture(scope="module")
def stopped():
    shop = Shop().start()
    history(shop)
    assert shop.stop() == 0
    yield shop
    shop.remove()


@pytest.fixture
def copy(stopped, tmp_path):
    """Changes a copy of the stopped shop, and audits it."""
    data = tmp_path / "shop"
    shutil.copytree(stopped.data, data)

    def change(script, database="shop.db"):
        with sqlite3.connect(data / database) as connection:
            connection.executescript(script)

    def run(*arguments):
        ran = stopped.run("audit", "--data", str(data), "--json", *arguments)
        return ran.returncode, json.loads(ran.stdout)

    change.audit = lambda: run()
    change.chain = lambda *arguments: run("--chain", *arguments)
    return change


def test_a_shop_that_did_everything_is_clean_and_everything_is_counted(copy):
    code, report = copy.audit()
    assert (code, report["findings"]) == (0, [])
    checked = report["checked"]
    assert checked["orders"] == 5 and checked["payments"] == 5 and checked["streams"] > 20
    assert checked["minor_units"] == 2 * 900 + 2400 + 900
    assert checked["published"] == checked["consumed"] + checked["in_flight"] + checked["parked"] > 25
    assert checked["units"] == 98 + 50
    code, chain = copy.chain()
    assert code == 0 and chain["events"] == checked["events"] == sum(head["position"] for head in chain["heads"])
    assert {head["service"] for head in chain["heads"]} == {"agents", "catalog", "notification", "ordering", "payment", "shop"}


TAMPERINGS = {
    "an order's row is gone": ("DELETE FROM ordering_orders WHERE number = 1", "has events and no row"),
    "a key names an order that never was": ("UPDATE ordering_idempotency SET resource_id = 'ord_nobody'"
        " WHERE resource_id = (SELECT id FROM ordering_orders WHERE number = 1) AND route = 'POST /v1/orders'",
        "acknowledged to an Idempotency-Key and does not exist"),
    "an order without a key": ("DELETE FROM ordering_idempotency WHERE route = 'POST /v1/orders' AND resource_id ="
        " (SELECT id FROM ordering_orders WHERE number = 2)", "no Idempotency-Key tells so"),
    "two keys, one order": ("INSERT INTO ordering_idempotency SELECT principal, route, 'other', body_hash, resource_id, created_at"
        " FROM ordering_idempotency WHERE route = 'POST /v1/orders' LIMIT 1", "under several Idempotency-Keys"),
    "an order's row is another": ("UPDATE ordering_orders SET status = 'confirmed' WHERE status = 'rejected'", "is not what its stream says"),
    "a payment's row is behind": ("UPDATE payment_payments SET revision = revision - 1 WHERE status = 'captured'", "has a row that is not what its stream says"),
    "a reservation's row is behind": ("UPDATE catalog_reservation SET data = json_set(data, '$.revision', 7)", "reservation ord_"),
    "a product's row is gone": ("DELETE FROM catalog_product WHERE handle = 'cup'", "product prod_"),
    "a price is another": ("UPDATE ordering_offers SET prices = replace(prices, '900', '901') WHERE sku = 'CUP'", "SKU CUP is sold by Ordering otherwise"),
    "the ledger lacks a line": ("DELETE FROM catalog_ledger WHERE sku = 'POT' AND kind = 'released'", "the ledger of POT", "stock-ledger.db"),
    "the ledger has read too far": ("UPDATE catalog_ledger_checkpoint SET position = 100000", "has read beyond the end", "stock-ledger.db"),
    "nobody is told": ("DELETE FROM notification_messages WHERE kind = 'order_confirmed'", "nobody is notified of an event"),
    "nobody is told of a refund": ("DELETE FROM notification_messages WHERE kind = 'order_refunded'", "nobody is notified of a refund"),
    "a notification says it was sent": ("UPDATE notification_messages SET status = 'sent'", "has notifications that were sent and have no event"),
    "stock moved by hand": ("UPDATE catalog_stock_level SET reserved = reserved + 1 WHERE sku = 'POT'", "stock of POT"),
    "a payment waits for nobody": ("UPDATE payment_payments SET status = 'requested' WHERE status = 'captured'", "nobody asks for any more"),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_the_audit_names_what_does_not_agree(copy, what):
    script, finding, *database = TAMPERINGS[what]
    copy(script, *database)
    code, report = copy.audit()
    assert code == 1 and any(finding in found for found in report["findings"]), report["findings"]


LOSSES = {
    "the placing": ("catalog", "reservation-%", "Catalog was not told of the placing"),
    "the assessment": ("agents", "assessment-%", "Agents were not asked"),
    "the payment": ("payment", "payment-%", "Payment was not asked for the money"),
    "what became of it": ("ordering", "order-%", "Ordering was not told what became of the payment"),
}


@pytest.mark.parametrize("what", LOSSES)
def test_the_audit_names_what_another_service_never_heard(copy, what):
    log, streams, finding = LOSSES[what]
    copy(f"UPDATE {log}_log SET stream = 'x-' || stream WHERE stream LIKE '{streams}'")
    code, report = copy.audit()
    assert code == 1 and any(finding in found for found in report["findings"]), report["findings"]


@pytest.mark.parametrize("kind, finding", [
    ("StockFulfilled.v1", "Catalog was not told of the fulfilment"), ("StockRestocked.v1", "Catalog was not told of the return"),
    ("RefundRequested.v1", "Payment was not asked for the refund"), ("PaymentClosed.v1", "Payment was not asked to close"),
    ("CaptureRequested.v1", "Payment was not asked to capture")])
def test_the_audit_names_the_step_that_was_not_taken(copy, kind, finding):
    log = "catalog" if kind.startswith("Stock") else "payment"
    extra = {"RefundRequested.v1": ", 'RefundCompleted.v1'", "PaymentClosed.v1": ", 'PaymentCloseRequested.v1'",
             "CaptureRequested.v1": ", 'PaymentCaptured.v1'"}.get(kind, "")
    copy(f"UPDATE {log}_log SET stream = 'x-' || stream WHERE type IN ('{kind}'{extra})")
    code, report = copy.audit()
    assert code == 1 and any(finding in found for found in report["findings"]), report["findings"]


def test_an_end_of_a_refund_that_ordering_never_heard_of_is_named(copy):
    copy("UPDATE ordering_log SET stream = 'x-' || stream WHERE type = 'RefundCompleted.v1'")
    code, report = copy.audit()
    assert code == 1 and any("Ordering was not told of the end of a refund" in found for found in report["findings"])


def test_an_adjustment_below_the_limit_that_nobody_forced_is_named(own_shop):
    own_shop.product("LOW", units=5)
    assert own_shop.order("LOW", 4).json["status"] == "confirmed"
    assert own_shop.adjust("LOW", -3).status == 409
    assert own_shop.adjust("LOW", -3, force=True).status == 201
    assert own_shop.stop() == 0
    assert own_shop.run("audit", "--data", own_shop.data).returncode == 0
    with sqlite3.connect(own_shop.data + "/shop.db") as database:
        changed = database.execute("UPDATE catalog_log SET data = replace(data, '\"forced\":true', '\"forced\":false')"
                                   " WHERE data LIKE '%\"forced\":true%'").rowcount
    assert changed == 1
    ran = own_shop.run("audit", "--data", own_shop.data)
    assert ran.returncode == 1 and "adjusted LOW below its backorder limit" in ran.stdout


LOG = "position, stream, revision, type, data, metadata, recorded_at, hash"


@pytest.mark.parametrize("script, findings", [
    ("UPDATE ordering_log SET data = json_set(data, '$.number', 2) WHERE position = 1",
     ["ordering: position 1 was changed or put in"]),
    ("DELETE FROM payment_log WHERE position IN (2, 3)",
     ["payment: positions 2 to 3 are missing", "payment: position 4 was changed or put in"]),
    (f"INSERT INTO agents_log({LOG}) SELECT position + 1, 'x', 1, type, data, metadata, recorded_at, hash FROM agents_log"
     " ORDER BY position DESC LIMIT 1",
     ["agents: position 6 was changed or put in", "agents: position 6 stands beyond the head"]),
    ("DELETE FROM catalog_log WHERE position = (SELECT max(position) FROM catalog_log)", ["and its head is at"]),
    ("UPDATE ordering_log_head SET hash = lower(hex(zeroblob(32)))", ["ordering: the head is not of the last row"]),
])
def test_the_chain_tells_changed_removed_and_inserted_rows(copy, script, findings):
    copy(script)
    code, report = copy.chain()
    assert code == 1
    for finding in findings:
        assert any(finding in found for found in report["findings"]), report["findings"]


def rewrite(path):
    """What a forger with the whole file can do: change an early event and compute all later hashes anew."""
    with sqlite3.connect(path) as database:
        database.execute("UPDATE ordering_log SET data = json_set(data, '$.channel', 'forged') WHERE position = 1")
        last = bytes(32)
        for position, stream, revision, kind, data, metadata, at in database.execute(
                "SELECT position, stream, revision, type, data, metadata, recorded_at FROM ordering_log ORDER BY position").fetchall():
            text = b"".join(f"{len(t.encode())}:".encode() + t.encode() for t in (kind, data, metadata, at))
            last = hashlib.sha256(last + f"{position};{len(stream)}:{stream}{revision};".encode() + text).digest()
            database.execute("UPDATE ordering_log SET hash = ? WHERE position = ?", (last.hex(), position))
        database.execute("UPDATE ordering_log_head SET hash = ?", (last.hex(),))


def test_a_forged_chain_is_told_by_a_head_that_was_kept(stopped, copy, tmp_path):
    kept = tmp_path / "heads.json"
    code, heads = copy.chain()
    kept.write_text(json.dumps(heads))
    assert copy.chain("--head", str(kept))[0] == 0
    rewrite(tmp_path / "shop" / "shop.db")
    assert copy.chain()[0] == 0, "a consistent forgery is consistent"
    code, report = copy.chain("--head", str(kept))
    assert code == 1 and len(report["findings"]) == 1
    assert "is not what was kept" in report["findings"][0] and report["findings"][0].startswith("ordering:")
    kept.write_text("{}")
    assert stopped.run("audit", "--data", str(tmp_path / "shop"), "--chain", "--head", str(kept)).returncode == 1


def test_a_log_that_was_cut_short_is_told_by_a_head_that_was_kept(copy, tmp_path):
    kept = tmp_path / "heads.json"
    kept.write_text(json.dumps(copy.chain()[1]))
    copy("DELETE FROM payment_log WHERE position = (SELECT max(position) FROM payment_log);"
         "UPDATE payment_log_head SET (position, hash, recorded_at) ="
         " (SELECT position, hash, recorded_at FROM payment_log ORDER BY position DESC LIMIT 1)")
    assert copy.chain()[0] == 0
    code, report = copy.chain("--head", str(kept))
    assert code == 1 and "which was kept, is gone" in report["findings"][0]


def test_the_chain_of_a_running_shop(own_shop, tmp_path):
    own_shop.product("LIVE", units=5)
    url = f"http://127.0.0.1:{own_shop.port}"
    heads = own_shop.run("audit", "--chain", "--url", url, "--json")
    assert heads.returncode == 0 and json.loads(heads.stdout)["events"] == 2
    kept = tmp_path / "heads.json"
    kept.write_text(heads.stdout)
    own_shop.order("LIVE")
    later = own_shop.run("audit", "--chain", "--url", url, "--head", str(kept))
    assert later.returncode == 0 and later.stdout.startswith("Clean: "), later.stdout
    kept.write_text(heads.stdout.replace('"hash":"', '"hash":"0'))
    other = own_shop.run("audit", "--chain", "--url", url, "--head", str(kept))
    assert other.returncode == 1 and "is not what was kept" in other.stdout
    assert own_shop.call("GET", "/v1/audit/chain?kept=nonsense").status == 422
    assert own_shop.call("GET", "/v1/audit/chain", key=None).status == 401
