"""Replicas of Catalog with a cache that they share: who was told of a change reads it wherever it asks, and Redis is never needed for that."""
import contextlib, re, signal, threading, time, uuid
import pytest
from conftest import PUBLISHABLE
from fleet import Fleet, Service
from patience import PATIENCE


@pytest.fixture(scope="module")
def fleet():
    fleet = Fleet(None, names=["catalog"], redis=True)
    try:
        fleet.second = fleet.replica("catalog")
        yield fleet
    finally:
        if hasattr(fleet, "second"):
            fleet.second.remove()
        fleet.remove()


@contextlib.contextmanager
def running_redis(fleet):
    """As it was, whatever a test did to it."""
    try:
        yield fleet.redis
    finally:
        if fleet.redis.process.poll() is None:
            fleet.redis.process.send_signal(signal.SIGCONT)
        else:
            fleet.redis.start()
        eventually(lambda: all(figure(one, 'stoa_redis_breaker_state{use="cache"}') == 0 and figure(one, "stoa_cache_hears_others") == 1
                               for one in (fleet.catalog, fleet.second)))


def eventually(is_so):
    until = time.monotonic() + 30 * PATIENCE
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def figure(service, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", service.call("GET", "/metrics", key=None).body.decode(), re.M).group(1))


def create(fleet):
    handle = "p-" + uuid.uuid4().hex[:12]
    answer = fleet.catalog.call("POST", "/v1/products", {
        "handle": handle, "title": "new", "status": "active", "variants": [{"sku": handle, "prices": [{"amount": 900, "currency": "GBP"}]}]})
    assert answer.status == 201, answer.body
    return answer.json


def read(service, path, position=None):
    return service.call("GET", path, key=PUBLISHABLE, headers={"Stoa-Position": position} if position else {})


def change(service, product, **members):
    answer = service.call("PATCH", "/v1/products/" + product["id"], members)
    assert answer.status == 200, answer.body
    return answer.headers["stoa-position"]


def title(service, path, position=None):
    answer = read(service, path, position)
    assert answer.status == 200, answer.body
    return answer.json["title"] if "title" in answer.json else {one["title"] for one in answer.json["data"]}


def changes_are_read(fleet, product, rounds=20):
    """By turns through one replica, each read through the other at once with the position that was answered."""
    paths = ["/v1/products/" + product["id"], "/v1/products/" + product["handle"]]
    for at in range(rounds):
        writer, reader = (fleet.catalog, fleet.second)[::1 if at % 2 else -1]
        for service in (writer, reader):  # so that both have it
            for path in (*paths, "/v1/products"):
                read(service, path)
        new = f"Title {uuid.uuid4().hex}"
        position = change(writer, product, title=new)
        assert [title(reader, path, position) for path in paths] == [new] * 2
        assert new in title(reader, "/v1/products", position)
        assert title(writer, paths[1]) == new


def test_what_one_replica_loaded_another_is_given_from_redis(fleet):
    def is_given():  # a Redis that is slow for once is not waited for
        path = "/v1/products/" + create(fleet)["handle"]
        eventually(lambda: read(fleet.catalog, path).status == 200)
        loads = figure(fleet.second, "stoa_cache_loads_total")
        assert title(fleet.second, path) == "new"
        return figure(fleet.second, "stoa_cache_loads_total") == loads

    eventually(is_given)


def test_who_was_answered_a_change_reads_it_from_the_other_replica(fleet):
    changes_are_read(fleet, create(fleet))


def test_who_was_told_nothing_reads_a_change_soon(fleet):
    product = create(fleet)
    paths = ["/v1/products/" + product["id"], "/v1/products/" + product["handle"]]
    for at in range(5):
        for path in (*paths, "/v1/products"):
            read(fleet.second, path)
        change(fleet.catalog, product, title=f"soon {at}")
        eventually(lambda: [title(fleet.second, path) for path in paths] == [f"soon {at}"] * 2)
        eventually(lambda: f"soon {at}" in title(fleet.second, "/v1/products"))
    change(fleet.catalog, product, handle=product["handle"] + "-moved")
    eventually(lambda: read(fleet.second, paths[1]).status == 404)


def test_a_stopped_redis_hides_no_change(fleet):
    product = create(fleet)
    with running_redis(fleet) as redis:
        changes_are_read(fleet, product, 4)
        redis.process.send_signal(signal.SIGSTOP)
        changes_are_read(fleet, product)
        change(fleet.catalog, product, title="while Redis stood")
        path = "/v1/products/" + product["handle"]
        eventually(lambda: title(fleet.second, path) == "while Redis stood")
        redis.process.send_signal(signal.SIGCONT)
        changes_are_read(fleet, product, 4)


def test_a_killed_redis_hides_no_change_and_one_that_comes_back_brings_nothing_back(fleet):
    product = create(fleet)
    with running_redis(fleet) as redis:
        changes_are_read(fleet, product, 4)
        redis.kill()
        changes_are_read(fleet, product)
        redis.start()
        changes_are_read(fleet, product)


def test_redis_that_is_stopped_and_killed_under_load_shows_nobody_what_is_older_than_what_was_answered(fleet):
    product, ended, stale, told = create(fleet), threading.Event(), [], [(0, None)]
    path = "/v1/products/" + product["handle"]

    def ask(service):
        while not ended.is_set():
            at, position = told[-1]
            answer = read(service, path, position)
            if answer.status != 200 or (at and int(answer.json["title"]) < at):
                stale.append((at, answer.body))

    readers = [threading.Thread(target=ask, args=(service,)) for service in (fleet.catalog, fleet.second) for _ in range(2)]
    with running_redis(fleet) as redis:
        for reader in readers:
            reader.start()
        until, harms = time.monotonic() + 8, 0
        for at in range(1, 10**6):
            position = change((fleet.catalog, fleet.second)[at % 2], product, title=str(at))
            told.append((at, position))
            if time.monotonic() > until:
                break
            if at % 20 == 0:
                harms += 1
                if harms % 3 == 0:
                    redis.kill()
                    redis.start()
                else:
                    redis.process.send_signal(signal.SIGSTOP if harms % 3 == 1 else signal.SIGCONT)
        ended.set()
        for reader in readers:
            reader.join()
    assert not stale, stale[:3]
    assert at > 50


def test_a_replica_that_comes_back_trusts_nothing_that_redis_kept_from_before(fleet):
    product = create(fleet)
    path = "/v1/products/" + product["handle"]
    breaker = 'stoa_redis_breaker_state{use="cache"}'
    third = Service(fleet, "catalog").start()
    try:
        with running_redis(fleet) as redis:
            eventually(lambda: read(third, path).status == 200)
            third.kill()
            redis.process.send_signal(signal.SIGSTOP)
            # They do not even try to tell it any more, and then end: nobody who knows of the change is left to make up for that.
            eventually(lambda: all(read(one, "/v1/products/" + uuid.uuid4().hex).status == 404 and figure(one, breaker) == 2
                                   for one in (fleet.catalog, fleet.second)))
            change(fleet.catalog, product, title="unheard")
            for one in (fleet.catalog, fleet.second):
                one.kill()
            redis.process.send_signal(signal.SIGCONT)
            for one in (third, fleet.catalog, fleet.second):
                one.start()
            assert {title(one, path) for one in (third, fleet.catalog, fleet.second)} == {"unheard"}
    finally:
        third.remove()


def test_a_replica_speaks_tls_to_a_redis_that_it_trusts_alone(fleet):
    replicas = []
    try:
        fleet.settings.update(ConnectionStrings__Redis=f"rediss://localhost:{fleet.redis.tls_port}")
        replicas.append(fleet.replica("catalog"))
        eventually(lambda: "certificate of the server is refused" in open(replicas[0].log).read())
        fleet.settings.update(Redis__CaFile=fleet.redis.certificate)
        replicas.append(fleet.replica("catalog"))
        eventually(lambda: figure(replicas[1], 'stoa_redis_breaker_state{use="cache"}') == 0 and figure(replicas[1], "stoa_cache_hears_others") == 1)
        assert figure(replicas[0], "stoa_cache_hears_others") == 0
    finally:
        fleet.settings.clear()
        for one in replicas:
            one.remove()


def test_replicas_share_a_limit(fleet):
    fleet.settings.update(RateLimits__RequestsPerSecond=1, RateLimits__Burst=20)
    replicas = []
    try:
        replicas += [fleet.replica("catalog"), fleet.replica("catalog")]
        eventually(lambda: all(figure(one, 'stoa_redis_breaker_state{use="rate_limits"}') == 0 for one in replicas))
        began = time.monotonic()
        statuses = [read(replicas[nth % 2], "/v1/products").status for nth in range(60)]
        let_through = statuses.count(200)
        assert statuses.count(429) == 60 - let_through and 20 <= let_through <= 22 + (time.monotonic() - began), statuses
    finally:
        fleet.settings.clear()
        for one in replicas:
            one.remove()
