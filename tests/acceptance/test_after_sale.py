import pytest
from conftest import in_parallel, is_problem


def act(shop, order, what, body, **headers):
    return shop.call('POST', f"/v1/orders/{order['id']}/{what}", body, headers=headers)


def test_fulfilment_in_parts_moves_stock(shop):
    shop.product('PART', stock=10)
    order = shop.confirmed({'PART': 4})
    line = order['lines'][0]['id']
    one = act(shop, order, 'fulfilments', {'lines': [{'line_id': line, 'quantity': 1}], 'tracking': {
        'carrier': 'Post', 'number': 'JD 0123 4567 8901 2345', 'url': 'https://example.org/track/1'}})
    assert one.status == 201 and one.json['status'] == 'partially_fulfilled', one
    assert shop.stock('PART') == (9, 3, 6)
    is_problem(act(shop, order, 'fulfilments', {'lines': [{'line_id': line, 'quantity': 4}]}), 409, 422)
    rest = act(shop, order, 'fulfilments', {'lines': [{'line_id': line, 'quantity': 3}]})
    assert rest.status == 201 and rest.json['status'] == 'fulfilled', rest
    assert shop.stock('PART') == (6, 0, 6)


def test_return_restocks_and_refunds_the_price_paid(shop):
    shop.product('BACK', stock=10)
    order = shop.confirmed({'BACK': 3})
    line = order['lines'][0]['id']
    is_problem(act(shop, order, 'returns', {'lines': [{'line_id': line, 'quantity': 1, 'restock': True}]}), 409, 422)
    assert act(shop, order, 'fulfilments', {}).status == 201
    back = act(shop, order, 'returns', {'lines': [{'line_id': line, 'quantity': 2, 'restock': True}]})
    assert back.status == 201, back
    order = shop.until(order['id'], lambda o: o['refunded']['amount'] == 1800)
    assert order['lines'][0]['returned'] == 2 and shop.stock('BACK') == (9, 0, 9)
    assert act(shop, order, 'returns', {'lines': [{'line_id': line, 'quantity': 1, 'restock': False}]}).status == 201
    shop.until(order['id'], lambda o: o['refunded']['amount'] == 2700)
    assert shop.stock('BACK') == (9, 0, 9)
    is_problem(act(shop, order, 'returns', {'lines': [{'line_id': line, 'quantity': 1}]}), 409, 422)


def test_refunds_never_exceed_what_was_captured(shop):
    shop.product('RACE', stock=10)
    order = shop.confirmed({'RACE': 1})
    asked = in_parallel(lambda n: act(shop, order, 'refunds', {'amount': {'amount': 400, 'currency': 'GBP'}},
                                      **{'Idempotency-Key': f'race-{n}'}), range(8))
    assert sorted(a.status for a in asked) == [201, 201] + [409] * 6, asked
    shop.until(order['id'], lambda o: o['refunded']['amount'] == 800)


def test_refund_replays_with_its_key(shop):
    shop.product('AGAIN', stock=10)
    order = shop.confirmed({'AGAIN': 1})
    for _ in range(2):
        answer = act(shop, order, 'refunds', {'amount': {'amount': 100, 'currency': 'GBP'}}, **{'Idempotency-Key': 'again'})
        assert answer.status in (200, 201), answer
    assert len(shop.until(order['id'], lambda o: o['refunded']['amount'] == 100)['refunds']) == 1


@pytest.mark.parametrize('body', [{'reason': 'changed their mind'}, None])
def test_cancel_releases_stock_and_refunds(shop, body):
    sku = 'CANCEL' if body else 'CANCEL-PLAIN'
    shop.product(sku, stock=10)
    order = shop.confirmed({sku: 4})
    assert act(shop, order, 'cancel', body).status in (200, 201, 202)
    order = shop.until(order['id'], lambda o: o['status'] == 'cancelled' and o['refunded']['amount'] == 3600)
    assert shop.stock(sku) == (10, 0, 10)
    assert act(shop, order, 'cancel', body).status in (200, 201, 202, 409)
    is_problem(act(shop, order, 'fulfilments', {}), 409)


def test_cancel_racing_payment_ends_without_money_or_stock(shop):
    shop.product('RACING', stock=10)
    order = shop.order({'RACING': 1}, token='tok_slow', wait=0).json
    assert act(shop, order, 'cancel', {}).status in (200, 201, 202)
    order = shop.until(order['id'], lambda o: o['status'] == 'cancelled' and o['process_status'] == 'ended')
    assert shop.stock('RACING') == (10, 0, 10)


def test_history_tells_the_order(shop):
    shop.product('TOLD', stock=1)
    order = shop.confirmed({'TOLD': 1})
    answer = shop.call('GET', f"/v1/orders/{order['id']}/events")
    assert answer.status == 200 and len(answer.json['data']) >= 3
    assert b'High Street' not in answer.body, 'personal data is sealed'


def test_no_process_is_parked(shop):
    assert shop.call('GET', '/v1/processes?status=parked').json['data'] == []
