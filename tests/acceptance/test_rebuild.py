"""Projections built anew beside the live ones, while the shop serves."""
import uuid
from conftest import PUBLISHABLE


def rebuild(shop, projection):
    ran = shop.run("rebuild", projection, "--url", f"http://127.0.0.1:{shop.port}")
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == f"The projection {projection} was built anew.\n"


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
