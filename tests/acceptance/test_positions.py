"""Stoa-Position: who writes can read the write, wherever it is served from."""
import time
import pytest
from patience import PATIENCE


def vector(answer):
    return {name: int(number) for name, number in (part.split("=") for part in answer.headers["stoa-position"].split(","))}


@pytest.mark.embedded("a service tells the positions of its own logs")
def test_an_answer_says_what_is_durable(shop):
    before = vector(shop.call("GET", "/v1/products"))
    assert set(before) == {"catalog", "ordering", "payment", "notification", "agents", "shop"}
    shop.product("POS-1", units=1)
    after = vector(shop.call("GET", "/v1/products"))
    assert after["catalog"] > before["catalog"] and after["ordering"] == before["ordering"]
    assert "stoa-position" not in shop.call("GET", "/health/live", key=None).headers


def test_the_answer_to_a_write_counts_the_write(shop):
    before = vector(shop.call("GET", "/v1/products"))
    shop.product("POS-2")
    answer = shop.adjust("POS-2", 3)
    [[head]] = shop.rows("catalog", "SELECT max(position) FROM catalog_log")
    assert vector(answer)["catalog"] == head > before["catalog"]


def test_a_read_that_sends_it_back_is_served_at_once(shop):
    shop.product("POS-3", units=5)
    order = shop.order("POS-3")
    begun = time.monotonic()
    for path in ("/v1/orders/" + order.json["id"], "/v1/inventory/POS-3", "/v1/payments"):
        assert shop.call("GET", path, headers={"Stoa-Position": order.headers["stoa-position"]}).status == 200
    assert time.monotonic() - begun < 1 * PATIENCE


@pytest.mark.embedded("a replica need not wait: what was answered stands in the database that it shares")
def test_a_position_of_an_unknown_future_ends_as_503(shop):
    begun = time.monotonic()
    answer = shop.call("GET", "/v1/products", headers={"Stoa-Position": "catalog=1000000000"})
    assert answer.status == 503 and answer.json["code"] == "position_not_reached"
    assert answer.headers["retry-after"]
    assert 1.5 < time.monotonic() - begun < 2 + 2 * PATIENCE


@pytest.mark.parametrize("text", ["soon", "catalog=-1", "catalog=1,catalog=2",
                                  pytest.param("nobody=1", marks=pytest.mark.embedded("a service does not know the names of all logs"))])
def test_a_malformed_position_is_named(shop, text):
    answer = shop.call("GET", "/v1/products", headers={"Stoa-Position": text})
    assert answer.status == 400
    assert answer.json["errors"][0]["pointer"] == "header/Stoa-Position"


def test_positions_survive_a_restart(own_shop):
    own_shop.product("POS-4", units=1)
    before = own_shop.call("GET", "/v1/products").headers["stoa-position"]
    own_shop.stop()
    own_shop.start()
    assert own_shop.call("GET", "/v1/products").headers["stoa-position"] == before
