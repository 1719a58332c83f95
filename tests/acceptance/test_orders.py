import uuid

import pytest
from conftest import PUBLISHABLE, in_parallel, is_problem, order_body


def test_order_is_confirmed_and_reserves_stock(shop):
    shop.product('MUG', stock=10)
    answer = shop.order({'MUG': 2})
    order = answer.json
    assert answer.status == 201 and answer.headers['Location'] == '/v1/orders/' + order['id']
    assert order['id'].startswith('ord_') and order['status'] == 'confirmed' and order['rejection'] is None
    assert order['total'] == {'amount': 1800, 'currency': 'GBP'}
    assert order['lines'][0]['unit_price'] == {'amount': 900, 'currency': 'GBP'}
    assert shop.stock('MUG') == (10, 2, 8)


def test_order_without_wait_is_202_and_ends_later(shop):
    shop.product('LATER', stock=5)
    answer = shop.order({'LATER': 1}, token='tok_slow', wait=0)
    assert answer.status == 202 and answer.json['status'] == 'placed', answer
    assert answer.headers['Location'].endswith(answer.json['id'])
    shop.until(answer.json['id'], lambda order: order['status'] == 'confirmed')


OUTCOMES = {
    'tok_ok': None, 'tok_slow': None, 'tok_timeout_then_success': None, 'tok_duplicate_webhook': None,
    'tok_late_webhook': None, 'tok_declined': 'payment_declined', 'tok_insufficient_funds': 'insufficient_funds',
    'tok_expired_card': 'expired_card', 'tok_fraud': 'fraud_suspected',
    'tok_timeout_then_nothing': 'payment_unavailable', 'tok_wrong_amount': 'payment_mismatch'}


@pytest.fixture(scope='module')
def outcomes(shop):
    """One order a token, all at the same time, for some take half a minute."""
    shop.product('TOKEN', stock=100)

    def place(token):
        answer = shop.order({'TOKEN': 1}, token=token)
        assert answer.status in (201, 202), answer
        return shop.until(answer.json['id'], lambda order: order['status'] != 'placed', seconds=90)
    return dict(zip(OUTCOMES, in_parallel(place, OUTCOMES)))


@pytest.mark.parametrize('token', OUTCOMES)
def test_simulator_token_ends_as_promised(outcomes, token):
    order, rejection = outcomes[token], OUTCOMES[token]
    assert order['status'] == ('rejected' if rejection else 'confirmed'), order
    assert (order['rejection'] or {}).get('code') == rejection


def test_rejected_orders_hold_no_stock(shop, outcomes):
    confirmed = sum(1 for order in outcomes.values() if order['status'] == 'confirmed')
    assert shop.stock('TOKEN') == (100, confirmed, 100 - confirmed)


def test_out_of_stock_is_a_rejected_order_all_or_nothing(shop):
    shop.product('PLENTY', stock=10)
    shop.product('SCARCE', stock=1)
    answer = shop.order({'PLENTY': 1, 'SCARCE': 2})
    assert answer.status == 201 and answer.json['status'] == 'rejected', answer
    assert answer.json['rejection']['code'] == 'out_of_stock'
    assert shop.stock('PLENTY') == (10, 0, 10) and shop.stock('SCARCE') == (1, 0, 1)


def test_the_same_sku_twice_is_two_lines(shop):
    shop.product('TWICE', stock=10)
    body = order_body({'TWICE': 1})
    body['lines'].append({'sku': 'TWICE', 'quantity': 2})
    answer = shop.call('POST', '/v1/orders', body, headers={'Idempotency-Key': 'twice', 'Prefer': 'wait=30'})
    assert answer.status == 201 and [line['quantity'] for line in answer.json['lines']] == [1, 2]
    assert shop.stock('TWICE') == (10, 3, 7)


def test_idempotency_key_replays_the_order(shop):
    shop.product('ONCE', stock=10)
    body, headers = order_body({'ONCE': 1}), {'Idempotency-Key': str(uuid.uuid4()), 'Prefer': 'wait=30'}
    answers = in_parallel(lambda _: shop.call('POST', '/v1/orders', body, headers=headers), range(8))
    assert {a.status for a in answers} == {201} and len({a.json['id'] for a in answers}) == 1
    assert sum(1 for a in answers if a.headers.get('Idempotent-Replayed') == 'true') == 7
    assert shop.stock('ONCE') == (10, 1, 9)
    body['lines'][0]['quantity'] = 2
    is_problem(shop.call('POST', '/v1/orders', body, headers=headers), 422)


def test_missing_idempotency_key_is_refused(shop):
    is_problem(shop.call('POST', '/v1/orders', order_body({'MUG': 1})), 400, 422, 428)


def test_unknown_sku_and_missing_price_are_422(shop):
    is_problem(shop.order({'NOWHERE': 1}), 422)
    shop.product('POUNDS', stock=1)
    is_problem(shop.order({'POUNDS': 1}, currency='EUR'), 422)


def test_external_id_is_unique_in_its_channel(shop):
    shop.product('EXTERNAL', stock=5)
    first = shop.confirmed({'EXTERNAL': 1}, external_id='X-1')
    second = shop.order({'EXTERNAL': 1}, external_id='X-1')
    is_problem(second, 409)
    assert second.headers['Location'] == '/v1/orders/' + first['id']


def test_free_order_needs_no_payment(shop):
    shop.product('FREE', stock=1, amount=0)
    body = order_body({'FREE': 1})
    del body['payment']
    answer = shop.call('POST', '/v1/orders', body, headers={'Idempotency-Key': 'free', 'Prefer': 'wait=30'})
    assert answer.status == 201 and answer.json['status'] == 'confirmed', answer


def test_only_a_secret_key_sets_prices_and_times(shop):
    shop.product('HISTORY', stock=5)
    body = order_body({'HISTORY': 1})
    body['lines'][0]['unit_price'] = {'amount': 5, 'currency': 'GBP'}
    body['placed_at'] = '2010-12-01T08:26:00Z'
    headers = {'Idempotency-Key': 'history', 'Prefer': 'wait=30'}
    problem = is_problem(shop.call('POST', '/v1/orders', body, key=PUBLISHABLE, headers=headers), 403, 422)
    assert {'/placed_at', '/lines/0/unit_price'} <= {e['pointer'] for e in problem['errors']}
    order = shop.call('POST', '/v1/orders', body, headers=headers).json
    assert order['total']['amount'] == 5 and order['placed_at'].startswith('2010-12-01T08:26:00')


def test_access_token_opens_one_order(shop):
    shop.product('BUYER', stock=5)
    mine, other = (shop.confirmed({'BUYER': 1}, key=PUBLISHABLE) for _ in range(2))
    path, token = '/v1/orders/' + mine['id'], {'Stoa-Order-Token': mine['access_token']}
    assert shop.call('GET', path, key=PUBLISHABLE, headers=token).json['id'] == mine['id']
    is_problem(shop.call('GET', path, key=PUBLISHABLE), 401, 403, 404)
    is_problem(shop.call('GET', '/v1/orders/' + other['id'], key=PUBLISHABLE, headers=token), 401, 403, 404)
    is_problem(shop.call('GET', path, key=None, headers=token), 401)
    is_problem(shop.call('GET', '/v1/orders', key=PUBLISHABLE), 403)


@pytest.mark.parametrize('place', ['token', 'name', 'metadata'])
def test_card_number_is_refused_and_not_logged(shop, place):
    shop.product('CARD-' + place.upper(), stock=1)
    number = '4242424242424242' if place == 'token' else '4242 4242 4242 4242'
    body = order_body({'CARD-' + place.upper(): 1})
    if place == 'token':
        body['payment']['token'] = number
    elif place == 'name':
        body['shipping_address']['name'] = number
    else:
        body['metadata'] = {'note': number}
    answer = shop.call('POST', '/v1/orders', body, headers={'Idempotency-Key': place})
    is_problem(answer, 422)
    assert number.encode() not in answer.body
    assert number.encode() not in (shop.folder / 'stoa.log').read_bytes()


def test_lists_filter_and_page(shop):
    shop.product('PAGE', stock=20)
    ids = [shop.confirmed({'PAGE': 1}, channel='paging')['id'] for _ in range(5)]
    seen, cursor = [], ''
    for _ in range(5):
        answer = shop.call('GET', '/v1/orders?filter%5Bchannel%5D=paging&limit=2' + cursor).json
        seen += [order['id'] for order in answer['data']]
        if not answer['next_cursor']:
            break
        cursor = '&cursor=' + answer['next_cursor']
    assert seen == ids[::-1]
