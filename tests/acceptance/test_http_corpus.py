"""HTTP/1.1 as it is written on the wire: what is ambiguous is refused, and nothing after it is read."""
import json, re, socket
import pytest
from http_corpus import ACCEPTED, NEXT, REFUSED, chunked, get, post

pytestmark = pytest.mark.embedded("the same HTTP server in both")


def exchange(shop, *pieces, half_close=False):
    """All that is answered until the shop closes the connection."""
    with socket.create_connection(("127.0.0.1", shop.port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                connection.sendall(piece)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass  # refused before all was sent
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer


def statuses(answer):
    return [int(status) for status in re.findall(rb"(?:^|\n|\})HTTP/1\.[01] (\d{3}) ", answer)]


def byte_by_byte(sent):
    return [sent[i:i + 1] for i in range(len(sent))]


@pytest.mark.parametrize("name, sent, status", ACCEPTED, ids=[case[0] for case in ACCEPTED])
def test_what_is_clear_is_served_and_so_is_what_follows(shop, name, sent, status):
    assert statuses(exchange(shop, sent, NEXT)) == [status, 200]
    assert statuses(exchange(shop, sent + NEXT)) == [status, 200]
    if len(sent) < 500:
        assert statuses(exchange(shop, *byte_by_byte(sent + NEXT))) == [status, 200]


@pytest.mark.parametrize("name, sent, status", REFUSED, ids=[case[0] for case in REFUSED])
def test_what_is_not_is_refused_and_nothing_after_it_is_read(shop, name, sent, status):
    for pieces in ([sent + NEXT], [sent, NEXT], byte_by_byte(sent + NEXT) if len(sent) < 500 else [sent + NEXT]):
        answer = exchange(shop, *pieces)
        assert statuses(answer) == [status], answer[:300]
        head, body = answer.split(b"\r\n\r\n", 1)
        assert b"\r\nConnection: close" in head and b"\r\nContent-Type: application/problem+json" in head
        problem = json.loads(body)
        assert problem["status"] == status and problem["code"] and problem["detail"]


def test_the_requests_before_a_fault_are_answered(shop):
    assert statuses(exchange(shop, get() + post(b"{}", b"Content-Length: 2") + b"GET /\n\n" + NEXT)) == [200, 401, 400]


def test_a_body_ends_where_its_framing_says(shop):
    """A request hidden in a body is never served, nor is one that ends where a laxer reader would begin."""
    hidden = b"POST /v1/hidden HTTP/1.1\r\nHost: shop\r\nContent-Length: 0\r\n\r\n"
    for sent in (post(hidden, b"Content-Length: %d" % len(hidden)),
                 chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden))):
        answer = exchange(shop, sent + NEXT)
        assert statuses(answer) == [401, 200] and b"404" not in answer.split(b"\r\n", 1)[0]


def test_a_client_that_closes_its_side_is_still_answered(shop):
    assert statuses(exchange(shop, get(), half_close=True)) == [200]
    assert statuses(exchange(shop, get() + get(), half_close=True)) == [200, 200]
    assert statuses(exchange(shop, post(b"{}", b"Content-Length: 2"), half_close=True)) == [401]
    assert statuses(exchange(shop, chunked(b"2\r\n{}\r\n0\r\n\r\n"), half_close=True)) == [401]


def test_a_request_that_ends_too_soon_is_refused(shop):
    for sent in (b"GET", get()[:-2], post(b"{", b"Content-Length: 2"), chunked(b"2\r\n{}\r\n0\r\n")):
        assert statuses(exchange(shop, sent, half_close=True)) == [400]
    for nothing in (b"", b"\r\n"):
        assert exchange(shop, nothing, half_close=True) == b""


def test_all_that_was_refused_left_the_shop_as_it_was(shop):
    assert shop.call("GET", "/health/ready").status == 200
    assert shop.call("GET", "/v1/products").json["data"] == []
