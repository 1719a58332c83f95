"""Projections built anew beside the live ones, while the shop serves."""
import threading, uuid
import pytest
from conftest import PUBLISHABLE
from steered import until
from stock_ledger import carried, damage, is_fleet, of_ledger


def ledger(shop, sku):
    rows, cursor = [], ""
    while True:
        page = shop.call("GET", f"/v1/inventory/{sku}/ledger?limit=200{cursor}").json
        rows += page["data"]
        if not page["next_cursor"]:
            return rows
        cursor = "&cursor=" + page["next_cursor"]


def table(shop, sku):
    return of_ledger(shop, f"SELECT * FROM catalog_ledger WHERE sku = '{sku}' ORDER BY position, line")


def nothing_is_left_over(shop):
    tables = "pg_class WHERE relname" if is_fleet(shop) else "sqlite_master WHERE name"
    return of_ledger(shop, f"SELECT 1 FROM {tables} = 'catalog_ledger_next'") == []


def rebuild(shop, projection):
    ran = shop.run("rebuild", projection, "--url", f"http://127.0.0.1:{shop.port}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"The projection {projection} was built anew.\n"


def test_the_ledger_is_built_anew_and_says_the_same(own_shop):
    own_shop.product("BUILD-1", 900, 10)
    own_shop.order("BUILD-1", 2)
    for _ in range(20):
        own_shop.adjust("BUILD-1", 3)
    live = ledger(own_shop, "BUILD-1")
    carried(own_shop)
    rows = table(own_shop, "BUILD-1")
    # What is wrong in the live one is gone afterwards, so it was made anew.
    damage(own_shop, "UPDATE catalog_ledger SET kind = 'wrong' WHERE sku = 'BUILD-1' AND line = 0",
           "DELETE FROM catalog_ledger WHERE sku = 'BUILD-1' AND position % 2 = 0")
    assert ledger(own_shop, "BUILD-1") != live
    rebuild(own_shop, "stock_ledger")
    assert ledger(own_shop, "BUILD-1") == live and table(own_shop, "BUILD-1") == rows
    assert nothing_is_left_over(own_shop)
    rebuild(own_shop, "stock_ledger")
    assert ledger(own_shop, "BUILD-1") == live and nothing_is_left_over(own_shop)
    # The live projection goes on from there.
    own_shop.adjust("BUILD-1", 1)
    assert [row["kind"] for row in ledger(own_shop, "BUILD-1")] == [row["kind"] for row in live] + ["adjusted"]
    assert own_shop.audit()["clean"]


def test_nothing_pauses_and_nothing_is_missed_while_it_is_built(own_shop):
    own_shop.product("BUILD-2", 900, 1)
    for _ in range(50):
        own_shop.adjust("BUILD-2", 1)
    stop, faults, made = threading.Event(), [], [51]

    def write():
        while not stop.is_set():
            if own_shop.adjust("BUILD-2", 1).status != 201:
                faults.append("write")
            made[0] += 1

    def read():
        while not stop.is_set():
            least = made[0]
            rows = ledger(own_shop, "BUILD-2")
            # Every write that was answered is there, each once, and the balance follows.
            if len(rows) < least or [row["on_hand"] for row in rows] != list(range(1, len(rows) + 1)):
                faults.append(rows)

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        rebuild(own_shop, "stock_ledger")
    stop.set()
    for thread in threads:
        thread.join()
    assert not faults
    rows = ledger(own_shop, "BUILD-2")
    assert [row["on_hand"] for row in rows] == list(range(1, made[0] + 1))


def test_a_rebuild_that_was_killed_goes_on(own_shop):
    own_shop.product("BUILD-3", 900, 1)
    for _ in range(30):
        own_shop.adjust("BUILD-3", 1)
    live = ledger(own_shop, "BUILD-3")
    job = own_shop.call("POST", "/v1/jobs", {"kind": "rebuild", "parameters": {"projection": "stock_ledger"}},
                        idempotency=uuid.uuid4().hex).json["id"]
    own_shop.kill()
    own_shop.start()
    until(lambda: own_shop.call("GET", f"/v1/jobs/{job}").json["state"] == "succeeded")
    assert ledger(own_shop, "BUILD-3") == live and nothing_is_left_over(own_shop)


@pytest.mark.embedded("in a fleet each replica has a search index of its own, which a job of one of them cannot build anew")
def test_the_search_index_is_built_anew(own_shop):
    own_shop.product("BUILD-4")
    rebuild(own_shop, "search")
    assert own_shop.call("GET", "/v1/search/index").json["ready"]
    found = own_shop.call("GET", "/v1/products?q=BUILD-4").json
    assert [one["title"] for one in found["data"]] == ["BUILD-4"]


def test_wrong_rebuilds_are_named(shop):
    for parameters in ({}, {"projection": "orders"}, {"projection": "search", "more": "1"}):
        answer = shop.call("POST", "/v1/jobs", {"kind": "rebuild", "parameters": parameters}, idempotency=uuid.uuid4().hex)
        assert answer.status == 422 and answer.json["errors"][0]["pointer"].startswith("/parameters/"), parameters
    assert shop.call("POST", "/v1/jobs", {"kind": "rebuild", "parameters": {"projection": "search"}}, key=PUBLISHABLE,
                     idempotency=uuid.uuid4().hex).status == 403
    ran = shop.run("rebuild", "orders", "--url", f"http://127.0.0.1:{shop.port}")
    assert ran.returncode == 1 and "Must be one of" in ran.stderr
