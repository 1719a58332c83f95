"""Mail of two replicas of Notification that share their work over RabbitMQ, or without it: each message once, whatever is killed,
paused or forgotten. An end between the relay's 250 and our commit alone may double a message, and then under the same Message-ID."""
import collections, json, random, re, signal, threading, time
import pytest
from fleet import Fleet, Rabbitmq
from patience import PATIENCE
from steered import SmtpServer, serving, until

THREADS = 4  # of a replica, each with one message on its way


@pytest.fixture(scope="module")
def fleet():
    with serving(SmtpServer()) as smtp:
        rabbitmq = Rabbitmq()
        fleet = Fleet(smtp, [rabbitmq], RabbitMQ__HostName="127.0.0.1", RabbitMQ__Port=rabbitmq.port, Notification__LeaseSeconds=4,
                      Notification__HandOverAgainSeconds=5)
        fleet.rabbitmq = rabbitmq
        fleet.product("TEA", 100, 100000)
        fleet.sold("TEA")
        yield fleet
        fleet.remove()


@pytest.fixture
def second(fleet):
    second = fleet.replica("notification")
    yield second
    second.remove()


def slowly():
    time.sleep(0.03 + 0.05 * random.random())
    return "250 kept"


@pytest.fixture(autouse=True)
def slow_relay(fleet):
    fleet.smtp.replies["DATA END"] = slowly
    yield
    fleet.smtp.replies.clear()


def place(fleet, count, pause=0.0):
    ids = []
    for _ in range(count):
        answer = fleet.order("TEA")
        assert answer.status == 202, answer.body
        ids.append(answer.json["id"])
        time.sleep(pause)
    return ids


def mails(fleet, ids):
    """How often each message about an order came, by its Message-ID."""
    wanted, found = set(ids), collections.defaultdict(collections.Counter)
    for message_id in list(fleet.smtp.ids()):
        order = re.search(r"ord_[0-9a-z]+", message_id).group()
        if order in wanted:
            found[order][message_id] += 1
    return found


def told(fleet, ids, seconds=60):
    """Waits until each order was told of, and looks again a while later: each by one message. Gives how many came more than once."""
    until(lambda: len(mails(fleet, ids)) == len(ids), seconds)
    until(lambda: not states(fleet, "queued"), seconds)
    time.sleep(1)
    found = mails(fleet, ids)
    assert all(len(messages) == 1 for messages in found.values()), found
    return sum(count - 1 for messages in found.values() for count in messages.values())


def states(fleet, status):
    return fleet.postgres.psql("notificationdb", f"SELECT id FROM notification_messages WHERE status = '{status}'").stdout.split()


def queues(fleet):
    answer = fleet.run("queues", "--json")
    assert answer.returncode == 0, answer.stderr
    return {one["name"]: one for one in json.loads(answer.stdout)}


def both_send(fleet, second, before):
    figure = r'stoa_notification_tries_total\{channel="email",outcome="accepted"\} (\d+)'
    sent = [int((re.search(figure, one.call("GET", "/metrics").body.decode()) or [0, 0])[1]) for one in (fleet.notification, second)]
    return [now - then for now, then in zip(sent, before)]


def test_two_replicas_share_the_work_and_send_each_message_once(fleet, second):
    before = both_send(fleet, second, (0, 0))
    ids = place(fleet, 60)
    assert told(fleet, ids) == 0
    shares = both_send(fleet, second, before)
    assert sum(shares) >= 60 and min(shares) > 0, shares
    assert queues(fleet)["notification.email"] == {"name": "notification.email", "ready": 0, "waiting": 0, "dead": 0, "consumers": 2}


def test_a_doubled_task_sends_nothing_twice(fleet, second):
    fleet.smtp.replies["DATA END"] = lambda: time.sleep(0.4) or "250 kept"
    ids = place(fleet, 30)
    # As if no task had been handed over, again and again while they are sent.
    for _ in range(25):
        fleet.postgres.psql("notificationdb", "UPDATE notification_messages SET handed_at = NULL WHERE status = 'queued'")
        time.sleep(0.1)
    assert told(fleet, ids) == 0


def test_replicas_that_are_killed_lose_nothing_and_double_only_what_was_on_its_way(fleet, second):
    ids, kills = [], 6
    buyer = threading.Thread(target=lambda: ids.extend(place(fleet, 120, 0.05)))
    buyer.start()
    rng = random.Random(3)
    for nth in range(kills):
        time.sleep(rng.uniform(0.5, 1.2))
        victim = (fleet.notification, second)[nth % 2]
        victim.kill()
        time.sleep(rng.uniform(0, 0.6))
        victim.start()
    buyer.join()
    assert told(fleet, ids, 90) <= THREADS * kills


def test_one_that_does_not_come_back_is_stood_in_for_when_its_claims_are_over(fleet, second):
    fleet.smtp.go_on.clear()  # everything that is sent stays on its way
    ids = place(fleet, 20)
    until(lambda: len(states(fleet, "queued")) >= 20)
    until(fleet.smtp.reached.is_set)
    time.sleep(1)
    second.kill()
    fleet.smtp.go_on.set()
    fleet.smtp.reached.clear()
    assert told(fleet, ids, 60) <= THREADS


def test_rabbitmq_killed_and_started_again_loses_and_doubles_nothing(fleet, second):
    ids = []
    buyer = threading.Thread(target=lambda: ids.extend(place(fleet, 80, 0.05)))
    buyer.start()
    for _ in range(2):
        time.sleep(1)
        fleet.rabbitmq.kill()
        time.sleep(1)
        fleet.rabbitmq.start()
    buyer.join()
    assert told(fleet, ids, 90) == 0


def test_a_rabbitmq_that_stands_still_makes_mail_late_and_no_more(fleet, second):
    fleet.rabbitmq.process.send_signal(signal.SIGSTOP)
    ids = place(fleet, 20)
    time.sleep(14)
    assert not mails(fleet, ids)
    fleet.rabbitmq.process.send_signal(signal.SIGCONT)
    assert told(fleet, ids, 60) == 0


def test_a_rabbitmq_that_forgets_its_queues_loses_no_mail(fleet, second):
    fleet.smtp.go_on.clear()  # so that tasks stay in the queue
    try:
        ids = place(fleet, 40)
        handed = "SELECT count(*) FROM notification_messages WHERE status = 'queued' AND handed_at IS NOT NULL"
        until(lambda: fleet.postgres.psql("notificationdb", handed).stdout == "40\n")
        fleet.rabbitmq.kill()
        fleet.rabbitmq.forget()
    finally:
        fleet.smtp.go_on.set()  # before it is begun again, which may take longer than a relay is waited for
    fleet.rabbitmq.start()
    assert told(fleet, ids, 60) == 0


def test_a_replica_that_stands_still_sends_nothing_that_another_has_sent_meanwhile(fleet, second):
    fleet.smtp.replies["DATA END"] = lambda: time.sleep(1.5) or "250 kept"
    ids = place(fleet, 40)
    until(lambda: len(states(fleet, "queued")) >= 12)
    time.sleep(1)
    second.process.send_signal(signal.SIGSTOP)
    try:
        time.sleep(16)  # until RabbitMQ takes it for gone, and its claims are over
    finally:
        second.process.send_signal(signal.SIGCONT)
    assert told(fleet, ids, 60) <= THREADS


def test_an_operator_sees_dead_letters_and_replays_them(fleet):
    order = place(fleet, 1)
    told(fleet, order)
    assert fleet.run("queues", "dead", "notification.email").stdout == ""
    wrong = fleet.run("queues", "dead", "nothing")
    assert wrong.returncode == 1 and "no queue nothing" in wrong.stderr
    assert "0 put back" in fleet.run("queues", "replay", "notification.email").stdout
    nobody = fleet.run("queues", "replay", "notification.email", "--id", "ntf_none")
    assert nobody.returncode == 1


def park(fleet, offset, order, data):
    """As if a message about an order had been put aside."""
    parked = fleet.postgres.psql("notificationdb", "INSERT INTO host_parked_message(topic, part, message_offset, id, type, position, data,"
                                 f" reason, parked_at) VALUES('stoa.ordering.orders', 1, {offset}, 'order-{order}@900',"
                                 f" 'ordering.OrderConfirmed.v1', 900, '{data}', 'it failed 5 times', 1)")
    assert parked.returncode == 0, parked.stderr
    return f"stoa.ordering.orders/1/{offset}"


def test_an_operator_sees_a_parked_message_and_has_it_taken(fleet):
    [order] = place(fleet, 1)
    told(fleet, [order])
    data = json.dumps({"order_id": order, "has_phone": False})
    id_ = park(fleet, 1000000, order, data)
    listed = json.loads(fleet.run("parked", "list", "notification", "--json").stdout)
    assert [(one["id"], one["type"], one["reason"]) for one in listed] == [(id_, "ordering.OrderConfirmed.v1", "it failed 5 times")]
    assert id_ in fleet.run("parked", "list", "notification").stdout
    assert json.loads(fleet.run("parked", "show", "notification", id_).stdout)["data"] == data
    assert fleet.run("parked", "replay", "notification", id_ + "1").returncode == 1
    assert fleet.run("parked", "replay", "notification", id_).returncode == 0
    until(lambda: len(mails(fleet, [order])[order]) == 2)
    assert json.loads(fleet.run("parked", "list", "notification", "--json").stdout) == []
    time.sleep(2)
    assert sum(mails(fleet, [order])[order].values()) == 2


def test_a_message_that_cannot_be_read_is_put_aside_and_ends_nobody(fleet):
    id_ = park(fleet, 1000001, "ord_x", json.dumps({"order_id": 5}))
    assert fleet.run("parked", "replay", "notification", id_).returncode == 0
    reason = lambda: json.loads(fleet.run("parked", "list", "notification", "--json").stdout)[0]["reason"]
    until(lambda: "when it was replayed" in reason())
    assert fleet.notification.process.poll() is None
    told(fleet, place(fleet, 1))
    fleet.postgres.psql("notificationdb", "DELETE FROM host_parked_message")


def test_two_replicas_without_rabbitmq_send_each_message_once(fleet):
    kept = {name: fleet.settings.pop(name) for name in ("RabbitMQ__HostName", "RabbitMQ__Port")}
    replica = None
    try:
        fleet.notification.stop()
        fleet.notification.start()
        replica = fleet.replica("notification")
        ids = place(fleet, 60)
        assert told(fleet, ids) == 0
        ids = place(fleet, 40)
        until(lambda: len(mails(fleet, ids)) > 10)
        replica.kill()
        assert told(fleet, ids, 60) <= THREADS
    finally:
        if replica:
            replica.remove()
        fleet.settings.update(kept)
        fleet.notification.stop()
        fleet.notification.start()
