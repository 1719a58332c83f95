"""Catalog, import, replay, and what the edge shows."""
import gzip
import json

import pytest
from conftest import DATA, PUBLISHABLE, ROOT, SECRET, Shop, is_problem


def run(shop, *arguments):
    done = shop.command(*arguments, '--url', shop.url, '--key', SECRET, '--json')
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_product_is_read_by_id_and_handle_and_patched(shop):
    made = shop.product('CUP')
    answer = shop.call('GET', '/v1/products/' + made['id'])
    assert answer.json == shop.call('GET', '/v1/products/cup').json
    path, tag = '/v1/products/' + made['id'], answer.headers['ETag']
    assert shop.call('PATCH', path, {'title': 'Cup'}, headers={'If-Match': tag}).json['title'] == 'Cup'
    is_problem(shop.call('PATCH', path, {'title': 'Mug'}, headers={'If-Match': tag}), 412)
    is_problem(shop.call('PATCH', path, {'title': 'Mug'}, key=PUBLISHABLE), 403)


def test_description_is_sanitised(shop):
    made = shop.call('POST', '/v1/products', {'handle': 'html', 'title': 'H', 'status': 'active', 'variants': [],
                     'description_html': '<p onclick="x()">Hi<script>alert(1)</script></p>'})
    assert made.status == 201 and made.json['description_html'] == '<p>Hi</p>', made


def test_adjustment_below_what_is_reserved_is_409_unless_forced(shop):
    shop.product('HELD', stock=2)
    shop.confirmed({'HELD': 2})
    path, headers = '/v1/inventory/HELD/adjustments', {'Idempotency-Key': 'held'}
    is_problem(shop.call('POST', path, {'delta': -1, 'reason': 'lost'}, headers=headers), 409)
    is_problem(shop.call('POST', path, {'delta': 1, 'reason': 'found', 'expected_on_hand': 7, 'location': 'main'},
                         headers=headers), 412)
    assert shop.stock('HELD') == (2, 2, 0)


def test_ledger_explains_every_unit(shop):
    shop.product('BOOK', stock=5)
    shop.confirmed({'BOOK': 2})
    rows = shop.call('GET', '/v1/inventory/BOOK/ledger').json['data']
    assert sum(r['delta_on_hand'] for r in rows) == 5 and sum(r['delta_reserved'] for r in rows) == 2


def test_import_is_idempotent_and_names_bad_rows(shop):
    first = run(shop, 'import', 'products', DATA / 'pantry.csv')
    assert (first['products'], first['variants'], first['images']) == (3, 4, 3)
    assert (first['created'], first['unchanged']) == (3, 0)
    assert [row['line'] for row in first['rejected']] == [8], first
    assert shop.stock('JAM-S') == (12, 0, 12)
    shop.adjust('JAM-S', -2)
    second = run(shop, 'import', 'products', DATA / 'pantry.csv')
    assert (second['created'], second['updated'], second['unchanged']) == (0, 0, 3)
    assert shop.stock('JAM-S') == (10, 0, 10)
    assert shop.call('GET', '/v1/products/tea').json['status'] == 'draft'


def test_import_dry_run_changes_nothing(tmp_path):
    shop = Shop(tmp_path).start()
    try:
        assert run(shop, 'import', 'products', DATA / 'pantry.csv', '--dry-run')['products'] == 3
        assert shop.call('GET', '/v1/products').json['data'] == []
    finally:
        shop.kill()


@pytest.mark.parametrize('packed', [False, True])
def test_replay_reckons_to_the_penny(tmp_path, packed):
    file = DATA / 'invoices.csv'
    if packed:
        file = tmp_path / 'invoices.csv.gz'
        file.write_bytes(gzip.compress((DATA / 'invoices.csv').read_bytes()))
    expected = json.loads((DATA / 'invoices.expected.json').read_text())
    shop = Shop(tmp_path).start()
    try:
        assert run(shop, 'replay', 'invoices', file) == expected
        shop.audit()
        assert run(shop, 'replay', 'invoices', file) == expected, 'a second run changes nothing'
        shop.audit()
    finally:
        shop.kill()


def test_event_feed_is_ordered_and_gap_free(shop):
    every = shop.call('GET', '/v1/events?limit=200').json
    assert every['data']
    is_problem(shop.call('GET', '/v1/events', key=PUBLISHABLE), 403)


@pytest.mark.parametrize('path', ['/', '/health/live', '/health/ready', '/metrics', '/openapi.json'])
def test_edge_pages_answer(shop, path):
    assert shop.call('GET', path, key=None).status == 200


def test_swagger_ui_is_served_from_here(shop):
    if not (ROOT / 'build/web/swagger-ui-dist/swagger-ui-bundle.js').exists():
        pytest.skip('swagger-ui-dist could not be fetched')
    answer = shop.call('GET', '/swagger', key=None)
    if answer.status in (301, 302, 307, 308):
        answer = shop.call('GET', answer.headers['Location'], key=None)
    assert answer.status == 200 and b'//unpkg' not in answer.body and b'https://cdn' not in answer.body


def test_demo_needs_an_empty_shop_and_fills_it(tmp_path):
    shop = Shop(tmp_path).start('--demo', seconds=60)
    try:
        assert len(shop.call('GET', '/v1/products?limit=50').json['data']) == 50
        shop.audit()
    finally:
        shop.kill()


@pytest.mark.parametrize('name, value', [('STOA__Fraud__RejectAt', 'soon'), ('STOA__NoSuch__Key', '1')])
def test_wrong_configuration_is_named(tmp_path, name, value):
    shop = Shop(tmp_path, {name: value})
    done = shop.command('up', '--data', shop.data, '--port', shop.port, timeout=20)
    assert done.returncode != 0 and name.split('__')[-1] in done.stderr + done.stdout


def test_config_masks_secrets(tmp_path):
    done = Shop(tmp_path).command('config')
    assert done.returncode == 0 and SECRET not in done.stdout and 'RejectAt' in done.stdout
