"""What /metrics says of the business and of the process."""
import os, re, sqlite3, time, uuid
import pytest

pytestmark = pytest.mark.embedded("counts from the start of the process")


def figures(shop):
    text = shop.call("GET", "/metrics", key=None).body.decode()
    return {name: float(value) for name, value in re.findall(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}


def test_the_business_is_counted_to_the_penny(own_shop):
    own_shop.product("FIGURES", amount=250, units=10)
    kept = own_shop.order("FIGURES", 4).json
    cancelled = own_shop.order("FIGURES", 2).json
    own_shop.order("FIGURES", 1, token="tok_declined")
    own_shop.order("FIGURES", 1, token="tok_wrong_amount")
    own_shop.order("FIGURES", 100)
    assert own_shop.call("POST", f"/v1/orders/{cancelled['id']}/cancel").status == 200
    assert own_shop.call("POST", f"/v1/orders/{kept['id']}/refunds", {"amount": {"amount": 30, "currency": "GBP"}},
                         idempotency=uuid.uuid4().hex).status == 201
    deadline = time.time() + 10
    while (now := figures(own_shop)).get("stoa_refunds_total{outcome=\"completed\"}") != 3 and time.time() < deadline:
        time.sleep(0.05)
    assert now["stoa_orders_placed_total"] == 5
    assert now['stoa_order_value_minor_units_total{currency="GBP"}'] == 250 * (4 + 2 + 1 + 1 + 100)
    outcomes = {o: now.get(f'stoa_orders_total{{outcome="{o}"}}') for o in ("confirmed", "rejected", "cancelled")}
    assert outcomes == {"confirmed": 2, "rejected": 3, "cancelled": 1}
    codes = {c: now.get(f'stoa_order_rejections_total{{code="{c}"}}')
             for c in ("payment_declined", "payment_mismatch", "out_of_stock")}
    assert codes == {"payment_declined": 1, "payment_mismatch": 1, "out_of_stock": 1}
    assert now["stoa_stock_outs_total"] == 1
    assert now['stoa_refunds_total{outcome="completed"}'] == 3
    captured, refunded = (now[f'stoa_{what}_minor_units_total{{currency="GBP"}}'] for what in ("revenue", "refunds"))
    assert refunded > 250 * 2 + 30 and captured - refunded == 250 * 4 - 30
    assert captured - refunded == own_shop.call("GET", "/v1/audit").json["checked"]["minor_units"]
    for outcome, count in outcomes.items():
        assert now[f'stoa_order_seconds_count{{outcome="{outcome}"}}'] == count
        assert 0 < now[f'stoa_order_seconds_sum{{outcome="{outcome}"}}'] < 10 * count
    assert now["stoa_refund_seconds_count"] == 1 and 0 < now["stoa_refund_seconds_sum"] < 10


def test_the_process_tells_its_own_figures(own_shop):
    own_shop.product("PROCESS", units=10)
    own_shop.order("PROCESS")
    with sqlite3.connect(f"file:{own_shop.data}/shop.db?mode=ro", uri=True) as database:
        heads = {service: database.execute(f"SELECT max(position) FROM {service}_log").fetchone()[0]
                 for service in ("catalog", "ordering", "payment", "agents")}
    assert all(heads.values())
    deadline = time.time() + 5
    while True:
        now = figures(own_shop)
        told = {service: now[f'stoa_log_head{{service="{service}"}}'] for service in heads}
        if told == heads or time.time() > deadline:
            break
        time.sleep(0.1)
    assert told == heads
    with open(f"/proc/{own_shop.process.pid}/statm") as statm:
        resident = int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert abs(now["process_resident_memory_bytes"] - resident) < 16e6
    assert now["stoa_http_connections"] == 1
    assert now["stoa_wal_bytes"] > 0 and now["stoa_database_bytes"] > 0
    assert now["process_open_fds"] > 3 and now["process_cpu_seconds_total"] > 0
    assert abs(now["process_start_time_seconds"] - time.time()) < 60
    version = own_shop.run("version").stdout.split()[1]
    assert any(name.startswith(f'stoa_build_info{{version="{version}",compiler="') for name in now)
