"""The stock ledger where it is kept, read beside the shop that writes it: a file of its own, or tables of a fleet's Catalog."""
import contextlib, sqlite3

from steered import until


def of_file(shop, name, query):
    with contextlib.closing(sqlite3.connect(f"file:{shop.data}/{name}?mode=ro", uri=True)) as file:
        return file.execute(query).fetchall()


def is_fleet(shop):
    return hasattr(shop, "fleet")


def of_ledger(shop, query):
    return shop.rows("catalog", query) if is_fleet(shop) else of_file(shop, "stock-ledger.db", query)


def damage(shop, *statements):
    """As if what is there had been written wrongly."""
    if is_fleet(shop):
        for statement in statements:
            assert shop.fleet.postgres.psql("catalogdb", statement).returncode == 0
        return
    shop.stop()
    with sqlite3.connect(shop.data + "/stock-ledger.db") as file:
        for statement in statements:
            file.execute(statement)
    shop.start()


def carried(shop):
    """Waits until it has been carried to the end of the log, which it follows at its own pace."""
    head = shop.rows("catalog", "SELECT max(position) FROM catalog_log")
    until(lambda: of_ledger(shop, "SELECT position FROM catalog_ledger_checkpoint WHERE name = 'ledger'") == head)
