"""The stock ledger stands in a file of its own, which can be made again from the log."""
import os, shutil
import pytest

from conftest import SECRET
from stock_ledger import carried

pytestmark = pytest.mark.embedded("the stock ledger has a file of its own")

FILES = ("stock-ledger.db", "stock-ledger.db-wal", "stock-ledger.db-shm")


def ledger(shop, sku):
    rows = shop.call("GET", f"/v1/inventory/{sku}/ledger?limit=1000").json["data"]
    return [(row["kind"], row["delta_on_hand"], row["delta_reserved"], row["on_hand"], row["reserved"]) for row in rows]


def told(shop, sku):
    """Three rows, as the log tells them."""
    shop.product(sku, units=9)
    shop.adjust(sku, -2)
    assert shop.order(sku, quantity=3).json["status"] == "confirmed"
    rows = ledger(shop, sku)
    assert rows[1:] == [("adjusted", -2, 0, 7, 0), ("reserved", 0, 3, 7, 3)]
    return rows


def test_what_is_not_in_the_file_yet_is_told_too(own_shop):
    rows = told(own_shop, "LED-1")
    own_shop.adjust("LED-1", 5)
    assert ledger(own_shop, "LED-1") == [*rows, ("adjusted", 5, 0, 12, 3)]


def test_a_file_that_is_gone_is_made_again(own_shop, tmp_path):
    """From more events than one slice takes, and without a commit that would wake it."""
    rows = told(own_shop, "LED-2")
    with open(tmp_path / "many.csv", "w") as file:
        file.write("Handle,Title,Vendor,Published,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n")
        file.writelines(f"many-{i},Many {i},V,true,Title,Default Title,MANY-{i},7,1.00\n" for i in range(2_500))
    ran = own_shop.run("import", "products", str(tmp_path / "many.csv"), "--key", SECRET, "--url", f"http://127.0.0.1:{own_shop.port}")
    assert ran.returncode == 0, ran.stderr
    carried(own_shop)
    own_shop.stop()
    for name in FILES:
        if os.path.exists(f"{own_shop.data}/{name}"):
            os.remove(f"{own_shop.data}/{name}")
    own_shop.start()
    assert ledger(own_shop, "LED-2") == rows
    carried(own_shop)
    assert ledger(own_shop, "LED-2") == rows
    assert ledger(own_shop, "MANY-2499") == [("adjusted", 7, 0, 7, 0)]


def test_the_file_of_another_shop_is_made_anew(own_shop, shop_with):
    other = shop_with()
    rows = told(own_shop, "LED-3")
    for sku in ("LED-3", "OTHER"):
        told(other, sku)
    carried(other)
    for one in (own_shop, other):
        one.stop()
    for name in FILES:
        if os.path.exists(f"{own_shop.data}/{name}"):
            os.remove(f"{own_shop.data}/{name}")
    shutil.copy(f"{other.data}/stock-ledger.db", own_shop.data)
    own_shop.start()
    own_shop.adjust("LED-3", 1)
    carried(own_shop)
    assert ledger(own_shop, "LED-3") == [*rows, ("adjusted", 1, 0, 8, 3)]
    assert own_shop.call("GET", "/v1/inventory/OTHER/ledger").status == 404
