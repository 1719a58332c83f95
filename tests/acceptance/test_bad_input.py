"""Every operation of /openapi.json with input that breaks its schema: a problem document, never a 5xx,
and nothing is done."""
import copy
import json
import re
import socket
import uuid

import pytest
from conftest import SECRET, is_problem, order_body

REFUSED = (400, 404, 409, 413, 415, 422)
WRONG = {'string': [7, [], {}, True], 'integer': ['7', 1.5, [], {}, True], 'number': ['7', [], {}],
         'boolean': ['true', 1, []], 'array': ['x', {}, 1], 'object': ['x', [], 1]}


class Description:
    def __init__(self, document):
        self.document = document

    def resolve(self, schema):
        while '$ref' in schema:
            node = self.document
            for step in schema['$ref'].removeprefix('#/').split('/'):
                node = node[step.replace('~1', '/').replace('~0', '~')]
            schema = node
        for word in ('anyOf', 'oneOf'):
            if word in schema:
                return self.resolve(next((s for s in schema[word] if s.get('type') != 'null'), {}))
        return schema

    def type_of(self, schema):
        kind = self.resolve(schema).get('type')
        return next((k for k in kind if k != 'null'), None) if isinstance(kind, list) else kind

    def operations(self):
        for path, item in sorted(self.document['paths'].items()):
            for method, operation in sorted(item.items()):
                if method in ('get', 'post', 'put', 'patch', 'delete'):
                    yield method.upper(), path, operation

    def body(self, operation):
        content = self.resolve(operation.get('requestBody', {})).get('content', {})
        return content.get('application/json', {}).get('schema')

    def sample(self, schema, depth=0):
        schema = self.resolve(schema)
        kind = self.type_of(schema)
        if 'enum' in schema:
            return schema['enum'][0]
        if kind == 'object':
            required = schema.get('required', [])
            return {k: self.sample(v, depth + 1) for k, v in schema.get('properties', {}).items()
                    if depth < 2 or k in required}
        if kind == 'array':
            return [self.sample(schema.get('items', {}), depth + 1)]
        if kind in ('integer', 'number'):
            return max(schema.get('minimum', 1), 1)
        if kind == 'boolean':
            return True
        known = {'email': 'a@example.org', 'date-time': '2026-01-01T00:00:00Z', 'uri': 'https://example.org/'}
        return known.get(schema.get('format'), 'x' * max(schema.get('minLength', 1), 1))

    def faults(self, schema, good, place=()):
        """(pointer, body) for bodies that each break the schema in one place."""
        schema = self.resolve(schema)
        kind = self.type_of(schema)
        for wrong in WRONG.get(kind, []):
            yield place, wrong
        if kind == 'string' and 'maxLength' in schema:
            yield place, 'x' * (schema['maxLength'] + 1)
        if kind == 'string':
            yield place, 'a\x00b'
        if kind == 'integer':
            yield from ((place, n) for n in (10 ** 30, -10 ** 30))
            if schema.get('minimum', -2 ** 63) > -2 ** 53:
                yield place, schema['minimum'] - 1
            if schema.get('maximum', 2 ** 63) < 2 ** 53:
                yield place, schema['maximum'] + 1
        if kind == 'object' and isinstance(good, dict) and 'properties' in schema:
            yield place, good | {'no_such_member': 1}
            for name in schema.get('required', []):
                yield place, {k: v for k, v in good.items() if k != name}
            for name, part in schema['properties'].items():
                if name in good:
                    yield from self.faults(part, good[name], place + (name,))
        if kind == 'array' and isinstance(good, list) and good:
            yield from self.faults(schema.get('items', {}), good[0], place + (0,))
            if schema.get('maxItems', 10 ** 9) <= 5_000:
                yield place, good * (schema['maxItems'] + 1)


def replaced(body, place, value):
    if not place:
        return value
    body = copy.deepcopy(body)
    at = body
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    return body


@pytest.fixture(scope='module')
def description(shop):
    answer = shop.call('GET', '/openapi.json', key=None)
    assert answer.status == 200 and answer.json['openapi'].startswith('3.1')
    return Description(answer.json)


@pytest.fixture(scope='module')
def paths(shop):
    product = shop.product('BAD-INPUT', stock=50)
    order = shop.confirmed({'BAD-INPUT': 1})

    def fill(path):
        known = {'id': order['id'] if '/orders' in path or '/processes' in path else product['id'], 'sku': 'BAD-INPUT'}
        return re.sub(r'\{(\w+)\}', lambda m: known.get(m[1], 'unknown'), path)
    return fill


def send(shop, method, path, body, **headers):
    return shop.call(method, path, body, headers={'Idempotency-Key': str(uuid.uuid4())} | headers)


def writes(description, paths):
    for method, path, operation in description.operations():
        schema = description.body(operation)
        if schema:
            yield method, paths(path), schema


def test_openapi_describes_the_contract(description):
    served = {(method, path) for method, path, _ in description.operations()}
    for method, path in [('POST', '/v1/products'), ('POST', '/v1/orders'), ('GET', '/v1/orders/{id}'),
                         ('POST', '/v1/inventory/{sku}/adjustments'), ('GET', '/v1/inventory/{sku}'),
                         ('GET', '/v1/inventory/{sku}/ledger'), ('POST', '/v1/orders/{id}/returns'),
                         ('POST', '/v1/orders/{id}/refunds'), ('GET', '/v1/processes'), ('GET', '/v1/events')]:
        assert (method, path) in served, (method, path)


def test_each_fault_of_a_body_is_a_problem(shop, description, paths):
    faults = 0
    for method, path, schema in writes(description, paths):
        good = description.sample(schema)
        for place, value in description.faults(schema, good):
            answer = send(shop, method, path, json.dumps(replaced(good, place, value)).encode())
            assert answer.status in REFUSED, (method, path, place, str(value)[:80], answer)
            is_problem(answer)
            faults += 1
    assert faults > 200, 'the description was not understood'


def test_bytes_that_are_no_json_are_problems(shop, description, paths):
    bad = [b'', b'{', b'nonsense', b'{"a":1}{', b'\xff\xfe', b'{"title":"\xc3\x28"}', b'{"title":"\xed\xa0\x80"}',
           b'[' * 5_000 + b']' * 5_000, b'{"a":' * 200 + b'1' + b'}' * 200, b'{"a":1e999}', b'{"a":01}', b'null', b'[]']
    for method, path, schema in writes(description, paths):
        for body in bad:
            if body == b'' and method == 'POST' and path.endswith(('/cancel', '/fulfilments')):
                continue  # may be left out
            answer = send(shop, method, path, body)
            assert answer.status in REFUSED, (method, path, body[:40], answer)
            is_problem(answer)


def test_wrong_content_type_is_415(shop, description, paths):
    for method, path, _ in writes(description, paths):
        for kind in ('text/plain', 'application/x-www-form-urlencoded', 'application/xml'):
            is_problem(send(shop, method, path, b'{}', **{'Content-Type': kind}), 415)


def test_oversized_body_is_413(shop, description, paths):
    big = b'{"title":"' + b'x' * (20 << 20) + b'"}'
    try:
        is_problem(send(shop, 'POST', '/v1/products', big), 413)
    except (BrokenPipeError, ConnectionResetError):
        with socket.create_connection(('127.0.0.1', shop.port), timeout=20) as s:  # the answer comes before the body
            s.sendall(f'POST /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n'
                      f'Content-Type: application/json\r\nContent-Length: {len(big)}\r\n\r\n'.encode())
            assert b' 413 ' in s.recv(4096)


def test_slow_client_is_408(shop):
    with socket.create_connection(('127.0.0.1', shop.port), timeout=90) as s:
        s.sendall(f'POST /v1/products HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {SECRET}\r\n'
                  'Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{'.encode())
        assert b' 408 ' in s.recv(4096)


def test_wrong_method_is_405_with_allow(shop, description, paths):
    for path in description.document['paths']:
        answer = shop.call('TRACE', paths(path), headers={'Idempotency-Key': 'x'})
        is_problem(answer, 405)
        allowed = {m.upper() for m in description.document['paths'][path] if m in ('get', 'post', 'put', 'patch', 'delete')}
        assert allowed <= {m.strip() for m in answer.headers['Allow'].split(',')}, (path, answer)


def test_unknown_routes_and_resources_are_404(shop):
    for path in ('/v1/nothing', '/v2/orders', '/v1/orders/ord_unknown', '/v1/products/prod_unknown', '/v1/inventory/NONE'):
        is_problem(shop.call('GET', path), 404)


def test_bad_paths_and_queries_are_problems(shop):
    for path in ('/v1/orders?limit=0', '/v1/orders?limit=x', '/v1/orders?limit=99999999999999999999', '/v1/orders?cursor=%ff',
                 '/v1/orders?filter%5Bstatus%5D=nonsense', '/v1/orders?no_such=1', '/v1/products?sort=no_such',
                 '/v1/orders/%zz', '/v1/inventory/%00', '/v1/events?after=x', '/v1/inventory/' + 'x' * 3_000):
        is_problem(shop.call('GET', path))


def test_missing_and_wrong_keys_are_401(shop, description, paths):
    for key in (None, 'sk_wrong', 'sk_' + 'x' * 40, SECRET + 'x'):
        is_problem(shop.call('GET', '/v1/orders', key=key), 401)


def test_all_faults_are_told_at_once(shop):
    body = order_body({'BAD-INPUT': 0})
    body['customer']['email'], body['currency'], body['surprise'] = 'nobody', 'QQQ', 1
    problem = is_problem(send(shop, 'POST', '/v1/orders', body), 400, 422)
    told = {error['pointer'] for error in problem['errors']}
    assert {'/customer/email', '/currency', '/lines/0/quantity', '/surprise'} <= told


def test_nothing_was_done(shop):
    orders = shop.call('GET', '/v1/orders?limit=200').json['data']
    assert len(orders) == 1
    assert len(shop.call('GET', '/v1/products').json['data']) == 1
    assert shop.stock('BAD-INPUT') == (50, 1, 49)
