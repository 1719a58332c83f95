"""Search of products: what is found, how it is kept, and how well it ranks."""
import csv, glob, json, math, os, pathlib, shutil, threading, time, urllib.parse
import pytest
from conftest import PUBLISHABLE, ROOT, SECRET, Shop
from patience import PATIENCE

SHOPIFY = pathlib.Path(os.environ.get("STOA_SHOPIFY_FILES", ROOT.parent / "shared" / "data"))
FILES = sorted(glob.glob(str(SHOPIFY / "shopify-*.csv")))
needs_files = pytest.mark.skipif(len(FILES) != 4, reason="the four Shopify files are not there (STOA_SHOPIFY_FILES)")


def search(shop, text=None, key=SECRET, path="/v1/products", **parameters):
    if text is not None:
        parameters["q"] = text
    answer = shop.call("GET", path + "?" + urllib.parse.urlencode(parameters), key=key)
    assert answer.status == 200, answer.body
    return answer.json


def until(ask, wanted=True, seconds=20):
    """Asks until the answer is as wanted, and gives the last one."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        got = ask()
        if got == wanted or time.monotonic() > end:
            return got
        time.sleep(0.02)


def titles(page):
    return [product["title"] for product in page["data"]]


def status(shop):
    return shop.call("GET", "/v1/search/index").json


def caught_up(shop):
    assert until(lambda: status(shop)["ready"] and status(shop)["lag"] == 0), status(shop)


def product(shop, title, handle=None, amount=900, currency="GBP", **members):
    handle = handle or title.lower().replace(" ", "-")
    body = {"handle": handle, "title": title, "status": "active",
            "variants": [{"sku": handle.upper(), "prices": [{"amount": amount, "currency": currency}]}], **members}
    answer = shop.call("POST", "/v1/products", body)
    assert answer.status == 201, answer.body
    return answer


def facet(page, field):
    return {count["value"]: count["products"] for one in page["facets"] if one["field"] == field for count in one["counts"]}


def walk(shop, **parameters):
    seen, cursor = [], None
    while True:
        page = search(shop, **parameters, **({"cursor": cursor} if cursor else {}))
        seen += [product["id"] for product in page["data"]]
        cursor = page["next_cursor"]
        if not cursor:
            return seen


# --- what changes is found ------------------------------------------------------------------------


def test_a_changed_product_is_found_changed(own_shop):
    made = product(own_shop, "Copper kettle")
    assert until(lambda: titles(search(own_shop, "kettle")), ["Copper kettle"]) == ["Copper kettle"]
    own_shop.call("PATCH", "/v1/products/" + made.json["id"], {"title": "Copper teapot"})
    assert until(lambda: titles(search(own_shop, "teapot")), ["Copper teapot"]) == ["Copper teapot"]
    assert until(lambda: titles(search(own_shop, "kettle")), []) == []


def test_who_writes_can_search_the_write(own_shop):
    for i in range(30):
        made = product(own_shop, f"Widget number{i}x")
        answer = own_shop.call("GET", f"/v1/products?q=number{i}x", headers={"Stoa-Position": made.headers["stoa-position"]})
        assert [p["title"] for p in answer.json["data"]] == [f"Widget number{i}x"]


def test_a_position_that_search_does_not_reach_is_told(own_shop):
    answer = own_shop.call("GET", "/v1/products?q=x", headers={"Stoa-Position": "catalog=999999999"})
    assert (answer.status, answer.json["code"]) == (503, "position_not_reached")


@pytest.mark.embedded("counts on a shop of its own")
def test_a_publishable_key_finds_active_products_alone(own_shop):
    product(own_shop, "Secret samovar", status="draft")
    product(own_shop, "Public pan")
    caught_up(own_shop)
    assert titles(search(own_shop, "samovar")) == ["Secret samovar"]
    assert titles(search(own_shop, "samovar", key=PUBLISHABLE)) == []
    page = search(own_shop, "samovr", key=PUBLISHABLE)
    assert page["suggestions"] == [] and page["data"] == []
    assert search(own_shop, "samo", path="/v1/search/suggest", key=PUBLISHABLE) == {"queries": [], "products": []}
    assert search(own_shop, key=PUBLISHABLE, facets="true")["total"] == 1
    assert search(own_shop, key=PUBLISHABLE, facets="true", **{"filter[status]": "draft"})["total"] == 0


@pytest.mark.embedded("looks into the folder of the shop")
def test_stock_and_sales_are_found(own_shop):
    product(own_shop, "Tin mug")
    product(own_shop, "Tin cup")
    product(own_shop, "Tin box")
    assert own_shop.adjust("TIN-MUG", 5).status == 201
    assert own_shop.adjust("TIN-CUP", 50).status == 201
    in_stock = lambda: sorted(titles(search(own_shop, "tin", **{"filter[in_stock]": "true"})))
    assert until(in_stock, ["Tin cup", "Tin mug"]) == ["Tin cup", "Tin mug"]
    for quantity in (3, 2):
        assert own_shop.order("TIN-MUG", quantity).json["status"] == "confirmed"
    assert own_shop.order("TIN-CUP", 4).json["status"] == "confirmed"
    assert own_shop.order("TIN-CUP", 40, token="tok_declined").json["status"] == "rejected"
    assert until(in_stock, ["Tin cup"]) == ["Tin cup"]
    assert sorted(titles(search(own_shop, "tin", **{"filter[in_stock]": "false"}))) == ["Tin box", "Tin mug"]
    selling = lambda: titles(search(own_shop, "tin", sort="best_selling"))
    assert until(selling, ["Tin mug", "Tin cup", "Tin box"], 30) == ["Tin mug", "Tin cup", "Tin box"]
    # The sums come again from the log.
    own_shop.stop()
    shutil.rmtree(own_shop.data + "/search")
    own_shop.start()
    caught_up(own_shop)
    assert selling() == ["Tin mug", "Tin cup", "Tin box"]
    assert in_stock() == ["Tin cup"]


def test_a_category_finds_what_is_below_it_also_after_it_moves(own_shop):
    def category(name, parent=None):
        return own_shop.call("POST", "/v1/categories", {"name": name, "parent_id": parent}).json["id"]

    kitchen, garden = category("Kitchen"), category("Garden")
    pots = category("Pots", kitchen)
    product(own_shop, "Iron pot", category_ids=[pots])
    caught_up(own_shop)
    below = lambda of: titles(search(own_shop, facets="true", **{"filter[category]": of}))
    listed = lambda of: titles(search(own_shop, **{"filter[category]": of}))
    assert below(kitchen) == below(pots) == ["Iron pot"] and below(garden) == []
    assert listed(kitchen) == listed(pots) == ["Iron pot"] and listed(garden) == []
    assert titles(search(own_shop, "kitchen")) == ["Iron pot"]
    own_shop.call("PATCH", "/v1/categories/" + pots, {"parent_id": garden})
    assert listed(garden) == ["Iron pot"] and listed(kitchen) == []
    assert until(lambda: below(garden), ["Iron pot"]) == ["Iron pot"]
    assert below(kitchen) == []


# --- the index is kept ----------------------------------------------------------------------------


@pytest.mark.embedded("looks into the folder of the shop")
def test_an_index_that_was_deleted_is_built_again(own_shop):
    product(own_shop, "Brass bell")
    assert own_shop.stop() == 0
    shutil.rmtree(own_shop.data + "/search")
    own_shop.start()
    caught_up(own_shop)
    assert titles(search(own_shop, "bell")) == ["Brass bell"]


@pytest.mark.embedded("looks into the folder of the shop")
def test_a_damaged_index_is_built_again(own_shop):
    product(own_shop, "Brass bell")
    caught_up(own_shop)
    assert own_shop.stop() == 0
    for file in glob.glob(own_shop.data + "/search/*/*.glass"):
        open(file, "wb").write(b"no database")
    own_shop.start()
    caught_up(own_shop)
    assert titles(search(own_shop, "bell")) == ["Brass bell"]


@pytest.mark.embedded("looks into the folder of the shop")
def test_an_index_newer_than_the_log_is_built_again(own_shop):
    product(own_shop, "Brass bell")
    assert own_shop.stop() == 0
    backup = own_shop.data + "/backup.db"
    shutil.copy(own_shop.data + "/shop.db", backup)
    own_shop.start()
    product(own_shop, "Silver bell")
    caught_up(own_shop)
    assert own_shop.stop() == 0
    shutil.move(backup, own_shop.data + "/shop.db")
    own_shop.start()
    caught_up(own_shop)
    assert titles(search(own_shop, "bell")) == ["Brass bell"]
    assert "newer than it" in open(own_shop.data + "/log").read()


@pytest.mark.embedded("looks into the folder of the shop")
def test_an_index_of_another_history_as_long_is_built_again(own_shop):
    product(own_shop, "Brass bell")
    assert own_shop.stop() == 0
    backup = own_shop.data + "/backup.db"
    shutil.copy(own_shop.data + "/shop.db", backup)
    own_shop.start()
    product(own_shop, "Silver bell")
    caught_up(own_shop)
    assert own_shop.stop() == 0
    index = own_shop.data + "/search"
    shutil.move(index, own_shop.data + "/kept")
    shutil.move(backup, own_shop.data + "/shop.db")
    own_shop.start()
    product(own_shop, "Golden bell")
    caught_up(own_shop)
    assert own_shop.stop() == 0
    shutil.rmtree(index)
    shutil.move(own_shop.data + "/kept", index)
    own_shop.start()
    caught_up(own_shop)
    assert sorted(titles(search(own_shop, "bell"))) == ["Brass bell", "Golden bell"]


@pytest.mark.embedded("counts on a shop of its own")
def test_after_kill_9_the_index_says_what_the_shop_says(own_shop):
    for round in range(3):
        made, stop = [], threading.Event()

        def write():
            while not stop.is_set():
                try:
                    made.append(product(own_shop, f"Bolt {round} {len(made)}").json["handle"])
                except OSError:  # killed meanwhile
                    return

        writer = threading.Thread(target=write)
        writer.start()
        time.sleep(0.5)
        own_shop.kill()
        stop.set()
        writer.join()
        own_shop.start()
        caught_up(own_shop)
        listed = {p for p in walk_list(own_shop)}
        assert set(walk(own_shop, q="bolt", limit=100)) == listed
        assert len(listed) >= len(made) > 0


def walk_list(shop):
    cursor = None
    while True:
        page = shop.call("GET", "/v1/products?limit=100" + ("&cursor=" + cursor if cursor else "")).json
        yield from (product["id"] for product in page["data"])
        cursor = page["next_cursor"]
        if not cursor:
            return


@pytest.mark.embedded("looks into the folder of the shop")
def test_a_rebuild_beside_the_live_index_loses_nothing(own_shop):
    for i in range(50):
        product(own_shop, f"Bolt {i}")
    caught_up(own_shop)
    before = sorted(os.listdir(own_shop.data + "/search"))
    assert own_shop.call("POST", "/v1/search/index/rebuild").status == 202
    product(own_shop, "Bolt 50")

    def rebuilt():
        assert search(own_shop, "bolt")["total"] >= 50  # the live one answers all the while
        now = status(own_shop)
        return not now["rebuilding"] and now["lag"] == 0 and sorted(os.listdir(own_shop.data + "/search")) != before

    assert until(rebuilt)
    assert search(own_shop, "bolt")["total"] == 51
    assert len(glob.glob(own_shop.data + "/search/products-*")) == 1


# --- words, filters, sorts, pages -----------------------------------------------------------------


@pytest.mark.embedded("counts on a shop of its own")
def test_words_are_found_folded_stemmed_begun_and_corrected(own_shop):
    product(own_shop, "Crème brûlée ramekins", handle="ramekins")
    product(own_shop, "Chopping board", handle="board", description_html="<p>Of walnut<br>wood &amp; brass</p>")
    caught_up(own_shop)
    for text in ("creme", "BRULEE", "ramekin", "rame", "brûlée creme"):
        assert titles(search(own_shop, text)) == ["Crème brûlée ramekins"], text
    for text in ("walnut", "boards chop", "BOARD"):
        assert "Chopping board" in titles(search(own_shop, text)), text
    assert search(own_shop, "ramkins") | {"data": None} == {
        "data": None, "next_cursor": None, "matched": "corrected", "suggestions": ["ramekins"], "total": 1, "exact": True}
    assert titles(search(own_shop, "board zzzz")) == ["Chopping board"] and search(own_shop, "board zzzz")["matched"] == "any"
    assert search(own_shop, "ramek", path="/v1/search/suggest")["queries"] == ["ramekins"]
    assert [p["handle"] for p in search(own_shop, "chop", path="/v1/search/suggest")["products"]] == ["board"]


@pytest.mark.embedded("counts on a shop of its own")
def test_prices_need_a_currency_when_there_are_several(own_shop):
    product(own_shop, "Cheap pen", amount=100)
    product(own_shop, "Dear pen", amount=5000)
    caught_up(own_shop)
    assert titles(search(own_shop, "pen", sort="price")) == ["Cheap pen", "Dear pen"]
    assert titles(search(own_shop, "pen", sort="-price")) == ["Dear pen", "Cheap pen"]
    assert titles(search(own_shop, **{"filter[price_min]": 101})) == ["Dear pen"]
    assert titles(search(own_shop, **{"filter[price_max]": 100})) == ["Cheap pen"]
    product(own_shop, "Foreign pen", amount=300, currency="EUR")
    caught_up(own_shop)
    answer = own_shop.call("GET", "/v1/products?q=pen&sort=price")
    assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "query/currency"
    assert titles(search(own_shop, "pen", sort="price", currency="EUR")) == ["Foreign pen"]
    assert search(own_shop, "pen", sort="price", currency="JPY")["total"] == 0


@pytest.mark.parametrize("query, parameter", [
    ("q=", "q"), ("q=" + "x" * 201, "q"), ("q=a%00b", "q"), ("q=a&q=b", "q"), ("q=a&sort=colour", "sort"),
    ("facets=true&sort=relevance", "sort"), ("q=a&filter[price_min]=x", "filter[price_min]"),
    ("q=a&filter[price_min]=-1", "filter[price_min]"), ("filter[price_min]=2&filter[price_max]=1", "filter[price_max]"),
    ("q=a&currency=EURO", "currency"), ("q=a&filter[in_stock]=maybe", "filter[in_stock]"),
    ("q=a&filter[category]=x", "filter[category]"), ("q=a&filter[status]=sold", "filter[status]"),
    ("q=a&facets=vendor", "facets"), ("q=a&limit=0", "limit"), ("q=a&cursor=abc", "cursor"), ("q=a&colour=red", "colour"),
    ("q=a&filter[option.]=x", "filter[option.]")])
def test_bad_parameters_are_named(shop, query, parameter):
    answer = shop.call("GET", "/v1/products?" + query)
    assert answer.status == 422, answer.body
    assert "query/" + parameter in [error["pointer"] for error in answer.json["errors"]]


def test_bad_suggestions_are_named(shop):
    for query in ("", "q=", "q=" + "x" * 201, "q=a&limit=9"):
        answer = shop.call("GET", "/v1/search/suggest?" + query)
        assert (answer.status, answer.json["code"]) == (422, "invalid_query")
    assert shop.call("GET", "/v1/search/suggest?q=a", key=None).status == 401
    assert shop.call("POST", "/v1/search/index/rebuild", key=PUBLISHABLE).status == 403


def test_any_text_is_a_search(shop):
    for text in ("-", "\"", "\"\"", "(", "AND OR NOT", "a* b?", "*", "-a -b", "title:x", "a" * 200, "ñ" * 200, "日本語",
                 "😀", "a-b-c-d", "- - -", "x" * 100 + " " + "y" * 99, " ".join("abcdefghijklmnopqrstuvwxyz"), "'; DROP",
                 "a 日a)XOR a", ":) XOR 日NOT-"):
        assert search(shop, text)["matched"] in ("all", "corrected", "any")
        search(shop, text, path="/v1/search/suggest")


def test_the_api_describes_search(shop):
    document = json.loads(shop.call("GET", "/openapi.json").body)
    names = {p["name"] for p in document["paths"]["/v1/products"]["get"]["parameters"]}
    assert {"q", "facets", "filter[in_stock]", "filter[price_min]", "currency"} <= names
    assert "/v1/search/suggest" in document["paths"]
    metrics = shop.metrics()
    assert "stoa_search_lag_events 0" in metrics and 'stoa_search_seconds_count{kind="products"}' in metrics


# --- the real files -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stocked():
    shop = Shop().start()
    for file in FILES:
        ran = shop.run("import", "products", file, "--json", "--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET)
        assert ran.returncode == 0, ran.stderr
    caught_up(shop)
    yield shop
    shop.remove()


def file_products():
    """What the files say, reckoned with the standard library alone."""
    products = {}
    for name in FILES:
        with open(name, newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                cell = {key: (value or "").strip() for key, value in row.items() if key}
                one = products.setdefault(cell["Handle"], {"tags": set(), "options": {}, "units": 0, "prices": [], "names": {}})
                if cell["Title"]:
                    one |= {"title": cell["Title"], "vendor": cell["Vendor"], "type": cell.get("Type", ""),
                            "tags": {tag.strip() for tag in cell["Tags"].split(",")} - {""},
                            "active": cell["Published"].lower() == "true"}
                for nth in "123":
                    if cell.get(f"Option{nth} Name"):
                        one["names"][nth] = cell[f"Option{nth} Name"]
                    if cell.get(f"Option{nth} Value") and nth in one["names"]:
                        one["options"].setdefault(one["names"][nth], set()).add(cell[f"Option{nth} Value"])
                one["units"] += max(0, int(cell["Variant Inventory Qty"] or 0))
                if cell["Variant Price"]:
                    one["prices"].append(round(float(cell["Variant Price"]) * 100))
    return products


def counted(values):
    counts = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts


@needs_files
def test_facets_are_what_the_files_say(stocked):
    products = file_products().values()
    page = search(stocked, facets="true", limit=1)
    assert (page["total"], page["exact"]) == (len(products), True)
    assert facet(page, "vendor") == counted(p["vendor"] for p in products)
    assert facet(page, "type") == counted(p["type"] for p in products if p["type"])
    tags = counted(tag for p in products for tag in p["tags"])
    shown = facet(page, "tag")
    assert len(shown) == 100 and all(tags[tag] == count for tag, count in shown.items())
    assert min(shown.values()) >= sorted(tags.values())[-100]
    sizes = counted(value for p in products for value in p["options"].get("Size", ()))
    assert {value: sizes[value] for value in facet(page, "option.Size")} == facet(page, "option.Size")
    stock = facet(page, "in_stock")
    assert stock["true"] == sum(p["units"] > 0 for p in products)
    assert facet(search(stocked, facets="true", key=PUBLISHABLE), "vendor") == counted(p["vendor"] for p in products if p["active"])


@needs_files
def test_filters_find_what_the_files_say(stocked):
    products = file_products()
    total = lambda **parameters: search(stocked, facets="true", limit=1, **parameters)["total"]
    assert total(**{"filter[vendor]": "Kenda"}) == sum(p["vendor"] == "Kenda" for p in products.values())
    assert total(**{"filter[tag]": "Tools"}) == sum("Tools" in p["tags"] for p in products.values())
    assert total(**{"filter[option.Size]": "S"}) == sum("S" in p["options"].get("Size", ()) for p in products.values())
    assert total(**{"filter[option.Size]": "S", "filter[option.Color]": "Black"}) == sum(
        "S" in p["options"].get("Size", ()) and "Black" in p["options"].get("Color", ()) for p in products.values())
    assert total(**{"filter[price_min]": 2000, "filter[price_max]": 3000}) == sum(
        min(p["prices"]) <= 3000 and max(p["prices"]) >= 2000 for p in products.values())
    assert total(**{"filter[in_stock]": "true", "filter[type]": "Tools"}) == sum(
        p["units"] > 0 and p["type"] == "Tools" for p in products.values())
    assert total(**{"filter[vendor]": "Nobody"}) == 0


@needs_files
def test_sorts_and_pages_visit_each_product_once(stocked):
    products = file_products()
    for sort in ("newest", "title", "-title", "price", "-price", "best_selling", "created_at", "-updated_at"):
        seen = walk(stocked, facets="true", sort=sort, limit=37)
        assert len(seen) == len(set(seen)) == len(products), sort
    seen = walk(stocked, q="black", limit=7)
    assert len(seen) == len(set(seen)) == search(stocked, "black")["total"] > 50
    page = search(stocked, facets="true", sort="price", limit=100)
    lowest = [min(price["amount"] for variant in p["variants"] for price in variant["prices"]) for p in page["data"]]
    assert lowest == sorted(lowest) == sorted(min(p["prices"]) for p in products.values())[:100]


def gain(grades):
    return sum((2 ** grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(grades[:10]))


@needs_files
def test_the_judged_queries_rank_well(stocked):
    judged = json.loads((ROOT / "tests" / "data" / "judged_searches.json").read_text())
    scores, precise = {}, {}
    for one in judged:
        found = [p["handle"] for p in search(stocked, one["query"], limit=10)["data"]]
        grades = [one["relevant"].get(handle, 0) for handle in found]
        scores[one["query"]] = gain(grades) / gain(sorted(one["relevant"].values(), reverse=True))
        first = min(3, len(one["relevant"]))
        precise[one["query"]] = sum(grade > 0 for grade in grades[:first]) / first
    report = sorted((round(score, 2), query) for query, score in scores.items())
    assert sum(scores.values()) / len(scores) >= 0.88, report[:12]
    assert sum(precise.values()) / len(precise) >= 0.9, [q for q, p in precise.items() if p < 1]
    assert report[0][0] >= 0.3, report[:5]
