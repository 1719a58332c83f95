"""Runs the real binary and talks to it over HTTP. Standard library and pytest only."""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / 'tests' / 'data'
BINARY = pathlib.Path(os.environ.get('STOA_BINARY', ROOT / 'build' / 'release' / 'stoa'))
SECRET = 'sk_' + 'Acceptance0123456789' * 2
PUBLISHABLE = 'pk_' + 'Acceptance0123456789' * 2
LISTENS = re.compile(r'http://[^\s:]+:(\d+)')


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'{self.status} {self.body[:600]!r}'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Shop:
    """One data folder and the process on it. The port stays the same across restarts."""

    def __init__(self, folder, settings=None):
        self.folder, self.data = folder, folder / 'data'
        self.port, self.process = free_port(), None
        self.settings = dict(settings or {})

    @property
    def url(self):
        return f'http://127.0.0.1:{self.port}'

    def environment(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith('STOA_')}
        return clean | {'STOA__Auth__SecretKey': SECRET, 'STOA__Auth__PublishableKey': PUBLISHABLE} | self.settings

    def command(self, *arguments, timeout=120):
        """A command of the binary, run to its end."""
        return subprocess.run([BINARY, *map(str, arguments)], cwd=self.folder, env=self.environment(),
                              capture_output=True, text=True, timeout=timeout)

    def start(self, *arguments, seconds=20):
        log = self.folder / 'stoa.log'
        begin = log.stat().st_size if log.exists() else 0
        with open(log, 'ab') as out:
            self.process = subprocess.Popen(
                [BINARY, 'up', '--data', self.data, '--port', str(self.port), *arguments],
                cwd=self.folder, env=self.environment(), stdout=out, stderr=subprocess.STDOUT)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            text = log.read_bytes()[begin:].decode(errors='replace')
            said = [line for line in text.splitlines() if 'listens on' in line]
            if said and LISTENS.search(said[0]):
                self.port = int(LISTENS.search(said[0])[1])
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        self.kill()
        raise AssertionError('stoa up did not start:\n' + text[-4000:])

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def stop(self, seconds=20):
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def call(self, method, path, body=None, key=SECRET, headers=None, connection=None, timeout=60):
        """`body`: an object to send as JSON, or bytes as they are."""
        sent = {'Authorization': f'Bearer {key}'} if key else {}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is not None:
            sent['Content-Type'] = 'application/json'
        sent |= headers or {}
        sent = {k: v for k, v in sent.items() if v is not None}
        own = connection or http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout)
        try:
            own.request(method, path, body=body, headers=sent)
            answer = own.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            if connection is None:
                own.close()

    def product(self, sku, stock=0, amount=900):
        made = self.call('POST', '/v1/products', {
            'handle': sku.lower(), 'title': sku, 'status': 'active',
            'variants': [{'sku': sku, 'prices': [{'amount': amount, 'currency': 'GBP'}]}]})
        assert made.status == 201, made
        if stock:
            self.adjust(sku, stock)
        return made.json

    def adjust(self, sku, delta, **more):
        done = self.call('POST', f'/v1/inventory/{sku}/adjustments', {'delta': delta, 'reason': 'received'} | more,
                         headers={'Idempotency-Key': str(uuid.uuid4())})
        assert done.status in (200, 201), done
        return done.json

    def stock(self, sku):
        answer = self.call('GET', f'/v1/inventory/{sku}')
        assert answer.status == 200, answer
        figures = answer.json
        return figures['on_hand'], figures['reserved'], figures['available']

    def order(self, lines, token='tok_ok', key=SECRET, wait=30, idempotency_key=None, connection=None, **more):
        """`lines`: {SKU: quantity}. The answer, whatever it is."""
        return self.call('POST', '/v1/orders', order_body(lines, token) | more, key=key, connection=connection, headers={
            'Idempotency-Key': idempotency_key or str(uuid.uuid4()), 'Prefer': f'wait={wait}'})

    def confirmed(self, lines, **more):
        answer = self.order(lines, **more)
        assert answer.status == 201 and answer.json['status'] == 'confirmed', answer
        return answer.json

    def get_order(self, order_id):
        answer = self.call('GET', f'/v1/orders/{order_id}')
        assert answer.status == 200, answer
        return answer.json

    def until(self, order_id, good, seconds=40):
        """The order once `good` says so of it."""
        end = time.monotonic() + seconds
        while True:
            order = self.get_order(order_id)
            if good(order):
                return order
            assert time.monotonic() < end, order
            time.sleep(0.05)

    def audit(self):
        done = self.command('audit', '--json', '--url', self.url, '--key', SECRET)
        report = json.loads(done.stdout)
        assert report['clean'] and report['findings'] == [] and done.returncode == 0, report
        return report


def order_body(lines, token='tok_ok'):
    return {
        'currency': 'GBP', 'customer': {'email': f'{uuid.uuid4().hex}@example.org', 'name': 'A Buyer'},
        'lines': [{'sku': sku, 'quantity': quantity} for sku, quantity in lines.items()],
        'shipping_address': {'name': 'A Buyer', 'line1': '1 High Street', 'city': 'Leeds',
                             'postal_code': 'LS1 1AA', 'country': 'GB'},
        'payment': {'provider': 'simulator', 'token': token}}


def is_problem(answer, *statuses):
    """An RFC 9457 document with one of the statuses."""
    assert answer.status in statuses if statuses else 400 <= answer.status < 500, answer
    assert answer.headers['Content-Type'].split(';')[0] == 'application/problem+json', answer
    problem = answer.json
    assert problem['status'] == answer.status and problem['code'] and problem['title'], problem
    return problem


def in_parallel(work, items, width=32):
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        return list(pool.map(work, items))


@pytest.fixture(scope='module')
def shop(tmp_path_factory):
    """A fresh shop for a module of tests; at its end the audit must be clean and the stop orderly."""
    if not BINARY.exists():
        pytest.fail(f'{BINARY} is missing: run ./dev build', pytrace=False)
    shop = Shop(tmp_path_factory.mktemp('shop')).start()
    try:
        yield shop
        shop.audit()
        assert shop.stop() == 0
    finally:
        shop.kill()
