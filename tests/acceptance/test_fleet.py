"""Services in processes of their own, which meet over Kafka alone. What a client was told holds through the end of any of them."""
import collections, http.client, random, re, signal, threading, time, uuid
import pytest
from fleet import Fleet
from patience import PATIENCE
from steered import SmtpServer, serving


@pytest.fixture(scope="module")
def fleet():
    with serving(SmtpServer()) as smtp:
        fleet = Fleet(smtp)
        yield fleet
        fleet.remove()


def stock(fleet, sku):
    view = fleet.catalog.call("GET", f"/v1/inventory/{sku}").json
    return view["on_hand"], view["reserved"], view["available"]


def test_an_order_is_confirmed_and_paid_by_four_processes(fleet):
    fleet.product("MUG", 1250, 10)
    fleet.sold("MUG")
    placed = fleet.order("MUG", 2, wait=20)
    assert placed.status in (200, 201, 202), placed.body
    order = fleet.ended(placed.json["id"])
    assert (order["status"], order["payment_status"]) == ("confirmed", "captured")
    assert order["total"] == {"amount": 2500, "currency": "GBP"}
    assert stock(fleet, "MUG") == (10, 2, 8)
    payments = fleet.payment.call("GET", f"/v1/payments?filter[order_id]={order['id']}").json["data"]
    assert [(one["status"], one["captured"]["amount"]) for one in payments] == [("captured", 2500)]


def test_a_product_can_be_ordered_the_moment_its_creation_was_answered(fleet):
    """Before Ordering has heard of it: at the price that Catalog says."""
    for nth in range(10):
        fleet.product(f"NEW-{nth}", 700 + nth, 5)
        placed = fleet.order(f"NEW-{nth}", 2)
        assert placed.status == 202, placed.body
        assert placed.json["total"]["amount"] == 2 * (700 + nth) and placed.json["lines"][0]["title"] == f"NEW-{nth}"
        assert fleet.ended(placed.json["id"])["status"] == "confirmed"
    draft = fleet.catalog.call("POST", "/v1/products", {"handle": "drafted", "title": "Drafted", "variants": [
        {"sku": 'D,"1"', "prices": [{"amount": 5, "currency": "GBP"}]}]}).json
    refused = fleet.order('D,"1"')
    assert (refused.status, refused.json["errors"][0]["code"]) == (422, "unknown_sku")
    assert fleet.catalog.call("PATCH", "/v1/products/" + draft["id"], {"status": "active"}).status == 200
    assert fleet.order('D,"1"').status == 202
    unknown = fleet.order("NOBODY-HAS-IT")
    assert (unknown.status, unknown.json["errors"][0]["code"]) == (422, "unknown_sku")


def test_while_catalog_is_away_what_is_known_is_sold_and_what_is_not_is_put_off(fleet):
    fleet.product("KNOWN", 100, 5)
    fleet.sold("KNOWN")
    fleet.catalog.kill()
    try:
        placed = fleet.order("KNOWN")
        assert placed.status == 202, placed.body
        unknown = fleet.order("NOT-KNOWN")
        assert (unknown.status, unknown.json["code"]) == (503, "catalog_unavailable") and unknown.headers["retry-after"]
    finally:
        fleet.catalog.start()
    assert fleet.ended(placed.json["id"])["status"] == "confirmed"


def mail_about(fleet, ids, seconds=60):
    """The Message-IDs about each of these orders, once there is one for each or the time is over."""
    until = time.monotonic() + seconds * PATIENCE
    while True:
        about = {i: set() for i in ids}
        for message_id in fleet.smtp.ids():
            order = re.search(r"ord_[0-9a-z]+", message_id).group()
            if order in about:
                about[order].add(message_id)
        if all(about.values()) or time.monotonic() > until:
            return about
        time.sleep(0.5)


def test_a_confirmed_order_is_told_by_mail_once(fleet):
    fleet.product("VAT", 100, 10)
    fleet.sold("VAT")
    order = fleet.ended(fleet.order("VAT").json["id"])
    about = mail_about(fleet, [order["id"]])
    assert len(about[order["id"]]) == 1
    message = [m for m in fleet.smtp.messages if order["id"] in m["Message-ID"]]
    assert len(message) == 1 and "VAT" in str(message[0]) and message[0]["To"] and "a@example.org" in message[0]["To"]


def test_who_waits_is_answered_by_another_replica_that_ended_the_order(fleet):
    second = fleet.replica("ordering")
    try:
        fleet.product("URN", 100, 40)
        fleet.sold("URN")
        for nth in range(10):
            began = time.monotonic()
            answer = fleet.order("URN", 1, wait=30, service=(fleet.ordering, second)[nth % 2])
            assert answer.json["status"] == "confirmed", answer.body
            assert time.monotonic() - began < 20 * PATIENCE
    finally:
        second.remove()


def test_what_is_not_there_is_rejected_and_a_declined_payment_gives_its_units_back(fleet):
    fleet.product("CUP", 500, 3)
    fleet.sold("CUP")
    assert fleet.ended(fleet.order("CUP", 4).json["id"])["status"] == "rejected"
    declined = fleet.ended(fleet.order("CUP", 3, "tok_declined").json["id"])
    assert declined["status"] == "rejected"
    until = time.monotonic() + 30 * PATIENCE
    while stock(fleet, "CUP") != (3, 0, 3) and time.monotonic() < until:
        time.sleep(0.05)
    assert stock(fleet, "CUP") == (3, 0, 3)


def test_a_key_gives_one_order_also_to_a_process_that_came_back(fleet):
    fleet.product("JUG", 700, 5)
    fleet.sold("JUG")
    key = uuid.uuid4().hex
    first = fleet.order("JUG", 1, idempotency=key)
    fleet.ordering.kill()
    fleet.ordering.start()
    again = fleet.order("JUG", 1, idempotency=key)
    assert again.json["id"] == first.json["id"]
    assert fleet.ended(first.json["id"])["status"] == "confirmed"
    assert stock(fleet, "JUG") == (5, 1, 4)


def test_a_service_that_is_away_is_waited_for(fleet):
    fleet.product("BOWL", 300, 50)
    fleet.sold("BOWL")
    fleet.payment.kill()
    ids = [fleet.order("BOWL").json["id"] for _ in range(10)]
    time.sleep(0.5)
    assert {fleet.ordering.call("GET", "/v1/orders/" + i).json["status"] for i in ids} == {"placed"}
    fleet.payment.start()
    assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
    assert stock(fleet, "BOWL") == (50, 10, 40)


def under_load(fleet, sku, seconds, harm):
    """Four buyers for a while, and `harm` again and again meanwhile. Then every order that was acknowledged must end, and units and
    money must add up."""
    orders, lock, until = {}, threading.Lock(), time.monotonic() + seconds

    def buy(seed):
        rng = random.Random(seed)
        while time.monotonic() < until:
            key, quantity, token = uuid.uuid4().hex, rng.randint(1, 3), rng.choice(["tok_ok", "tok_ok", "tok_declined"])
            while True:  # until it is answered: then the order is known
                try:
                    answer = fleet.order(sku, quantity, token, key)
                    if answer.status in (200, 201, 202):
                        break
                except (OSError, http.client.HTTPException):
                    pass
                time.sleep(0.05)
            with lock:
                orders[answer.json["id"]] = quantity
            time.sleep(rng.random() * 0.05)

    buyers = [threading.Thread(target=buy, args=(seed,)) for seed in range(4)]
    for buyer in buyers:
        buyer.start()
    while time.monotonic() < until:
        harm()
    for buyer in buyers:
        buyer.join()
    ended = {i: fleet.ended(i) for i in orders}
    confirmed = {i: order for i, order in ended.items() if order["status"] == "confirmed"}
    assert len(orders) > 30 and confirmed
    sold = sum(orders[i] for i in confirmed)
    deadline = time.monotonic() + 30 * PATIENCE
    while stock(fleet, sku)[1] != sold and time.monotonic() < deadline:
        time.sleep(0.05)  # releases of the rejected ones are on their way
    on_hand, reserved, available = stock(fleet, sku)
    assert (on_hand, reserved) == (120, sold) and available >= 0
    for i, order in ended.items():
        payments = fleet.payment.call("GET", f"/v1/payments?filter[order_id]={i}").json["data"]
        captured = sum(one["captured"]["amount"] - one["refunded"]["amount"] for one in payments)
        assert captured == (1000 * orders[i] if i in confirmed else 0), order
    # What could not be sent is tried again after pauses that double.
    wrong = {i: ids for i, ids in mail_about(fleet, ended, 240).items() if len(ids) != 1}
    assert not wrong, ({i: (ids, ended[i]["status"], fleet.notification.call("GET", f"/v1/notifications?filter[order_id]={i}").json)
                        for i, ids in wrong.items()}, fleet.told())
    report = fleet.audit()
    assert report["clean"] and report["checked"]["orders"] >= len(orders), report
    return {i: orders[i] for i in confirmed}


def test_processes_that_are_killed_under_load_lose_double_and_oversell_nothing(fleet):
    fleet.product("POT", 1000, 120)
    fleet.sold("POT")
    rng = random.Random(1)

    def harm():
        service = rng.choice(list(fleet.services.values()))
        time.sleep(rng.uniform(0.2, 0.8))
        service.kill()
        time.sleep(rng.uniform(0, 0.5))
        service.start()

    under_load(fleet, "POT", 12, harm)


def test_servers_that_are_stopped_and_killed_under_load_lose_double_and_oversell_nothing(fleet):
    fleet.product("VASE", 1000, 120)
    fleet.sold("VASE")
    rng = random.Random(2)
    faults = iter([(server, how) for how in ("pause", "kill", "restart") for server in (fleet.postgres, fleet.kafka)] * 9)

    def harm():
        server, how = next(faults)
        time.sleep(rng.uniform(0.5, 1.5))
        if how == "pause":
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(rng.uniform(0.5, 2))
            server.process.send_signal(signal.SIGCONT)
            return
        server.kill(signal.SIGKILL if how == "kill" else server.at_end)
        time.sleep(rng.uniform(0, 1))
        server.start()

    under_load(fleet, "VASE", 25, harm)


def test_two_replicas_of_a_service_are_one_to_their_clients(fleet):
    second = fleet.replica("ordering")
    try:
        fleet.product("PAN", 2000, 60)
        fleet.sold("PAN")
        # One key, both replicas at the same time: one order.
        key, answers = uuid.uuid4().hex, []
        both = [threading.Thread(target=lambda s=service: answers.append(fleet.order("PAN", 1, idempotency=key, service=s)))
                for service in (fleet.ordering, second) for _ in range(4)]
        for one in both:
            one.start()
        for one in both:
            one.join()
        assert len({answer.json["id"] for answer in answers}) == 1, [answer.body for answer in answers]
        # In turns; each reads what the other was told.
        ids = [answers[0].json["id"]]
        for nth in range(40):
            writer, reader = (fleet.ordering, second) if nth % 2 else (second, fleet.ordering)
            placed = fleet.order("PAN", 1, service=writer)
            assert placed.status == 202, placed.body
            ids.append(placed.json["id"])
            seen = reader.call("GET", "/v1/orders/" + placed.json["id"], headers={"Stoa-Position": placed.headers["stoa-position"]})
            assert seen.status == 200, seen.body
        assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
        numbers = [fleet.ordering.call("GET", "/v1/orders/" + i).json["number"] for i in ids]
        assert len(set(numbers)) == len(ids)
        assert stock(fleet, "PAN") == (60, 41, 19)
        # One goes, the other goes on with what both had begun.
        ids = [fleet.order("PAN", 1, service=second).json["id"] for _ in range(5)]
        second.kill()
        assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
    finally:
        second.remove()


def figure(service, name):
    return float(re.search(rf"^{name} (\S+)$", service.call("GET", "/metrics", key=None).body.decode(), re.M).group(1))


def captures(fleet):
    """Of each order, in the ledger that the simulators of all replicas share."""
    rows = fleet.postgres.psql("paymentdb", "SELECT p.order_id, l.amount FROM sim_ledger l JOIN payment_payments p ON p.id = l.payment_id"
                               " WHERE l.kind = 'capture'")
    assert rows.returncode == 0, rows.stderr
    found = collections.defaultdict(list)
    for row in rows.stdout.split():
        order, amount = row.split("|")
        found[order].append(int(amount))
    return found


def test_a_replica_of_payment_leaves_to_the_other_what_that_has_called_for(fleet):
    second = fleet.replica("payment")
    try:
        fleet.product("KEG", 400, 200)
        fleet.sold("KEG")
        calls = lambda service: figure(service, "stoa_payment_provider_calls_total")
        finds = lambda service: figure(service, "stoa_payment_provider_finds_total")
        until = time.monotonic() + 60 * PATIENCE
        while not calls(second):  # until both have a share of the orders
            assert time.monotonic() < until
            fleet.ended(fleet.order("KEG").json["id"])
        before = [calls(fleet.payment), calls(second)]
        ids = [fleet.order("KEG", token="tok_slow").json["id"] for _ in range(30)]
        while calls(fleet.payment) + calls(second) < sum(before) + len(ids):
            assert time.monotonic() < until
        of_second = calls(second) - before[1]
        assert 0 < of_second < len(ids)
        second.kill()
        second.start()
        assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
        # Its own calls may have lost their answer: it asks for those.
        assert finds(second) <= of_second
        paid = captures(fleet)
        assert {i: paid[i] for i in ids} == {i: [400] for i in ids}
    finally:
        second.remove()


def test_replicas_of_payment_that_are_killed_under_load_take_the_money_of_each_order_once(fleet):
    second = fleet.replica("payment")
    try:
        fleet.product("TUN", 1000, 120)
        fleet.sold("TUN")
        rng = random.Random(3)
        turns = iter([fleet.payment, second] * 1000)

        def harm():
            service = next(turns)
            time.sleep(rng.uniform(0.3, 1))
            service.kill()
            time.sleep(rng.uniform(0, 1))
            service.start()

        confirmed = under_load(fleet, "TUN", 12, harm)
        paid = captures(fleet)
        assert {i: paid[i] for i in confirmed} == {i: [1000 * quantity] for i, quantity in confirmed.items()}
        assert all(len(amounts) == 1 for amounts in paid.values())
    finally:
        second.remove()


def test_the_audit_of_a_fleet_finds_what_was_changed(fleet):
    """The last one, for what it changes it leaves so."""
    fleet.product("ODD", 100, 7)
    fleet.sold("ODD")
    assert fleet.ended(fleet.order("ODD", 2).json["id"])["status"] == "confirmed"
    assert fleet.audit()["clean"]
    change = lambda database, statement: fleet.postgres.psql(database, statement).returncode == 0
    assert change("catalogdb", "UPDATE catalog_stock_level SET on_hand = 70 WHERE sku = 'ODD'")
    assert change("paymentdb", "UPDATE sim_ledger SET amount = amount + 1 WHERE kind = 'capture' AND seq = (SELECT max(seq) FROM sim_ledger WHERE kind = 'capture')")
    assert change("orderingdb", "UPDATE ordering_log SET data = replace(data, 'GBP', 'EUR') WHERE position = 1")
    findings = fleet.audit()["findings"]
    for what in ("stock of ODD", "provider's ledger", "ordering_log is damaged at position 1"):
        assert any(what in finding for finding in findings), (what, findings)
