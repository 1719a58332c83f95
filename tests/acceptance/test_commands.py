"""The commands that talk to a shop, and the audit's own safeguard."""
import concurrent.futures, json, os, pty, re, sqlite3, subprocess, threading
import pytest
from conftest import ROOT, SECRET, STOA

pytestmark = pytest.mark.embedded("begins with a new shop")

DATA = ROOT / "tests" / "data"


def run_json(shop, *arguments):
    ran = shop.run(*arguments, "--json", "--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET)
    return ran.returncode, json.loads(ran.stdout)


def test_invoices_replayed_reckon_to_the_penny_and_the_audit_is_clean(own_shop):
    code, reckoning = run_json(own_shop, "replay", "invoices", str(DATA / "invoices.csv"))
    assert code == 0
    assert reckoning == json.loads((DATA / "invoices.expected.json").read_text())
    code, report = run_json(own_shop, "audit")
    assert (code, report["clean"], report["findings"]) == (0, True, [])
    assert report["checked"]["minor_units"] == reckoning["net_total"]


def test_a_second_import_changes_nothing(own_shop):
    code, first = run_json(own_shop, "import", "products", str(DATA / "pantry.csv"))
    assert code == 0 and first["created"] > 0
    code, again = run_json(own_shop, "import", "products", str(DATA / "pantry.csv"))
    assert (again["created"], again["updated"]) == (0, 0)
    assert again["unchanged"] == first["created"]


def write_products(path, count, name="product"):
    rows = (f"{name}-{i},Product {i},<p>{'text ' * 40}</p>,{name.upper()}-{i},9.99,5" for i in range(count))
    path.write_text("\n".join(["Handle,Title,Body (HTML),Variant SKU,Variant Price,Variant Inventory Qty", *rows]) + "\n")
    return str(path)


def on_terminal(shop, *arguments):
    """What the command writes to the terminal that is its standard error, and to standard output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([STOA, *arguments, "--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET, "--json"],
                          stdout=subprocess.PIPE, stderr=theirs, text=True) as command:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:  # the last writer has gone
                break
        os.close(ours)
        out = command.stdout.read()
    assert command.returncode == 0
    return seen.decode(), json.loads(out)


def test_an_import_shows_how_far_it_is(own_shop, tmp_path):
    file = write_products(tmp_path / "many.csv", 6_000)
    seen, report = on_terminal(own_shop, "import", "products", file)
    assert report["created"] == 6_000
    bars = re.findall(r"\rimport     \[(#*)(\.*)\] (\d+) of (\d+) bytes", seen)
    assert all(len(full) + len(empty) == 30 for full, empty, _, _ in bars)
    done = [int(bytes) for _, _, bytes, _ in bars]
    total = os.path.getsize(file)
    assert done[0] == 0 and done[-1] == total and done == sorted(done)
    assert any(0 < bytes < total for bytes in done), done


def test_progress_is_plain_lines_where_no_terminal_is_and_never_on_standard_output(own_shop):
    to = ["--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET, "--json"]
    for arguments, line in ((["import", "products", str(DATA / "pantry.csv")], r"import: (\d+) of \1 bytes\n"),
                            (["replay", "invoices", str(DATA / "invoices.csv")], r"invoices: (\d+) of \1\n")):
        ran = own_shop.run(*arguments, *to)
        assert ran.returncode == 0 and json.loads(ran.stdout)
        assert re.search(line, ran.stderr), ran.stderr
        assert "\r" not in ran.stderr and "#" not in ran.stderr


def test_a_replay_shows_a_bar_on_a_terminal(own_shop):
    seen, reckoning = on_terminal(own_shop, "replay", "invoices", str(DATA / "invoices.csv"))
    assert reckoning["orders"] > 0
    assert re.search(r"\rinvoices   \[#{30}\] (\d+) of \1\r\n", seen), seen


def sell_one_and_stop(shop, sku):
    shop.product(sku, units=5)
    shop.order(sku)
    assert shop.stop() == 0


def tamper(shop, database, statement):
    with sqlite3.connect(shop.data + "/" + database) as connection:
        connection.executescript(statement)
    ran = shop.run("audit", "--data", shop.data, "--json")
    return ran.returncode, json.loads(ran.stdout)


def test_the_audit_finds_what_was_tampered_with(own_shop):
    sell_one_and_stop(own_shop, "AUDIT")
    ran = own_shop.run("audit", "--data", own_shop.data)
    assert ran.returncode == 0 and ran.stdout.startswith("Clean: ")
    code, report = tamper(own_shop, "shop.db", "UPDATE catalog_stock_level SET on_hand = on_hand + 1")
    assert code == 1 and "stock of AUDIT" in report["findings"][0]
    code, report = tamper(own_shop, "shop.db", "UPDATE catalog_stock_level SET on_hand = on_hand - 1;"
                          "UPDATE ordering_log SET data = replace(data, '900', '901') WHERE position = 1")
    assert code == 1 and any("ordering_log is damaged at position 1" in f for f in report["findings"])


def test_the_audit_holds_the_money_against_the_provider(own_shop):
    sell_one_and_stop(own_shop, "LEDGER")
    code, report = tamper(own_shop, "simulator.db", "DROP TRIGGER sim_ledger_no_update;"
                          "UPDATE sim_ledger SET amount = amount + 1")
    assert code == 1 and "provider's ledger" in report["findings"][0]


def test_the_audit_finds_money_that_no_order_knows(own_shop):
    sell_one_and_stop(own_shop, "UNKNOWN")
    code, report = tamper(own_shop, "simulator.db", "INSERT INTO sim_ledger(key, payment_id, kind, amount, currency, code, at)"
                          " SELECT 'stray', 'pay_stray', kind, amount, currency, code, at FROM sim_ledger WHERE kind = 'capture'")
    assert code == 1 and "no order knows" in report["findings"][0]
    code, report = tamper(own_shop, "simulator.db", "INSERT INTO sim_ledger(key, payment_id, kind, amount, currency, code, at)"
                          " SELECT 'twice', payment_id, kind, amount, currency, code, at FROM sim_ledger WHERE key <> 'stray' AND kind = 'capture'")
    assert code == 1 and any("more than once" in f for f in report["findings"])


def test_the_audit_of_a_busy_shop_is_clean(own_shop):
    own_shop.product("BUSY", units=100_000)
    bought, stop, failed = threading.Event(), threading.Event(), []

    def buy():
        while not stop.is_set():
            order = own_shop.order("BUSY")
            if order.status != 201:
                failed.append(order.body)
            bought.set()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        buyers = [pool.submit(buy) for _ in range(8)]
        bought.wait(30)
        reports = [own_shop.call("GET", "/v1/audit").json for _ in range(20)]
        stop.set()
        for buyer in buyers:
            buyer.result()
    assert not failed and all(report["clean"] for report in reports), [r["findings"] for r in reports if r["findings"]]
    assert reports[-1]["checked"]["minor_units"] > 0


def test_events_of_a_running_and_a_stopped_shop_are_the_same(own_shop):
    own_shop.product("EVENTS", units=5)
    own_shop.order("EVENTS")
    code, live = run_json(own_shop, "events")
    assert code == 0 and len(live["data"]) > 5
    assert own_shop.stop() == 0
    ran = own_shop.run("events", "--data", own_shop.data, "--json")
    assert ran.returncode == 0 and json.loads(ran.stdout) == live
    lines = own_shop.run("events", "--data", own_shop.data, "--after", "catalog:1", "--limit", "3")
    assert [json.loads(line)["position"] for line in lines.stdout.splitlines()] == [e["position"] for e in live["data"][1:4]]
    assert own_shop.run("events", "--data", own_shop.data, "--after", "nonsense").returncode == 1
