"""The stock ledger's own file, read beside the shop that writes it."""
import contextlib, sqlite3

from steered import until


def of_file(shop, name, query):
    with contextlib.closing(sqlite3.connect(f"file:{shop.data}/{name}?mode=ro", uri=True)) as file:
        return file.execute(query).fetchall()


def of_ledger(shop, query):
    return of_file(shop, "stock-ledger.db", query)


def carried(shop):
    """Waits until the file's thread has seen all of the log: it follows at its own pace."""
    head = of_file(shop, "shop.db", "SELECT max(position) FROM catalog_log")
    until(lambda: of_ledger(shop, "SELECT position FROM catalog_ledger_checkpoint") == head)
