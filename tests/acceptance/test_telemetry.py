"""Traces, metrics and logs: over OTLP to a collector of the test, and in a real Zipkin."""
import json, subprocess, sys, urllib.request, uuid, xml.etree.ElementTree
import pytest
from collector import collecting, eventually
from servers import free_port, program, running
from conftest import ROOT

QUICK = {"Telemetry__IntervalMs": 20, "Telemetry__MetricsIntervalMs": 20, "Telemetry__SampleRatio": 1}


@pytest.fixture
def collector():
    with collecting() as collector:
        yield collector


def attributes(of):
    return {one["key"]: next(iter(one["value"].values())) for one in of.get("attributes", [])}


def place(shop, traceparent=None):
    shop.product("TRACED", units=5)
    headers = {"traceparent": traceparent} if traceparent else {}
    answer = shop.call("POST", "/v1/orders", {
        "currency": "GBP", "customer": {"email": "a@example.org"}, "lines": [{"sku": "TRACED", "quantity": 1}],
        "payment": {"provider": "simulator", "token": "tok_ok"}}, idempotency=uuid.uuid4().hex, wait=30, headers=headers)
    assert (answer.status, answer.json["status"]) == (201, "confirmed"), answer.body
    return answer


def trace_of(answer):
    return answer.headers["traceparent"].split("-")[1]


def is_whole(spans):
    names = [span["name"].lower() for span in spans]  # Zipkin makes them so
    return "post /v1/orders" in names and "provider authorize" in names and names.count("commit") >= 2


def test_an_order_is_one_trace_from_the_request_to_the_second_commit(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK)
    order = place(shop)
    spans = eventually(lambda: is_whole(collector.spans(trace_of(order))) and collector.spans(trace_of(order)))
    assert spans, [span["name"] for span in collector.spans()]
    by_id = {span["spanId"]: span for span in spans}
    [request] = [span for span in spans if not span.get("parentSpanId")]
    assert request["name"] == "POST /v1/orders"
    assert attributes(request) == {"http.request.method": "POST", "http.route": "/v1/orders", "http.response.status_code": "201"}
    parents = {span["name"]: by_id[span["parentSpanId"]]["name"] for span in spans if span is not request}
    parents.pop("provider find", None)  # a shop that has just started asks for all that is open
    assert parents == {"batch": "POST /v1/orders", "decide": "batch", "commit": "batch", "provider authorize": "POST /v1/orders"}
    [call] = [span for span in spans if span["name"] == "provider authorize"]
    assert attributes(call)["stoa.outcome"] == "captured"
    first, last = [span for span in sorted(spans, key=lambda s: int(s["startTimeUnixNano"])) if span["name"] == "batch"]
    assert int(first["endTimeUnixNano"]) <= int(call["startTimeUnixNano"])
    assert int(call["endTimeUnixNano"]) <= int(last["endTimeUnixNano"])
    resource = collector.bodies("traces")[0]["resourceSpans"][0]["resource"]
    assert attributes(resource)["service.name"] == "stoa"


def test_what_goes_on_after_a_crash_stays_in_its_trace(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", Payment__ProviderTimeoutMs=1000, **QUICK)
    shop.product("CRASHED", units=5)
    order = shop.order("CRASHED", token="tok_timeout_then_success", wait=0)
    assert order.status == 202
    shop.kill()
    shop.start()
    names = lambda: {span["name"] for span in collector.spans(trace_of(order))}
    assert eventually(lambda: "provider find" in names()), names()
    assert eventually(lambda: shop.call("GET", "/v1/orders/" + order.json["id"]).json["status"] == "confirmed")


def test_the_mail_about_an_order_is_in_its_trace(shop_with, collector):
    from test_notifications import Mailpit, mail_settings
    mailpit = Mailpit()
    with mailpit.running():
        shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK, **mail_settings(mailpit.smtp))
        order = place(shop)
        mail = lambda: [span for span in collector.spans(trace_of(order)) if span["name"] == "mail"]
        [span] = eventually(mail)
        assert attributes(span) == {"stoa.mail.template": "order_confirmed", "stoa.outcome": "accepted"}


def test_a_job_is_a_trace_of_its_own_with_its_slices_below(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK)
    made = shop.call("POST", "/v1/jobs", {"kind": "export", "parameters": {"of": "products"}}, idempotency="job")
    assert made.status in (201, 202), made.body
    [job] = eventually(lambda: [span for span in collector.spans() if span["name"] == "job export"])
    assert not job.get("parentSpanId") and attributes(job)["stoa.job"] == "export"
    assert eventually(lambda: [span for span in collector.spans(job["traceId"]) if span["name"] == "batch"])


def test_the_client_decides_whether_its_trace_is_recorded(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **{**QUICK, "Telemetry__SampleRatio": 0})
    chosen, refused = uuid.uuid4().hex, uuid.uuid4().hex
    for trace, flags in ((refused, "00"), (chosen, "01")):
        answer = shop.call("GET", "/v1/products", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-{flags}"})
        assert answer.headers["traceparent"].split("-")[1] == trace
    shop.call("GET", "/v1/products")
    [span] = eventually(lambda: collector.spans(chosen))
    assert span["parentSpanId"] == "00f067aa0ba902b7"
    assert shop.stop() == 0
    assert [one["traceId"] for one in collector.spans()] == [chosen]


def test_commands_that_share_a_commit_are_linked(shop_with, collector):
    import concurrent.futures
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK)
    shop.product("LINKED", units=100_000)

    def linked():
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: shop.order("LINKED"), range(40)))
        return eventually(lambda: [span for span in collector.spans() if span["name"] == "batch" and span.get("links")], 2)

    batches = eventually(linked, 60)
    traces = {span["traceId"] for span in collector.spans()}
    for batch in batches:
        assert int(attributes(batch)["stoa.batch.size"]) > 1
        for link in batch["links"]:
            assert link["traceId"] != batch["traceId"] and link["traceId"] in traces


def test_figures_go_to_the_collector_as_they_stand_at_metrics(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK)
    place(shop)
    placed = eventually(lambda: collector.metrics().get("stoa_orders_placed_total"))
    assert placed["sum"]["isMonotonic"] and placed["sum"]["aggregationTemporality"] in (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")
    assert [point["asDouble"] for point in placed["sum"]["dataPoints"]] == [1]
    # A request is counted after its answer is written, so perhaps in figures that go later than those of the order.
    requests = lambda: collector.metrics().get("stoa_http_requests_total", {"sum": {"dataPoints": []}})["sum"]["dataPoints"]
    ordered = {"route": "/v1/orders", "method": "POST", "status": "201"}
    assert eventually(lambda: ordered in [attributes(point) for point in requests()])
    seconds = eventually(lambda: collector.metrics().get("stoa_order_seconds"))["histogram"]["dataPoints"][0]
    assert sum(map(int, seconds["bucketCounts"])) == int(seconds["count"]) == 1
    assert len(seconds["bucketCounts"]) == len(seconds["explicitBounds"]) + 1
    assert "gauge" in collector.metrics()["process_resident_memory_bytes"]


def test_what_is_logged_goes_to_the_collector_with_its_trace(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", Logging__Level="debug", **QUICK)
    answer = shop.call("GET", "/v1/products")
    of_trace = lambda: [record for record in collector.records() if record.get("traceId") == trace_of(answer)]
    [record] = eventually(of_trace)
    assert record["body"]["stringValue"] == "request" and attributes(record)["route"] == "/v1/products"


def test_protobuf_is_what_collectors_get_by_default_with_the_headers_they_want(shop_with, collector):
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint + "/", Telemetry__OtlpHeaders="x-tenant=one,authorization=Bearer abc",
                     Telemetry__ServiceName="corner", **QUICK)
    place(shop)
    assert shop.stop() == 0, "what waits is sent before the end"
    path, headers, body = next(one for one in collector.requests if one[0] == "/v1/traces")
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["content-type"] == "application/x-protobuf"
    assert (headers["x-tenant"], headers["authorization"]) == ("one", "Bearer abc")
    everything = collector.everything()
    assert b"provider authorize" in everything and b"corner" in everything and b"The shop has stopped." in everything


def test_a_collector_that_is_away_hurts_nobody(shop_with):
    shop = shop_with(Telemetry__OtlpEndpoint=f"http://127.0.0.1:{free_port()}", **QUICK)
    place(shop)
    figures = lambda: shop.call("GET", "/metrics").body.decode()
    assert eventually(lambda: 'stoa_telemetry_failures_total{exporter="otlp"}' in figures())
    assert shop.order("TRACED").status == 201
    assert shop.stop() == 0
    log = open(shop.data + "/log").read()
    assert log.count("The collector of telemetry does not answer") == 1


def test_a_collector_that_comes_back_gets_what_waited(shop_with, collector):
    collector.status = 503
    shop = shop_with(Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json", **QUICK)
    order = place(shop)
    assert eventually(lambda: collector.spans())
    collector.requests.clear()
    collector.status = 200
    assert eventually(lambda: is_whole(collector.spans(trace_of(order))))
    assert eventually(lambda: "answers again" in open(shop.data + "/log").read())


def test_telemetry_that_is_misconfigured_stops_the_start_and_is_named(shop_with, tmp_path):
    from conftest import Shop
    for setting, value, said in (("OtlpEndpoint", "collector:4318", "must begin with http"), ("SampleRatio", "2", "from 0 to 1"),
                                 ("SampleRatio", "often", "from 0 to 1"), ("OtlpProtocol", "grpc", "protobuf json")):
        shop = Shop(**{"Telemetry__" + setting: value})
        ran = shop.run("config")
        shop.remove()
        assert ran.returncode == 1 and f"Telemetry:{setting}" in ran.stderr and said in ran.stderr


def test_the_header_of_the_collector_is_masked(shop_with):
    from conftest import Shop
    shop = Shop(Telemetry__OtlpHeaders="authorization=Bearer marked-secret")
    shown = shop.run("config").stdout
    shop.remove()
    assert "marked-secret" not in shown and json.loads(shown)["Telemetry"]["OtlpHeaders"] == "***"


def test_a_real_zipkin_shows_the_order(shop_with):
    import shutil
    java = shutil.which("java")
    if java is None:
        pytest.skip("there is no Java to run Zipkin with")
    jar, port = program("zipkin.jar"), free_port()
    with running([java, "-Xmx256m", "-XX:TieredStopAtLevel=1", "-jar", str(jar), f"--server.port={port}"], port, 90):
        shop = shop_with(Telemetry__ZipkinEndpoint=f"http://127.0.0.1:{port}", **QUICK)
        order = place(shop)

        def ask():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/trace/{trace_of(order)}") as answer:
                    return json.load(answer)
            except OSError:
                return []

        spans = eventually(lambda: is_whole(ask()) and ask(), 60)
        assert spans, ask()
        by_id = {span["id"]: span for span in spans}
        [request] = [span for span in spans if "parentId" not in span]
        assert (request["name"], request["kind"]) == ("post /v1/orders", "SERVER")
        assert all(span is request or span["parentId"] in by_id for span in spans)
        assert {span["localEndpoint"]["serviceName"] for span in spans} == {"stoa"}
        drawn = subprocess.run([sys.executable, ROOT / "tools" / "trace_svg.py", f"http://127.0.0.1:{port}/api/v2/trace/{trace_of(order)}"],
                               capture_output=True, text=True, check=True).stdout
        rows = xml.etree.ElementTree.fromstring(drawn).findall(".//{http://www.w3.org/2000/svg}g")
        assert len(rows) == len(spans)
