"""What shops read: kept by the shop and by others, compressed, and never older than what was answered."""
import gzip, json, re, shutil, subprocess, threading, uuid
import pytest
from conftest import PUBLISHABLE, SECRET


def read(shop, path, key=PUBLISHABLE, **headers):
    return shop.call("GET", path, key=key, headers={name.replace("_", "-"): value for name, value in headers.items()})


def figure(shop, name):
    return float(re.search(rf"^{name} (\S+)$", shop.call("GET", "/metrics", key=None).body.decode(), re.M).group(1))


def create(shop, handle=None, **members):
    handle = handle or "p-" + uuid.uuid4().hex[:12]
    answer = shop.call("POST", "/v1/products", {
        "handle": handle, "title": handle, "status": "active",
        "variants": [{"sku": handle, "prices": [{"amount": 900, "currency": "GBP"}]}], **members})
    assert answer.status == 201, answer.body
    return answer.json


def large(shop):
    return create(shop, description_html="<p>" + "words and more words " * 200 + "</p>")


def plain(answer):
    coding = answer.headers.get("content-encoding")
    if coding == "gzip":
        return gzip.decompress(answer.body)
    if coding == "zstd":
        return subprocess.run(["zstd", "-dc"], input=answer.body, capture_output=True, check=True).stdout
    return answer.body


@pytest.mark.embedded("counts from the start of the process")
def test_a_product_is_read_from_the_store_once(own_shop):
    shop, product = own_shop, create(own_shop)
    answers = [read(shop, "/v1/products/" + product["handle"]) for _ in range(10)]
    assert {a.status for a in answers} == {200} and {a.json["id"] for a in answers} == {product["id"]}
    assert figure(shop, "stoa_cache_loads_total") == 1 and figure(shop, "stoa_cache_hits_total") == 9
    assert figure(shop, "stoa_cache_bytes") > 0 and figure(shop, "stoa_cache_entries") == 1
    pages = [read(shop, "/v1/products?limit=5") for _ in range(10)]
    assert {p.body for p in pages} == {pages[0].body} and figure(shop, "stoa_cache_loads_total") == 2


def test_a_change_is_read_at_once_by_id_handle_and_list(shop):
    product = create(shop)
    paths = ["/v1/products/" + product["id"], "/v1/products/" + product["handle"], "/v1/products?limit=100&sort=-created_at"]
    for at in range(50):
        title = f"Title {at}"
        for path in paths:
            read(shop, path)
        assert shop.call("PATCH", "/v1/products/" + product["id"], {"title": title}).status == 200
        assert [read(shop, path).json["title"] for path in paths[:2]] == [title] * 2
        assert title in {one["title"] for one in read(shop, paths[2]).json["data"]}


def test_a_handle_that_moves_and_a_product_that_goes_are_not_remembered(shop):
    first, handle = create(shop), "moving-" + uuid.uuid4().hex[:8]
    second = create(shop)
    change = lambda product, **members: shop.call("PATCH", "/v1/products/" + product["id"], members).status
    assert change(first, handle=handle) == 200 and read(shop, "/v1/products/" + handle).json["id"] == first["id"]
    tag = read(shop, "/v1/products/" + handle).headers["etag"]
    assert change(first, handle=first["handle"]) == 200 and read(shop, "/v1/products/" + handle).status == 404
    assert change(second, handle=handle) == 200
    moved = read(shop, "/v1/products/" + handle, If_None_Match=tag)
    assert moved.status == 200 and moved.json["id"] == second["id"]
    assert change(second, status="draft") == 200
    for path in ("/v1/products/" + handle, "/v1/products/" + second["id"]):
        assert read(shop, path).status == 404 and read(shop, path, key=SECRET).status == 200
    listed = {one["id"] for one in read(shop, "/v1/products?limit=100").json["data"]}
    assert first["id"] in listed and second["id"] not in listed


def test_readers_beside_a_writer_never_see_what_is_older_than_what_was_answered(shop_with):
    shop = shop_with(Http__ReaderThreads=2, Http__Threads=2)
    product = create(shop)
    answered, stale, ended = [0], [], threading.Event()

    def watch(path, number_of):
        while not ended.is_set():
            least = answered[0]
            seen = number_of(read(shop, path).json)
            if seen < least:
                stale.append((path, seen, least))

    of = lambda item: int(item["title"].rpartition(" ")[2]) if " " in item["title"] else 0
    paths = [("/v1/products/" + product["id"], of), ("/v1/products/" + product["handle"], of),
             ("/v1/products?limit=1", lambda page: of(page["data"][0]))]
    watchers = [threading.Thread(target=watch, args=path) for path in paths * 2]
    for watcher in watchers:
        watcher.start()
    for number in range(1, 300):
        assert shop.call("PATCH", "/v1/products/" + product["id"], {"title": f"Title {number}"}).status == 200
        answered[0] = number
    ended.set()
    for watcher in watchers:
        watcher.join()
    assert stale == []
    assert figure(shop, "stoa_cache_hits_total") > 0


@pytest.mark.embedded("counts from the start of the process")
def test_the_secret_key_and_stock_are_never_answered_from_a_cache(own_shop):
    shop, product = own_shop, create(own_shop)
    for path in ("/v1/products/" + product["id"], "/v1/products?limit=5", "/v1/inventory/" + product["handle"]):
        for _ in range(3):
            answer = read(shop, path, key=SECRET)
            assert answer.status == 200 and answer.headers["cache-control"] == "no-store", path
    assert figure(shop, "stoa_cache_hits_total") + figure(shop, "stoa_cache_misses_total") == 0
    assert "on_hand" not in read(shop, "/v1/products/" + product["id"]).body.decode()


def test_what_others_may_keep_is_said(shop, shop_with):
    product = create(shop)
    for path in ("/v1/products/" + product["id"], "/v1/products?limit=5"):
        answer = read(shop, path)
        assert answer.headers["cache-control"] == "public, max-age=30, stale-while-revalidate=30"
        assert {one.strip().lower() for one in answer.headers["vary"].split(",")} == {"authorization", "stoa-position", "accept-encoding"}
    order = shop.order(product["handle"])
    for answer in (order, read(shop, "/v1/orders/" + order.json["id"], Stoa_Order_Token=order.json["access_token"]),
                   read(shop, "/v1/products/none"), shop.call("GET", "/v1/orders"), shop.call("GET", "/metrics", key=None)):
        assert answer.headers["cache-control"] == "no-store"
    other = shop_with(Cache__ProductSecondsMax=0)
    assert read(other, "/v1/products/" + create(other)["id"]).headers["cache-control"] == "public, no-cache"


def test_without_room_nothing_is_kept_and_all_is_served(shop_with):
    shop = shop_with(Cache__BytesMax=0)
    product = create(shop)
    assert {read(shop, "/v1/products/" + product["id"]).status for _ in range(3)} == {200}
    assert figure(shop, "stoa_cache_loads_total") == 3 and figure(shop, "stoa_cache_bytes") == 0


def test_what_a_client_has_already_is_304(shop):
    product = large(shop)
    for path in ("/v1/products/" + product["id"], "/v1/products/" + product["handle"], "/v1/products?limit=5"):
        for accepted in ("", "gzip", "zstd"):
            first = read(shop, path, Accept_Encoding=accepted)
            tag = first.headers["etag"]
            assert tag.startswith('"') and (not accepted or tag.endswith(f'-{accepted}"'))
            again = read(shop, path, Accept_Encoding=accepted, If_None_Match=f'"other", W/{tag}')
            assert again.status == 304 and again.body == b"" and "content-type" not in again.headers
            for name in ("etag", "cache-control", "vary"):
                assert again.headers[name] == first.headers[name]
    old = read(shop, "/v1/products/" + product["id"]).headers["etag"]
    shop.call("PATCH", "/v1/products/" + product["id"], {"title": "Newer"})
    assert read(shop, "/v1/products/" + product["id"], If_None_Match=old).json["title"] == "Newer"
    # Orders and the secret key too: the client itself may keep what nobody else may.
    order = shop.order(product["handle"])
    shown = shop.call("GET", "/v1/orders/" + order.json["id"])
    assert read(shop, "/v1/orders/" + order.json["id"], key=SECRET, If_None_Match=shown.headers["etag"]).status == 304
    shown = read(shop, "/v1/products/" + product["id"], key=SECRET)
    assert shown.headers["etag"] == '"2"' and read(shop, "/v1/products/" + product["id"], key=SECRET, If_None_Match='"2"').status == 304
    description = shop.call("GET", "/openapi.json", key=None)
    assert read(shop, "/openapi.json", key=None, If_None_Match=description.headers["etag"]).status == 304


def test_the_tag_of_any_form_names_the_revision_to_change(shop):
    product = large(shop)
    patch = lambda tag: shop.call("PATCH", "/v1/products/" + product["id"], {"title": uuid.uuid4().hex}, headers={"If-Match": tag})
    for path, accepted in (("id", "gzip"), ("handle", "zstd"), ("handle", ""), ("id", "")):
        tag = read(shop, "/v1/products/" + product[path], Accept_Encoding=accepted).headers["etag"]
        assert patch(tag).status == 200
        assert patch(tag).status == 412 and patch(tag).json["code"] == "revision_mismatch"
    assert patch('"x-gzip"').status == 422


@pytest.mark.skipif(not shutil.which("zstd"), reason="the program zstd is not here")
def test_answers_are_compressed_as_the_client_asks(shop):
    product = large(shop)
    for _ in range(25):
        create(shop)
    paths = [("/v1/products/" + product["id"], PUBLISHABLE), ("/v1/products/" + product["id"], SECRET), ("/v1/products?limit=20", PUBLISHABLE),
             ("/v1/products?limit=20", SECRET), ("/v1/events", SECRET), ("/openapi.json", None), ("/metrics", None)]
    for path, key in paths:
        whole = read(shop, path, key=key)
        assert "content-encoding" not in whole.headers and "accept-encoding" in whole.headers["vary"].lower(), path
        for accepted, coding in (("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("zstd;q=0.1, gzip", "gzip"),
                                 ("gzip;q=0", None), ("br", None), ("*", "zstd")):
            answer = read(shop, path, key=key, Accept_Encoding=accepted)
            assert answer.headers.get("content-encoding") == coding, (path, accepted)
            if path != "/metrics":
                assert plain(answer) == whole.body
            if coding:
                assert len(answer.body) < len(whole.body) and int(answer.headers["content-length"]) == len(answer.body)
            head = shop.call("HEAD", path, key=key, headers={"Accept-Encoding": accepted})
            assert head.body == b"" and head.headers.get("content-encoding") == coding
            if path != "/metrics":
                assert head.headers["content-length"] == answer.headers["content-length"]
                assert head.headers.get("etag") == answer.headers.get("etag")


def test_what_is_small_secret_or_a_stream_is_sent_as_it_is(shop):
    product = create(shop, "small-" + uuid.uuid4().hex[:8])
    assert "content-encoding" not in read(shop, "/health/live", key=None, Accept_Encoding="gzip").headers
    order = shop.order(product["handle"], metadata={f"key{at}": "x" * 200 for at in range(20)})
    shown = read(shop, "/v1/orders/" + order.json["id"], key=SECRET, Accept_Encoding="gzip")
    assert len(shown.body) > 2000 and "content-encoding" not in shown.headers  # it holds the order's token
    from sse import Stream
    with Stream(shop, f"/v1/orders/{order.json['id']}/stream", headers={"Accept-Encoding": "gzip"}) as stream:
        assert "content-encoding" not in stream.headers and stream.next().type == "placed"


def test_a_range_is_ignored_and_http_1_0_is_served(shop):
    product = large(shop)
    whole = read(shop, "/v1/products/" + product["id"], Range="bytes=0-9")
    assert whole.status == 200 and whole.json["id"] == product["id"] and "content-range" not in whole.headers
    import socket
    with socket.create_connection(("127.0.0.1", shop.port)) as connection:
        connection.sendall(f"GET /v1/products/{product['id']} HTTP/1.0\r\nHost: shop\r\nAuthorization: Bearer {PUBLISHABLE}\r\nAccept-Encoding: gzip\r\n\r\n".encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b" 200 " in head and b"chunked" not in head and json.loads(gzip.decompress(body))["id"] == product["id"]


def test_a_compressed_body_is_415(shop):
    body = gzip.compress(json.dumps({"title": "Bomb"}).encode())
    for path in ("/v1/products", "/v1/orders", "/v1/imports"):
        answer = shop.call("POST", path, raw=body, headers={"Content-Encoding": "gzip"}, idempotency=uuid.uuid4().hex)
        assert (answer.status, answer.json["code"]) == (415, "unsupported_content_encoding"), path
        assert answer.json["errors"][0]["pointer"] == "header/Content-Encoding" and answer.headers["accept-encoding"] == "identity"
    created = shop.call("POST", "/v1/products", {"title": "Plain " + uuid.uuid4().hex}, headers={"Content-Encoding": "identity"})
    assert created.status == 201
