"""The commands that talk to a shop, and the audit's own safeguard."""
import json, sqlite3
from conftest import ROOT, SECRET

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


def tamper(shop, database, statement):
    with sqlite3.connect(shop.data + "/" + database) as connection:
        connection.executescript(statement)
    ran = shop.run("audit", "--data", shop.data)
    return ran.returncode, json.loads(ran.stdout)


def test_the_audit_finds_what_was_tampered_with(own_shop):
    own_shop.product("AUDIT", units=5)
    own_shop.order("AUDIT")
    assert own_shop.stop() == 0
    ran = own_shop.run("audit", "--data", own_shop.data)
    assert ran.returncode == 0 and json.loads(ran.stdout)["clean"]
    code, report = tamper(own_shop, "shop.db", "UPDATE catalog_stock_level SET on_hand = on_hand + 1")
    assert code == 1 and "stock of AUDIT" in report["findings"][0]
    code, report = tamper(own_shop, "shop.db", "UPDATE catalog_stock_level SET on_hand = on_hand - 1;"
                          "UPDATE ordering_log SET data = replace(data, '900', '901') WHERE position = 1")
    assert code == 1 and any("ordering_log is damaged at position 1" in f for f in report["findings"])


def test_the_audit_holds_the_money_against_the_provider(own_shop):
    own_shop.product("LEDGER", units=5)
    own_shop.order("LEDGER")
    assert own_shop.stop() == 0
    code, report = tamper(own_shop, "simulator.db", "DROP TRIGGER sim_ledger_no_update;"
                          "UPDATE sim_ledger SET amount = amount + 1")
    assert code == 1 and "provider's ledger" in report["findings"][0]
