"""What Kafka has lost before a service took it is published again, and has its effect once."""
import contextlib, http.client, re, threading, time
import pytest
from fleet import Fleet
from patience import PATIENCE


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet(None)
    yield fleet
    fleet.remove()


def until_true(what, fleet, seconds=60):
    until = time.monotonic() + seconds * PATIENCE
    while not (value := what()):
        assert time.monotonic() < until, fleet.told()
        time.sleep(0.1)
    return value


def figure(service, name):
    text = service.call("GET", "/metrics", key=None).body.decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M).group(1))


def number(fleet, database, statement):
    return int(fleet.postgres.psql(database, statement).stdout.strip() or 0)


def come_to_rest(fleet, *without):
    """Until nothing is on its way any more, but to those that are away."""
    services = [service for name, service in fleet.services.items() if name not in without]
    heads = lambda: [number(fleet, name + "db", f"SELECT max(position) FROM {name}_log") for name in fleet.services]

    def rests():
        before = heads()
        time.sleep(1)
        return heads() == before and not any(figure(service, "stoa_messages_waiting") for service in services) and all(
            number(fleet, name + "db", f"SELECT position FROM {name}_relay") == head
            for name, head in zip(fleet.services, before) if name not in without and head)

    until_true(rests, fleet)


def captured_once(fleet, ids):
    rows = fleet.postgres.psql("paymentdb", "SELECT p.order_id, count(*) FROM sim_ledger l JOIN payment_payments p ON p.id = l.payment_id"
                               " WHERE l.kind = 'capture' GROUP BY p.order_id").stdout.split()
    return {row.split("|")[0]: row.split("|")[1] for row in rows if row.split("|")[0] in ids} == {i: "1" for i in ids}


def advice(service):
    """The command that its log names, and what it may have taken first."""
    found = re.findall(r"`stoa (republish \w+ --from \d+ --group \w+)` publishes it again", open(service.log).read())
    return found[-1].split() if found else None


def test_what_a_service_has_taken_has_no_effect_again(fleet):
    fleet.product("MUG", 1250, 50)
    fleet.sold("MUG")
    ids = [fleet.order("MUG").json["id"] for _ in range(5)]
    assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
    come_to_rest(fleet)
    logs = {name: number(fleet, name + "db", f"SELECT max(position) FROM {name}_log") for name in fleet.services}
    for group in ("catalog", "payment"):
        service = fleet.services[group]
        before = figure(service, 'stoa_messages_total{outcome="repeated"}')
        done = fleet.run("republish", "ordering", "--from", "1", "--group", group)
        said = re.fullmatch(rf"Published (\d+) messages again, of positions 1 to {logs['ordering']}, in stoa.replay.{group}.\n", done.stdout)
        assert said and int(said.group(1)) >= 10, done
        until_true(lambda: figure(service, 'stoa_messages_total{outcome="repeated"}') == before + int(said.group(1)), fleet)
    come_to_rest(fleet)
    assert logs == {name: number(fleet, name + "db", f"SELECT max(position) FROM {name}_log") for name in fleet.services}
    assert captured_once(fleet, ids) and fleet.audit()["clean"]


def lost_meanwhile(fleet, sku, lose):
    """Payment is away, and what it has to take is lost: orders that wait for it."""
    fleet.product(sku, 300, 50)
    fleet.sold(sku)
    assert fleet.ended(fleet.order(sku).json["id"])["status"] == "confirmed"
    come_to_rest(fleet)
    fleet.payment.kill()
    ids = [fleet.order(sku).json["id"] for _ in range(10)]
    come_to_rest(fleet, "payment")
    lose()
    return ids + [fleet.order(sku).json["id"] for _ in range(5)]


def all_are_confirmed(fleet, ids):
    assert {fleet.ended(i)["status"] for i in ids} == {"confirmed"}
    come_to_rest(fleet)
    return captured_once(fleet, ids) and fleet.audit()["clean"]


def test_what_retention_deleted_before_it_was_taken_is_taken_after_the_command_that_the_log_names(fleet):
    ids = lost_meanwhile(fleet, "JAR", fleet.kafka.expire)
    fleet.payment.start()
    command = until_true(lambda: advice(fleet.payment), fleet)
    assert command[1] == "ordering" and command[-1] == "payment"
    time.sleep(2)
    assert {fleet.ordering.call("GET", "/v1/orders/" + i).json["status"] for i in ids} == {"placed"}
    done = fleet.run(*command)
    assert done.returncode == 0, done
    assert all_are_confirmed(fleet, ids)


@contextlib.contextmanager
def supervised(fleet):
    """As an AppHost does: who ends is started again. librdkafka 2.8 (Debian 13) ends a process that closes a client whose topics
    were made anew meanwhile; nobody else may end."""
    is_over, ended = threading.Event(), {}

    def watch():
        while not is_over.wait(0.2):
            for service in fleet.services.values():
                if service.process.poll() is not None:
                    said = open(service.log).read()
                    if "rkmc_cnt > 0" in said:
                        service.start()
                    else:
                        ended[service.name] = said[-3000:]

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        is_over.set()
        watcher.join()
        assert not ended


def until_answered(ask, seconds=60):
    until = time.monotonic() + seconds * PATIENCE
    while True:
        try:
            return ask()
        except (OSError, http.client.HTTPException):
            assert time.monotonic() < until, "nobody answers"
            time.sleep(0.2)


def test_what_topics_that_are_gone_held_comes_again_by_itself(fleet):
    def lose():
        fleet.kafka.kill()
        fleet.kafka.forget()
        fleet.kafka.start()

    ids = lost_meanwhile(fleet, "URN", lose)
    with supervised(fleet):
        fleet.payment.start()
        assert {until_answered(lambda: fleet.ended(i))["status"] for i in ids} == {"confirmed"}
    assert all_are_confirmed(fleet, ids)


def test_others_get_a_range_in_a_topic_of_their_own(fleet):
    head = number(fleet, "orderingdb", "SELECT position FROM ordering_relay")
    done = fleet.run("republish", "ordering", "--from", "2", "--to", str(head), "--topic", "books.orders")
    assert re.fullmatch(rf"Published \d+ messages again, of positions 2 to {head}, in books.orders.\n", done.stdout), done
    assert fleet.kafka.holds("books.orders") > 0


@pytest.mark.parametrize("arguments, sentence", [
    (["nobody", "--from", "1", "--group", "catalog"], "SERVICE: nobody not in"),
    (["ordering", "--from", "1", "--group", "nobody"], "--group: nobody not in"),
    (["ordering", "--from", "1"], "Name who it is for: --group SERVICE, or --topic NAME."),
    (["ordering", "--from", "1", "--group", "catalog", "--topic", "x"], "excludes"),
    (["ordering", "--from", "0", "--group", "catalog"], "no range is from 0 to "),
    (["ordering", "--from", "9", "--to", "8", "--group", "catalog"], "no range is from 9 to 8."),
    (["ordering", "--from", "99999999", "--group", "catalog"], "what stands behind it is not published again."),
    (["ordering", "--from", "1", "--to", "99999999", "--group", "catalog"], "what stands behind it is not published again."),
    (["ordering", "--from", "1", "--topic", "stoa.ordering.orders"], "The topics stoa.… are the services' own: name another one."),
])
def test_what_cannot_be_meant_is_refused_with_a_sentence(fleet, arguments, sentence):
    refused = fleet.run("republish", *arguments)
    assert refused.returncode != 0 and sentence in refused.stderr and not refused.stdout, refused
