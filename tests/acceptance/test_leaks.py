"""Marked values in every field of every operation, and then a search of all that the shop puts out: its log,
its standard output, its figures, what its collectors get, its refusals and the files of its folder."""
import itertools, json, pathlib, re, urllib.parse, uuid
import pytest
from collector import collecting, eventually
from conftest import SECRET, Shop
from servers import free_port

MARK, PERSON, TOKEN = "zqxmark", "zqxmarkperson", "zqxmarktoken"
numbers = itertools.count(1)
PERSONAL = re.compile(r"/(customer|[a-z_]*address|recipient|contact)(/|$)|email|phone|password", re.I)
# The merchant's own id of a customer is no personal datum, nor is where the merchant's houses stand.
NOT_PERSONAL = re.compile(r"external_id$|^/v1/(locations|shop)")
SECRETS = ["ConnectionStrings__CatalogDb", "ConnectionStrings__Redis", "ConnectionStrings__EventStore", "RabbitMQ__Password",
           "AzureOpenAI__ApiKey", "Smtp__Password"]
PHONE = "+447700900123"  # of a range that is nobody's


def mark(pointer):
    kind = TOKEN if pointer.endswith("/token") else PERSON if PERSONAL.search(pointer) and not NOT_PERSONAL.search(pointer) else MARK
    return f"{kind}{next(numbers)}x"


class Seeder:
    """Bodies for a schema, with a mark in every text; as valid as the schema says, or every text a bare mark."""

    def __init__(self, document, valid):
        self.document, self.valid = document, valid

    def value(self, schema, pointer="", all_members=True):
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return self.value(self.document["components"]["schemas"][name], pointer, all_members)
        if "const" in schema:
            return schema["const"]
        for choice in ("anyOf", "oneOf", "allOf"):
            if choice in schema:
                return self.value(schema[choice][0], pointer, all_members)
        kind = schema.get("type")
        if kind == "object":
            members = {name: self.value(one, f"{pointer}/{name}") for name, one in schema.get("properties", {}).items()}
            if isinstance(schema.get("additionalProperties"), dict):
                key = mark(pointer + "/key")
                members[key] = self.value(schema["additionalProperties"], f"{pointer}/{key}")
            return members
        if kind == "array":
            return [self.value(schema.get("items", {}), pointer + "/0")]
        if kind in ("integer", "number"):
            return min(max(1, schema.get("minimum", 1)), schema.get("maximum", 1_000_000))
        if kind == "boolean":
            return False
        return self.text(schema, pointer)

    def text(self, schema, pointer):
        marked = mark(pointer)
        if not self.valid:
            return marked
        if "enum" in schema:
            return schema["enum"][0]
        form, pattern = schema.get("format", ""), schema.get("pattern", "")
        if found := re.match(r"\^([a-z]+)_\[0-9", pattern):
            return found.group(1) + "_" + "0" * 26
        if form == "email":
            return marked + "@example.org"
        if form in ("uri", "uri-reference") or pointer.endswith("/url"):
            return "https://example.org/" + marked
        if form == "date-time":
            return "2026-01-01T00:00:00Z"
        if pattern == "^[A-Z]{3}$":
            return "GBP"
        if pattern == "^[A-Z]{2}$" or form == "country":
            return "GB"
        return marked[:schema.get("maxLength", 1000)]


@pytest.fixture(scope="module")
def seeded():
    """A shop that has met all the marks, stopped; and what it has put out."""
    with collecting() as collector:
        shop = Shop(Logging__Level="debug", Telemetry__OtlpEndpoint=collector.endpoint, Telemetry__OtlpProtocol="json",
                    Telemetry__OtlpHeaders=f"authorization={TOKEN}header", Telemetry__SampleRatio=1, Telemetry__IntervalMs=20,
                    Telemetry__MetricsIntervalMs=20,
                    # A relay that is away, so that what is said of a failure is searched too.
                    Smtp__Host="127.0.0.1", Smtp__Port=free_port(), Smtp__From="shop@example.org", Smtp__UserName="shop", **{name: f"{TOKEN}{name.lower()}" for name in SECRETS}).start()
        try:
            seen = Seeding(shop, shop.call("GET", "/openapi.json").json)
            seen.every_operation(valid=False)
            seen.every_operation(valid=True)
            seen.one_of_each_flow()
            seen.strangers()
            figures = shop.call("GET", "/metrics").body
            assert eventually(lambda: collector.metrics() and collector.spans() and collector.records())
            asphalt = shop.run("config")
            assert shop.stop() == 0
            yield {"statuses": seen.statuses, "refusals": b"\n".join(seen.refusals), "/metrics": figures,
                   "log": pathlib.Path(shop.data, "log").read_bytes(), "standard output": shop.process.stdout.read().encode(),
                   "stoa config": (asphalt.stdout + asphalt.stderr).encode(), "OTLP": collector.everything(),
                   "folder": pathlib.Path(shop.data), "spans": len(collector.spans()), "records": len(collector.records())}
        finally:
            shop.remove()


class Seeding:
    def __init__(self, shop, document):
        self.shop, self.document = shop, document
        self.statuses, self.refusals = {}, []

    def send(self, method, path, body=None, key=SECRET, **headers):
        headers = {"User-Agent": mark("/agent"), "Cookie": "session=" + TOKEN + "cookie", "tracestate": mark("/state"), **headers}
        answer = self.shop.call(method, path, body, key=key, idempotency=headers.pop("idempotency", mark("/key")), headers=headers,
                                raw=None if body is not None else b"" if method in ("GET", "DELETE") else b"{}", wait=0)
        if answer.status >= 400:
            self.refusals.append(answer.body)
        return answer

    def every_operation(self, valid):
        seeder = Seeder(self.document, valid)
        for path, operations in self.document["paths"].items():
            if path.endswith("/stream"):
                continue  # it does not end
            for method, operation in operations.items():
                body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
                parameters = operation.get("parameters", [])
                filled = re.sub(r"\{(\w+)\}", lambda found: mark("/" + found.group(1)), path)
                query = "&".join(urllib.parse.quote(one["name"]) + "=" + mark("/" + one["name"]) for one in parameters if one["in"] == "query")
                answer = self.send(method.upper(), filled + ("?" + query if query else ""), seeder.value(body, path) if body else None)
                self.statuses[method.upper(), path, valid] = answer.status
                assert answer.status < 500, (method, path, answer.body)

    def one_of_each_flow(self):
        """An order with everything in it, through to its refund: what succeeds is kept, what is refused is not."""
        sku = mark("/sku").upper()
        schema = self.document["paths"]["/v1/products"]["post"]["requestBody"]["content"]["application/json"]["schema"]
        product = {name: value for name, value in Seeder(self.document, True).value(schema, "/v1/products").items()
                   if name not in ("options", "images", "category_ids")}
        made = self.send("POST", "/v1/products", {**product, "status": "active", "variants": [
            {"sku": sku, "prices": [{"amount": 900, "currency": "GBP"}]}]})
        assert made.status == 201, made.body
        assert self.shop.adjust(sku, 50).status == 201
        person = lambda name: mark("/customer/" + name)
        address = {"name": person("name"), "company": person("company"), "line1": person("line1"), "line2": person("line2"),
                   "city": person("city"), "region": person("region"), "postal_code": person("postal_code")[:20], "country": "GB",
                   "phone": person("phone")}
        known = self.document["components"]["schemas"].get("Address") or {"properties": address}
        address = {name: text for name, text in address.items() if name in known["properties"]}
        for token, wanted in (("tok_ok", "confirmed"), ("tok_declined", "rejected"), (TOKEN + "1", None)):
            order = self.shop.call("POST", "/v1/orders", {
                "currency": "GBP", "customer": {"email": person("email") + "@example.org", "name": person("name"), "external_id": mark("/id"), "phone": PHONE},
                "lines": [{"sku": sku, "quantity": 2}], "shipping_address": address, "billing_address": address,
                "payment": {"provider": "simulator", "token": token}, "external_id": mark("/id"),
                "metadata": {mark("/key"): mark("/value")}}, idempotency=mark("/key"), wait=10)
            assert order.status in (201, 202) and wanted in (None, order.json["status"]), order.body
            here = "/v1/orders/" + order.json["id"]
            if wanted == "confirmed":
                assert order.json["customer"]["email"].startswith(PERSON), "who may see it does"
                line = order.json["lines"][0]["id"]
                self.send("GET", here, key=None, **{"Stoa-Order-Token": TOKEN + "order"})
                for path, body, good in (
                        ("/fulfilments", {"tracking": {"carrier": mark("/carrier"), "number": mark("/number"), "url": "https://example.org/" + mark("/url")}}, 201),
                        ("/returns", {"lines": [{"line_id": line, "quantity": 1}], "reason": mark("/reason")}, 201),
                        ("/refunds", {"amount": {"amount": 1, "currency": "GBP"}, "reason": mark("/reason")}, 201),
                        ("/cancel", {"reason": mark("/reason")}, 409)):
                    answer = self.send("POST", here + path, body)
                    assert answer.status == good, (path, answer.status, answer.body)

    def strangers(self):
        """Marks where no operation expects any."""
        self.send("GET", "/" + mark("/path"))
        self.send("GET", "/v1/orders?" + mark("/query"))
        self.send("GET", "/v1/orders", key=None, Authorization="Bearer " + TOKEN + "bearer")
        self.send("GET", "/v1/orders", key=None, Authorization="Basic " + TOKEN + "basic")
        self.send("GET", "/v1/orders", **{"X-Request-Id": "not an id: " + mark("/id"), "traceparent": "00-" + mark("/trace")})
        self.send("GET", "/v1/orders", **{"Stoa-Position": mark("/position"), "Prefer": "wait=" + mark("/wait"), "If-Match": mark("/etag")})
        self.send(MARK.upper() + "METHOD", "/v1/orders", {})
        self.shop.call("POST", "/v1/orders", raw=b'{"customer":"' + PERSON.encode() + b'broken', headers={"Content-Type": "application/json"})
        self.shop.call("POST", "/v1/orders", raw=b"{}", headers={"Content-Type": "text/" + MARK})


def around(text, mark):
    at = text.lower().find(mark.lower().encode())
    return None if at < 0 else text[max(0, at - 300):at + 100]


def test_the_seeds_reached_what_they_were_to_reach(seeded):
    """A search that finds nothing proves something only when there was something to find."""
    good = [operation for operation, status in seeded["statuses"].items() if status < 300]
    assert len(seeded["statuses"]) > 60 and len(good) > 20, sorted(good)
    assert seeded["spans"] > 100 and seeded["records"] > 100
    assert len(seeded["log"].splitlines()) > 100
    assert around(seeded["refusals"], MARK) or seeded["refusals"]


@pytest.mark.parametrize("output", ["log", "standard output", "/metrics", "OTLP", "stoa config"])
def test_no_text_of_a_client_and_no_secret_is_put_out(seeded, output):
    assert around(seeded[output], MARK) is None
    assert around(seeded[output], SECRET) is None
    assert around(seeded[output], PHONE[1:]) is None


def test_no_refusal_repeats_a_token_or_a_person(seeded):
    for secret in (TOKEN, PERSON, SECRET):
        assert around(seeded["refusals"], secret) is None


def test_no_person_stands_in_a_file_in_plain_text(seeded):
    files = [path for path in seeded["folder"].rglob("*") if path.is_file()]
    assert {"shop.db", "simulator.db"} <= {path.name for path in files}
    for path in files:
        assert around(path.read_bytes(), PERSON) is None, path.name
        assert around(path.read_bytes(), PHONE[1:]) is None, path.name
        assert around(path.read_bytes(), TOKEN + "bearer") is None, path.name
    assert around((seeded["folder"] / "shop.db").read_bytes() + b"".join(p.read_bytes() for p in seeded["folder"].glob("shop.db-wal")), MARK), \
        "what is no person's is stored as it is: the search works"
