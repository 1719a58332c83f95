import http.client
import threading

from conftest import in_parallel

BUYERS, WIDTH, UNITS = 2_000, 32, 100


def test_many_buyers_for_few_units_sell_each_once(shop):
    shop.product('LAST', stock=UNITS)
    local = threading.local()

    def buy(_):
        if not hasattr(local, 'connection'):
            local.connection = http.client.HTTPConnection('127.0.0.1', shop.port, timeout=60)
        answer = shop.order({'LAST': 1}, connection=local.connection)
        assert answer.status == 201, answer
        return answer.json['status'], (answer.json['rejection'] or {}).get('code')

    outcomes = in_parallel(buy, range(BUYERS), WIDTH)
    assert outcomes.count(('confirmed', None)) == UNITS
    assert outcomes.count(('rejected', 'out_of_stock')) == BUYERS - UNITS
    assert shop.stock('LAST') == (UNITS, UNITS, 0)
