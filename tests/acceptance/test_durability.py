import http.client
import json
import threading
import time
import uuid

from conftest import SECRET, Shop, in_parallel


def test_kill_and_restart_keep_what_was_answered(shop):
    shop.product('KEPT', stock=100)
    orders = [shop.confirmed({'KEPT': 1})['id'] for _ in range(10)]
    slow = shop.order({'KEPT': 1}, token='tok_slow', wait=0).json['id']
    shop.kill()
    shop.start()
    assert [shop.get_order(order)['status'] for order in orders] == ['confirmed'] * 10
    shop.until(slow, lambda order: order['status'] == 'confirmed')
    assert shop.stock('KEPT') == (100, 11, 89)


def test_second_start_on_the_same_data_is_refused(shop):
    second = shop.command('up', '--data', shop.data, '--port', shop.port + 1 if shop.port < 65000 else 5999, timeout=20)
    assert second.returncode != 0
    assert 'data' in second.stderr + second.stdout and 'Traceback' not in second.stderr
    assert shop.call('GET', '/health/ready').status == 200


def test_sigterm_stops_cleanly_and_audit_works_on_the_stopped_shop(shop):
    shop.product('STOPPED', stock=5)
    order = shop.confirmed({'STOPPED': 1})['id']
    assert shop.stop() == 0
    audit = shop.command('audit', '--json', '--data', shop.data)
    assert audit.returncode == 0 and json.loads(audit.stdout)['clean'], audit
    shop.start()
    assert shop.get_order(order)['status'] == 'confirmed'


def test_sold_out_across_a_kill_sells_each_unit_once(tmp_path):
    shop = Shop(tmp_path).start()
    try:
        shop.product('RUSH', stock=100)
        answered, away = [], threading.Event()

        def buy(_):
            key = str(uuid.uuid4())
            body = {'currency': 'GBP', 'customer': {'email': f'{key}@example.org'}, 'lines': [{'sku': 'RUSH', 'quantity': 1}],
                    'payment': {'provider': 'simulator', 'token': 'tok_ok'}}
            until = time.monotonic() + 60
            while time.monotonic() < until:
                try:
                    answer = shop.call('POST', '/v1/orders', body, headers={'Idempotency-Key': key, 'Prefer': 'wait=30'})
                except (OSError, http.client.HTTPException):
                    time.sleep(0.05)
                    continue
                if answer.status in (429, 503):
                    time.sleep(0.05)
                    continue
                assert answer.status in (201, 202), answer
                answered.append(answer.json['id'])
                if len(answered) > 150:
                    away.set()
                if answer.json['status'] != 'placed':
                    return answer.json['status']
                order = answer.json['id']
                return again(lambda: shop.until(order, lambda o: o['status'] != 'placed')['status'])
            raise AssertionError('no answer in a minute')

        def kill():
            assert away.wait(60)
            shop.kill()
            shop.start()
        killer = threading.Thread(target=kill)
        killer.start()
        outcomes = in_parallel(buy, range(600))
        killer.join()
        assert outcomes.count('confirmed') == 100 and outcomes.count('rejected') == 500
        assert len(set(answered)) == 600 and shop.stock('RUSH') == (100, 100, 0)
        shop.audit()
        assert shop.stop() == 0
    finally:
        shop.kill()


def again(work):
    """A poll of an order may meet the kill as well."""
    while True:
        try:
            return work()
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)


def test_keys_are_made_in_a_private_file(tmp_path):
    shop = Shop(tmp_path)
    shop.environment = lambda base=shop.environment: {k: v for k, v in base().items() if 'Auth' not in k}
    try:
        shop.start()
        keys = shop.data / 'keys'
        assert keys.stat().st_mode & 0o777 == 0o600
        secret = next(line for line in keys.read_text().split() if line.startswith('sk_'))
        assert shop.call('GET', '/v1/products', key=secret).status == 200
        assert shop.call('GET', '/v1/products', key=SECRET).status == 401
        assert secret not in (shop.folder / 'stoa.log').read_text()
    finally:
        shop.kill()
