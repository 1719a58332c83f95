"""Questions that processes of a fleet ask each other over RabbitMQ: each is answered in time, or it is said that it was not."""
import concurrent.futures, contextlib, re, signal, time, uuid
import pytest
from fleet import Fleet, Gateway, Rabbitmq
from patience import PATIENCE
from steered import SmtpServer, serving, until

TIMEOUT = 3 * PATIENCE
TEMPLATE = "/v1/notifications/templates/order_confirmed/email/"


@pytest.fixture(scope="module")
def fleet():
    with serving(SmtpServer()) as smtp:
        rabbitmq = Rabbitmq()
        fleet = Fleet(smtp, [rabbitmq], RabbitMQ__HostName="127.0.0.1", RabbitMQ__Port=rabbitmq.port,
                      RabbitMQ__RequestTimeoutMs=int(TIMEOUT * 1000))
        fleet.rabbitmq = rabbitmq
        fleet.second = fleet.replica("notification")
        fleet.gateway = Gateway(fleet)
        fleet.gateway.route(notification=[fleet.notification, fleet.second])
        fleet.gateway.start()
        fleet.product("TEA", 100, 100000)
        fleet.sold("TEA")
        yield fleet
        fleet.gateway.remove()
        fleet.second.remove()
        fleet.remove()


@pytest.fixture(scope="module")
def order(fleet):
    return fleet.ended(fleet.order("TEA").json["id"])["id"]


def assess(fleet, order):
    return fleet.gateway.call("POST", f"/v1/orders/{order}/assess")


def preview(fleet, body=None, language="en"):
    return fleet.gateway.call("POST", TEMPLATE + language + "/preview", body)


def passed_on(fleet):
    """Requests that the gateway has sent to Notification over HTTP."""
    figures = fleet.gateway.call("GET", "/metrics", key=None).body.decode()
    return sum(int(count) for count in re.findall(r'stoa_upstream_requests_total\{service="notification",outcome="\w+"\} (\d+)', figures))


@contextlib.contextmanager
def stands_still(server):
    server.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.process.send_signal(signal.SIGCONT)


def is_late(answer, begun):
    assert (answer.status, answer.json["code"]) == (504, "answer_late"), answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert TIMEOUT - 0.1 <= time.monotonic() - begun < TIMEOUT + 2 * PATIENCE


def test_a_preview_is_answered_by_a_replica_over_the_queue(fleet, order):
    before = passed_on(fleet)
    with_text = {"template": {"subject": "Hello {{order_number}}", "text": "{{total}}"}, "order_id": order}
    for _ in range(10):
        answer = preview(fleet, with_text)
        assert answer.status == 200, answer.body
        assert answer.json["subject"].startswith("Hello ") and answer.json["text"] == "1.00 GBP"
    assert passed_on(fleet) == before
    wrong = preview(fleet, {"template": {"subject": "x", "text": "{{"}})
    assert wrong.status == 422 and wrong.headers["content-type"] == "application/problem+json"
    assert fleet.gateway.call("POST", "/v1/notifications/templates/nothing/email/en/preview").json["code"] == "template_not_found"
    raw = fleet.gateway.call("POST", TEMPLATE + "en/preview", raw=b"\xff\xfe{")
    assert raw.status == 400, raw.body
    assert fleet.gateway.call("POST", TEMPLATE + "en/preview", key=None).status == 401
    assert passed_on(fleet) == before


def test_what_one_replica_stored_all_of_them_show_and_send(fleet):
    first, second = fleet.notification, fleet.second
    try:
        for nth in range(5):
            subject = f"New {nth} {{{{order_number}}}}"
            assert first.call("PUT", TEMPLATE + "en", {"subject": subject, "text": "x"}).status == 200
            assert second.call("GET", TEMPLATE + "en").json["subject"] == subject
            listed = second.call("GET", "/v1/notifications/templates").json["data"]
            assert subject in [one["subject"] for one in listed]
            assert second.call("POST", TEMPLATE + "en/preview").json["subject"].startswith(f"New {nth} ")
        time.sleep(1 * PATIENCE)
        first.stop()  # so that the other one sends
        order = fleet.ended(fleet.order("TEA").json["id"])
        mail = until(lambda: next((one for one in fleet.smtp.messages if order["id"] in one["Message-ID"]), None))
        assert mail["Subject"] == f"New 4 {order['number']}"
    finally:
        first.start()
        fleet.gateway.route(notification=[first, second])
    assert first.call("DELETE", TEMPLATE + "en").status == 204
    assert second.call("GET", TEMPLATE + "en").json["source"] == "built_in"


def test_the_shops_name_reaches_all_replicas(fleet):
    name = "Shop " + uuid.uuid4().hex
    assert fleet.catalog.call("PATCH", "/v1/shop", {"name": name}).status == 200
    body = {"template": {"subject": "{{shop_name}}", "text": "x"}}
    for replica in (fleet.notification, fleet.second):
        until(lambda: replica.call("POST", TEMPLATE + "en/preview", body).json["subject"] == name)


def test_many_questions_at_once(fleet, order):
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: assess(fleet, order), range(100)))
    assert {answer.status for answer in answers} == {200}
    assert {answer.json["order_id"] for answer in answers} == {order}


def test_agents_that_stands_still_is_not_waited_for_and_its_late_answer_is_nobodys(fleet, order):
    other = fleet.ended(fleet.order("TEA").json["id"])["id"]
    with stands_still(fleet.agents):
        begun = time.monotonic()
        is_late(assess(fleet, order), begun)
    for _ in range(5):
        answer = until(lambda: assess(fleet, other) if assess(fleet, other).status == 200 else None)
        assert answer.json["order_id"] == other


def test_agents_that_is_away_is_told_and_found_again(fleet, order):
    fleet.agents.kill()
    try:
        begun = time.monotonic()
        is_late(assess(fleet, order), begun)
    finally:
        fleet.agents.start()
    assert until(lambda: assess(fleet, order).status == 200)


def test_a_rabbitmq_that_stands_still_holds_nobody(fleet, order):
    with stands_still(fleet.rabbitmq):
        begun = time.monotonic()
        is_late(assess(fleet, order), begun)
    assert until(lambda: assess(fleet, order).status == 200)


def test_without_rabbitmq_previews_go_another_way_and_assessments_are_refused(fleet, order):
    assert assess(fleet, order).status == 200
    fleet.rabbitmq.kill()
    try:
        begun = time.monotonic()
        refused = assess(fleet, order)
        assert (refused.status, refused.json["code"]) == (503, "agents_unavailable"), refused.body
        assert refused.headers["retry-after"] == "1" and time.monotonic() - begun < 1 * PATIENCE
        before = passed_on(fleet)
        assert preview(fleet).status == 200
        assert passed_on(fleet) == before + 1
    finally:
        fleet.rabbitmq.start()
    assert until(lambda: assess(fleet, order).status == 200)

    def over_the_queue():
        before = passed_on(fleet)
        return preview(fleet).status == 200 and passed_on(fleet) == before
    until(over_the_queue)


def test_rabbitmq_restarted_between_two_questions_is_not_noticed(fleet, order):
    assert assess(fleet, order).status == 200
    fleet.rabbitmq.kill()
    fleet.rabbitmq.start()
    until(lambda: fleet.run("queues", "--json").returncode == 0)
    answer = assess(fleet, order)  # over a connection that has died
    assert answer.status in (200, 504), answer.body  # Agents may need longer to find it
    assert until(lambda: assess(fleet, order).status == 200)


def test_the_queues_are_listed_and_have_no_dead_letters(fleet):
    listed = fleet.run("queues").stdout
    assert "notification.previews: 0 ready" in listed and "agents.assessments: 0 ready" in listed
    refused = fleet.run("queues", "dead", "agents.assessments")
    assert refused.returncode == 1 and "no dead letters" in refused.stderr


def test_a_fleet_without_rabbitmq_says_what_is_missing(fleet, order):
    kept = {name: fleet.settings.pop(name) for name in ("RabbitMQ__HostName", "RabbitMQ__Port")}
    try:
        fleet.ordering.stop()
        fleet.ordering.start()
        refused = fleet.ordering.call("POST", f"/v1/orders/{order}/assess")
        assert (refused.status, refused.json["code"]) == (503, "agents_unavailable")
        assert "RabbitMQ:HostName" in refused.json["detail"]
    finally:
        fleet.settings.update(kept)
        fleet.ordering.stop()
        fleet.ordering.start()
