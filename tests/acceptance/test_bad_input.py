"""Bad input for every route, made from the OpenAPI description: a problem document, never a 5xx."""
import copy, json, socket, uuid


def resolve(schema, components):
    while "$ref" in schema:
        schema = components[schema["$ref"].rsplit("/", 1)[1]]
    return resolve(schema["anyOf"][0], components) if "anyOf" in schema else schema


def example(schema, components, depth=0):
    schema = resolve(schema, components)
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {n: example(s, components, depth + 1) for n, s in schema.get("properties", {}).items()
                if n in schema.get("required", [])}
    if kind == "array":
        return [example(schema["items"], components, depth + 1)] * max(1, schema.get("minItems", 0))
    if kind == "integer":
        return max(1, schema.get("minimum", 1))
    if kind == "boolean":
        return True
    return {"email": "a@example.org", "date-time": "2026-01-01T00:00:00Z"}.get(schema.get("format"), "GBP")


def faults(schema, body, components):
    yield [body]
    yield "text"
    yield None
    schema = resolve(schema, components)
    if not isinstance(body, dict):
        return
    yield {**body, "no_such_member": 1}
    for name, inner in schema.get("properties", {}).items():
        for wrong in (12.5, -10**30, 10**400, "x" * 300_000, {"deep": 1}, [[[]]], True, "\u0000", None, -1):
            yield {**body, name: wrong}
        if name in schema.get("required", []):
            yield {k: v for k, v in body.items() if k != name}


def is_problem(answer):
    assert answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json
        assert problem["status"] == answer.status and problem["code"] and problem["detail"]
        assert all(e["code"] and e["message"] for e in problem["errors"])


def encode(value):
    return json.dumps(value).replace("Infinity", "1e999").encode()


def test_every_route_answers_bad_bodies_with_problems(shop):
    description = shop.call("GET", "/openapi.json").json
    components = description["components"]["schemas"]
    tried = 0
    for path, operations in description["paths"].items():
        target = path
        for name in ("id", "sku", "file", "order_id", "id_or_handle"):
            target = target.replace("{" + name + "}", "ord_01m85qfe22e01vnc1w6kk5v4sq")
        for name, value in (("kind", "order_confirmed"), ("channel", "email"), ("language", "en")):
            target = target.replace("{" + name + "}", value)
        target = target.replace("{", "").replace("}", "")
        for method, operation in operations.items():
            content = operation.get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            if schema is None:
                continue
            valid = example(schema, components)
            for wrong in faults(schema, valid, components):
                is_problem(shop.call(method.upper(), target, raw=encode(wrong), idempotency=uuid.uuid4().hex))
                tried += 1
            call = lambda **k: shop.call(method.upper(), target, idempotency=uuid.uuid4().hex, **k)
            for raw in (b"{", b"", b"\xff\xfe", b'{"a":"\xc3\x28"}', b"[" * 100_000, b'{"a":1} x', b"nul"):
                answer = call(raw=raw)
                is_problem(answer)
                if raw:
                    assert answer.status >= 400
            assert call(raw=b"{}", headers={"Content-Type": "text/plain"}).status == 415
            tried += 8
    assert tried > 500


def test_the_edges_of_http(shop):
    assert shop.call("GET", "/v1/nothing").status == 404
    wrong = shop.call("DELETE", "/v1/orders")
    assert wrong.status == 405 and "POST" in wrong.headers["allow"]
    assert shop.call("GET", "/v1/orders?no_such=1").json["errors"][0]["pointer"] == "query/no_such"
    assert shop.call("GET", "/v1/orders?limit=0").status == 422
    assert shop.call("GET", "/v1/orders/%ff").status == 404
    huge = shop.call("POST", "/v1/orders", raw=b" " * (2 << 20), idempotency="big")
    assert huge.status == 413
    with socket.create_connection(("127.0.0.1", shop.port), timeout=5) as raw:
        raw.sendall(b"NOT HTTP\r\n\r\n")
        assert b"400" in raw.recv(4096).split(b"\r\n")[0]


def test_all_faults_are_told_at_once(shop):
    answer = shop.call("POST", "/v1/orders", {"currency": "XYZ", "customer": {"email": "nobody"},
                                              "lines": [{"sku": "", "quantity": 0}], "more": 1}, idempotency="x1")
    assert answer.status == 422
    assert {e["pointer"] for e in answer.json["errors"]} >= {
        "/currency", "/customer/email", "/lines/0/sku", "/lines/0/quantity", "/more"}
