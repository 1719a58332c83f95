"""Exports: what leaves a shop makes the same shop elsewhere, and a file goes on where it ended."""
import csv, io, json, os, pathlib, random, subprocess
import pytest
from conftest import ROOT, SECRET, STOA, Shop

DATA = ROOT / "tests" / "data"
SHOPIFY = sorted(pathlib.Path(os.environ.get("STOA_SHOPIFY_FILES", DATA)).glob("shopify-*.csv"))


@pytest.fixture
def copy():
    shop = Shop().start()
    yield shop
    shop.remove()


def run(shop, *arguments):
    ran = shop.run(*arguments, "--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET)
    assert ran.returncode == 0, ran.stderr
    return ran


def export(shop, folder, name, *arguments):
    file = folder / name
    run(shop, "export", "products", "--output", str(file), *arguments)
    return file


def products_of(shop):
    """All that a product is but its ids and times, with the units of its variants."""
    products, cursor = [], ""
    while cursor is not None:
        page = shop.call("GET", "/v1/products?sort=created_at&limit=100" + (f"&cursor={cursor}" if cursor else "")).json
        products += page["data"]
        cursor = page["next_cursor"]
    for product in products:
        for member in ("id", "created_at", "updated_at", "revision"):
            del product[member]
        for variant in product["variants"]:
            del variant["id"]
            variant["units"] = shop.call("GET", "/v1/inventory/" + percent(variant["sku"])).json["available"]
    return products


def percent(text):
    import urllib.parse
    return urllib.parse.quote(text, safe="")


def copied(shop, copy, folder, *arguments):
    """Exports, imports into `copy`, exports again: the two files."""
    first = export(shop, folder, "first.csv", *arguments)
    report = json.loads(run(copy, "import", "products", str(first), "--json", *arguments).stdout)
    assert report["rejected"] == [] and report["notes"] == [], (report["rejected"][:3], report["notes"][:3])
    return first.read_bytes(), export(copy, folder, "second.csv", *arguments).read_bytes()


@pytest.mark.embedded("copies a whole shop")
@pytest.mark.parametrize("file", [DATA / "pantry.csv", *SHOPIFY], ids=lambda file: file.name)
def test_a_copy_of_a_shop_exports_the_same_bytes(own_shop, copy, tmp_path, file):
    run(own_shop, "import", "products", str(file))
    first, second = copied(own_shop, copy, tmp_path)
    assert first == second and first.count(b"\n") > 5
    assert products_of(own_shop) == products_of(copy)


def nasty_products():
    """As a client may create them; what the format cannot hold is marked."""
    gbp = lambda amount: {"amount": amount, "currency": "GBP"}
    yield {"handle": "quotes", "title": 'He said "no", twice', "vendor": "A, B; C", "status": "active", "tags": ["red", "x\"y"],
           "description_html": "<p>line one\r\nline two, \"quoted\" &amp; <b>bold</b></p>\n<pre>\n\n  kept</pre>",
           "seo": {"title": 'S,"E"O', "description": "two\nlines\tand a tab"},
           "variants": [{"sku": 'Q,"1"', "prices": [gbp(123)], "compare_at_prices": [gbp(1)], "barcode": "007", "weight_grams": 250}]}
    yield {"handle": "unicode-日本", "title": "Ærøskøbing 日本 🫖", "type": "čaj", "status": "archived",
           "options": [{"name": "Größe", "values": ["klein", "groß, sehr"]}, {"name": "色", "values": ["赤"]}],
           "variants": [{"sku": f"Ü-{i}", "options": [value, "赤"], "prices": [gbp(i)]} for i, value in enumerate(["klein", "groß, sehr"])]}
    yield {"handle": "hundred", "title": "Hundred", "status": "active", "options": [{"name": "N", "values": [str(i) for i in range(100)]}],
           "variants": [{"sku": f"H-{i}", "options": [str(i)], "prices": [gbp(i)], "requires_shipping": i % 2 == 0, "taxable": i % 3 == 0} for i in range(100)],
           "images": [{"url": "https://example.org/a.jpg?x=1,2", "alt": 'an "a"', "variant_sku": "H-50"},
                      {"url": "/demo/b.svg", "alt": "b", "position": 7}]}
    yield {"handle": "images-only", "title": "More images than variants", "variants": [{"sku": "I", "prices": [gbp(5)]}],
           "images": [{"url": f"https://example.org/{i}.jpg", "position": 3 - i} for i in range(3)]}
    yield {"handle": "no-variant", "title": "Nothing to sell yet", "status": "draft", "tags": ["soon"]}
    yield {"handle": "no-price", "title": "=1+1", "variants": [{"sku": "@cmd"}]}
    yield {"handle": "titled", "title": "An option that is called as Shopify's", "options": [{"name": "Title", "values": ["Default Title", "Other"]}],
           "variants": [{"sku": "T-1", "options": ["Default Title"]}, {"sku": "T-2", "options": ["Other"]}]}


@pytest.mark.embedded("copies a whole shop")
def test_nasty_products_are_copied_whole(own_shop, copy, tmp_path):
    for product in nasty_products():
        answer = own_shop.call("POST", "/v1/products", product)
        assert answer.status == 201, answer.body
    assert own_shop.adjust("H-7", 12).status == 201
    first, second = copied(own_shop, copy, tmp_path)
    assert first == second
    assert products_of(own_shop) == products_of(copy)


@pytest.mark.embedded("copies a whole shop")
def test_what_the_format_cannot_hold_is_lost_once(own_shop, copy, tmp_path):
    """Prices in another currency, commas in tags, spaces at ends, variants without options, reserved units."""
    own_shop.call("POST", "/v1/products", {
        "handle": "lossy", "title": " spaces ", "status": "active", "tags": ["a,b", " c ", "c"], "external_id": "E", "metadata": {"k": "v"},
        "variants": [{"sku": "L-1", "prices": [{"amount": 5, "currency": "EUR"}, {"amount": 7, "currency": "GBP"}]}, {"sku": "L-2"}],
        "images": [{"url": "https://example.org/1.jpg", "variant_sku": "L-2"}, {"url": "https://example.org/1.jpg", "variant_sku": "L-1"},
                   {"url": "https://example.org/2.jpg", "variant_sku": "L-2"}]})
    assert own_shop.adjust("L-1", 10).status == 201
    assert own_shop.order("L-1", quantity=3).status == 201
    first, second = copied(own_shop, copy, tmp_path)
    assert first == second
    (product,) = products_of(copy)
    assert (product["title"], product["tags"]) == ("spaces", ["a", "b", "c"])
    assert [v["prices"] for v in product["variants"]] == [[{"amount": 7, "currency": "GBP"}], []]
    assert [(v["sku"], v["options"], v["units"]) for v in product["variants"]] == [("L-1", ["L-1"], 7), ("L-2", ["L-2"], 0)]
    euros = list(csv.DictReader(io.StringIO(run(own_shop, "export", "products", "--currency", "EUR").stdout)))
    assert [row["Variant Price"] for row in euros] == ["0.05", "", ][:len(euros)]


@pytest.mark.embedded("copies a whole shop")
def test_random_texts_survive(own_shop, copy, tmp_path):
    chance = random.Random(7)
    alphabet = 'ab ,"\'\u00e9\u4e2d\U0001f600<>&;=|/\\'
    text = lambda n: "".join(chance.choice(alphabet) for _ in range(n)).strip() or "x"
    html = ["<p>", "</p>", "<b>", "</i>", "<i>", "<a href='x'>", "<table>", "<td>", "</table>", "<pre>", "\n", "\r\n", "&#13;", "&lt;", "<li>", "<h1>", "</a>", "text"]
    for nth in range(150):
        values = sorted({text(6) for _ in range(3)})
        product = {"handle": f"random-{nth}", "title": text(12), "vendor": text(3), "tags": sorted({text(5).replace(",", "") or "t" for _ in range(3)}),
                   "description_html": "".join(chance.choice(html) for _ in range(25)),
                   "options": [{"name": text(5), "values": values}],
                   "variants": [{"sku": f"R-{nth}-{i}" + text(3), "options": [value]} for i, value in enumerate(values)]}
        product["tags"] = sorted({tag.strip() or "t" for tag in product["tags"]})
        assert own_shop.call("POST", "/v1/products", product).status == 201
    first, second = copied(own_shop, copy, tmp_path)
    assert first == second
    assert products_of(own_shop) == products_of(copy)


def test_an_export_on_standard_output_is_the_file(own_shop, tmp_path):
    own_shop.product("EXPORTED")
    file = export(own_shop, tmp_path, "products.csv")
    assert run(own_shop, "export", "products").stdout == file.read_text()
    assert os.listdir(tmp_path) == ["products.csv"]
    pages = own_shop.call("GET", "/v1/exports/products?currency=GBP")
    assert pages.headers["content-type"].startswith("text/csv") and pages.body == file.read_bytes()


def test_a_failed_export_leaves_the_old_file(own_shop, tmp_path):
    file = tmp_path / "products.csv"
    file.write_text("old")
    ran = own_shop.run("export", "products", "--output", str(file), "--currency", "NOP", "--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET)
    assert ran.returncode == 1 and "unknown_currency" in ran.stderr
    assert file.read_text() == "old" and os.listdir(tmp_path) == ["products.csv"]


def lines_of(file):
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.embedded("exports a whole shop, see test_fleet_jobs.py")
def test_orders_are_exported_as_they_are_shown_and_a_rerun_goes_on(own_shop, tmp_path):
    own_shop.product("O", units=100)
    file = tmp_path / "orders.jsonl"
    ids = [own_shop.order("O").json["id"] for _ in range(5)]
    run(own_shop, "export", "orders", "--output", str(file))
    assert [order["id"] for order in lines_of(file)] == ids
    assert lines_of(file) == [own_shop.call("GET", "/v1/orders/" + id).json for id in ids]
    ids += [own_shop.order("O").json["id"] for _ in range(3)]
    whole = file.read_bytes()
    file.write_bytes(whole + b'{"id":"half a li')  # as a crash in the middle of a page leaves it
    run(own_shop, "export", "orders", "--output", str(file))
    assert [order["id"] for order in lines_of(file)] == ids and file.read_bytes().startswith(whole)
    run(own_shop, "export", "orders", "--output", str(file))
    assert [order["id"] for order in lines_of(file)] == ids
    ran = run(own_shop, "export", "orders")
    assert [json.loads(line)["id"] for line in ran.stdout.splitlines()] == ids
    cursor = ran.stderr.split()[-1]
    assert run(own_shop, "export", "orders", "--after", cursor).stdout == ""


def test_a_file_without_its_cursor_is_not_touched(own_shop, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text("mine\n")
    ran = own_shop.run("export", "events", "--output", str(file), "--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET)
    assert ran.returncode == 1 and "events.jsonl.cursor is missing" in ran.stderr and file.read_text() == "mine\n"
    assert own_shop.call("GET", "/v1/exports/orders?after=x").json["code"] == "wrong_cursor"
    assert own_shop.call("GET", "/v1/exports/products?after=x").json["code"] == "wrong_cursor"


@pytest.mark.embedded("exports a whole shop, see test_fleet_jobs.py")
def test_events_are_exported_once_though_exporter_and_shop_are_killed(own_shop, tmp_path):
    for nth in range(400):
        own_shop.product(f"E-{nth}", units=1)
    file = tmp_path / "events.jsonl"
    arguments = [STOA, "export", "events", "--output", str(file), "--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET]
    for nth in range(6):
        exporter = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
        while exporter.poll() is None and not (file.exists() and file.stat().st_size > nth * 40_000):
            pass
        if nth == 3:
            own_shop.kill()
            own_shop.start()
        exporter.kill()
        exporter.wait()
    run(own_shop, "export", "events", "--output", str(file))
    expected = [json.loads(line) for line in run(own_shop, "events").stdout.splitlines()]
    assert [event["id"] for event in lines_of(file)] == [event["id"] for event in expected]
    assert len({event["id"] for event in expected}) == len(expected) > 500
