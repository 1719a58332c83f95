"""What holds clients off that ask too much, too slowly or in too large pieces."""
import json, os, re, socket, subprocess, time
from conftest import PUBLISHABLE, SECRET, STOA
from patience import PATIENCE


def test_a_client_beyond_its_rate_is_told_when_to_come_back(shop_with):
    shop = shop_with(RateLimits__RequestsPerSecond=2, RateLimits__Burst=5)
    answers = [shop.call("GET", "/v1/products") for _ in range(6)]
    assert [a.status for a in answers] == [200] * 5 + [429]
    assert answers[0].headers["ratelimit-policy"] == '"client";q=5;w=3'
    assert [re.match(r'"client";r=(\d);t=\d$', a.headers["ratelimit"]).group(1) for a in answers] == list("432100")
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert (refused.json["code"], refused.json["status"]) == ("rate_limited", 429)
    assert refused.headers["retry-after"] == "1" and "retry-after" not in answers[0].headers
    # Others are served meanwhile: buyers, and monitors without end.
    assert shop.call("GET", "/v1/products", key=PUBLISHABLE).status == 200
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert {shop.call("GET", path, key=None).status for _ in range(10)} == {200}
        assert "ratelimit" not in shop.call("GET", path, key=None).headers
    time.sleep(int(refused.headers["retry-after"]))
    assert shop.call("GET", "/v1/products").status == 200


def test_nothing_is_limited_unless_it_is_configured(shop):
    answers = [shop.call("GET", "/v1/products") for _ in range(200)]
    assert {a.status for a in answers} == {200} and "ratelimit" not in answers[0].headers


def test_wrong_limits_stop_the_start_and_are_named():
    for settings, said in (({"RateLimits__RequestsPerSecond": "-1"}, "RateLimits:RequestsPerSecond must be"),
                           ({"RateLimits__RequestsPerSecond": "many"}, "RateLimits:RequestsPerSecond must be"),
                           ({"RateLimits__RequestsPerSecond": "5", "RateLimits__Burst": "1.5"}, "RateLimits:Burst must be"),
                           ({"RateLimits__Burst": "5"}, "RateLimits:Burst needs RateLimits:RequestsPerSecond"),
                           ({"RateLimits__PerMinute": "5"}, "RateLimits:PerMinute is not known")):
        environment = {**os.environ, **{"STOA__" + path: value for path, value in settings.items()}}
        ran = subprocess.run([STOA, "config"], capture_output=True, text=True, env=environment)
        assert ran.returncode == 1 and said in ran.stderr, (settings, ran.stderr)


def raw(shop, data, then=b""):
    """All that is answered until the shop closes, and how long that took."""
    begun = time.monotonic()
    with socket.create_connection(("127.0.0.1", shop.port), timeout=10) as connection:
        connection.sendall(data)
        if then:
            connection.sendall(then)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    return answer, time.monotonic() - begun


def problem_of(answer):
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"\r\nContent-Type: application/problem+json" in head and b"\r\nConnection: close" in head
    return int(head.split(b" ", 2)[1]), json.loads(body)


HALF_HEADER = b"GET /v1/products HTTP/1.1\r\nHost: shop\r\nAuthoriz"
HALF_BODY = (f"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {SECRET}\r\n"
             "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"currency\"").encode()


def test_a_slow_request_is_answered_408_in_time_and_its_connection_closed(shop_with):
    shop = shop_with(Http__HeaderTimeoutMs=300, Http__BodyTimeoutMs=600)
    for half, seconds in ((HALF_HEADER, 0.3), (HALF_BODY, 0.6)):
        answer, took = raw(shop, half)
        status, problem = problem_of(answer)
        assert (status, problem["status"], problem["code"]) == (408, 408, "request_timeout")
        assert seconds <= took < seconds + 0.3 * PATIENCE, took
    # Slow clients keep nobody else waiting.
    slow = [socket.create_connection(("127.0.0.1", shop.port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(HALF_HEADER)
    begun = time.monotonic()
    assert shop.call("GET", "/v1/products").status == 200 and time.monotonic() - begun < 0.3 * PATIENCE
    for connection in slow:
        connection.close()


def test_an_oversized_header_is_431(shop):
    answer, _ = raw(shop, b"GET / HTTP/1.1\r\nHost: shop\r\nX-Long: " + b"x" * 33_000 + b"\r\n\r\n")
    status, problem = problem_of(answer)
    assert (status, problem["code"]) == (431, "header_too_large")


def test_a_connection_serves_many_requests_also_before_the_first_is_answered(shop):
    ask = f"GET /v1/%s HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {SECRET}\r\n"
    paths = ["products", "orders", "nothing", "processes", "products"]
    requests = [ask % path for path in paths]
    requests[-1] += "Connection: close\r\n"
    answer, _ = raw(shop, "\r\n".join(requests).encode() + b"\r\n", b"\r\n")
    statuses = [int(one) for one in re.findall(rb"HTTP/1\.1 (\d+) ", answer)]
    assert statuses == [200, 200, 404, 200, 200]
    assert answer.count(b"Connection: close") == 1
