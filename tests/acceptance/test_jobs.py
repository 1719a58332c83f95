"""Jobs: done once, whatever is killed when; their progress, their end, their files."""
import csv, io, json, os, random, sqlite3, time, uuid
import pytest
from conftest import ROOT, SECRET
from patience import PATIENCE
from test_commands import write_products

DATA = ROOT / "tests" / "data"
ENDED = ("succeeded", "failed", "cancelled")


def wait_for(shop, path, done, seconds=60):
    deadline = time.time() + seconds * PATIENCE
    while time.time() < deadline:
        seen = shop.call("GET", path).json
        if done(seen):
            return seen
        time.sleep(0.02)
    raise AssertionError(f"{path} stays {seen}")


def ended(shop, id, seconds=60):
    return wait_for(shop, f"/v1/jobs/{id}", lambda job: job["state"] in ENDED, seconds)


def upload(shop, text, query="", headers=None, **named):
    raw = text.encode() if isinstance(text, str) else text
    return shop.call("POST", "/v1/imports" + query, raw=raw, headers={"Content-Type": "text/csv", **(headers or {})}, **named)


def import_ended(shop, id, seconds=60):
    return wait_for(shop, f"/v1/imports/{id}", lambda view: view["state"] in ENDED, seconds)


def make(shop, kind, parameters=None, key=None, **members):
    return shop.call("POST", "/v1/jobs", {"kind": kind, "parameters": parameters or {}, **members}, idempotency=key or uuid.uuid4().hex)


def count_products(shop):
    return [shop.rows("catalog", f"SELECT {what}")[0][0] for what in (
        "(SELECT count(*) FROM catalog_product)", "(SELECT count(*) FROM catalog_log WHERE type LIKE 'ProductCreated%')",
        "(SELECT count(*) FROM catalog_log WHERE type LIKE 'ProductUpdated%')",
        "(SELECT coalesce(sum(on_hand), 0) FROM catalog_stock_level)")]


def more_products(shop, before):
    return [now - then for now, then in zip(count_products(shop), before)]


def test_an_import_over_http_is_accepted_followed_and_reported(own_shop):
    before = count_products(own_shop)
    answer = upload(own_shop, (DATA / "pantry.csv").read_bytes())
    assert answer.status == 202, answer.body
    id = answer.json["id"]
    assert answer.headers["location"] == f"/v1/imports/{id}"
    view = import_ended(own_shop, id)
    assert view["state"] == "succeeded" and view["bytes_read"] == view["bytes"] == os.path.getsize(DATA / "pantry.csv")
    assert view["counts"]["created"] == more_products(own_shop, before)[0] > 0
    assert view["currency"] == "GBP" and view["dry_run"] is False and view["error"] is None
    job = own_shop.call("GET", f"/v1/jobs/{id}").json
    assert (job["kind"], job["state"], job["attempts"]) == ("import", "succeeded", 1)
    assert job["result"]["created"] == view["counts"]["created"]
    assert [j["id"] for j in own_shop.call("GET", "/v1/jobs?filter[kind]=import&filter[state]=succeeded&limit=1").json["data"]] == [id]
    again = import_ended(own_shop, upload(own_shop, (DATA / "pantry.csv").read_bytes()).json["id"])
    assert (again["counts"]["created"], again["counts"]["unchanged"]) == (0, view["counts"]["created"])


def form(*parts, boundary="a-b"):
    body = b"".join(b"--" + boundary.encode() + b"\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + content + b"\r\n" for head, content in parts)
    return {"raw": body + b"--" + boundary.encode() + b"--\r\n", "headers": {"Content-Type": f"multipart/form-data; boundary={boundary}"}}


def test_a_form_brings_a_file_and_its_options(own_shop):
    before = count_products(own_shop)
    text = b"Handle,Title,Variant SKU,Variant Price\r\nf,Form,F-1,2.50\r\n"
    answer = own_shop.call("POST", "/v1/imports", **form(
        ('name="currency"', b"EUR"), ('name="dry_run"', b"true"), ('name="file"; filename="products.csv"\r\nContent-Type: text/csv', text)))
    assert answer.status == 202, answer.body
    view = import_ended(own_shop, answer.json["id"])
    assert (view["currency"], view["dry_run"], view["counts"]["created"], more_products(own_shop, before)[0]) == ("EUR", True, 1, 0)
    answer = own_shop.call("POST", "/v1/imports?currency=EUR", **form(('name="file"; filename="products.csv"', text)))
    assert import_ended(own_shop, answer.json["id"])["counts"]["created"] == 1
    assert own_shop.call("GET", "/v1/products/f").json["variants"][0]["prices"] == [{"amount": 250, "currency": "EUR"}]


def test_what_is_no_import_is_refused_at_once(shop):
    before = shop.job_files("imports")

    def code(*arguments, **named):
        answer = shop.call("POST", "/v1/imports", *arguments, **named)
        return answer.status, answer.json["code"]
    assert code(body={}) == (415, "unsupported_media_type")
    assert code(raw=b"Title\nx\n", headers={"Content-Type": "text/csv"}) == (422, "invalid_csv")
    assert code(**{**form(), "raw": b"--a-b\r\n"}) == (400, "malformed_multipart")
    assert code(**form(('name="currency"', b"GBP"))) == (422, "invalid_query")
    assert code(**form(('name="file"; filename="a"', b"Handle\n"), ('name="b"; filename="b"', b"Handle\n"))) == (422, "invalid_query")
    refused = upload(shop, "Handle\n", "?currency=NOP&dry_run=perhaps")
    assert [error["pointer"] for error in refused.json["errors"]] == ["query/dry_run", "query/currency"] and refused.status == 422
    assert upload(shop, "Handle\n", key=None).status == 401
    for path in ("/v1/imports/nonsense", "/v1/imports/job_00000000000000000000000000", "/v1/imports/nonsense/rejected"):
        assert shop.call("GET", path).json["code"] == "unknown_import"
    assert shop.job_files("imports") == before


def test_an_upload_sent_twice_with_one_key_is_one_import(own_shop):
    before = own_shop.job_files("imports")
    text = (DATA / "pantry.csv").read_bytes()
    first = upload(own_shop, text, headers={"Idempotency-Key": "k"})
    second = upload(own_shop, text, headers={"Idempotency-Key": "k"})
    assert first.json["id"] == second.json["id"] and second.headers["idempotent-replayed"] == "true"
    assert upload(own_shop, text + b"\n", headers={"Idempotency-Key": "k"}).json["code"] == "idempotency_key_reused"
    import_ended(own_shop, first.json["id"])
    assert own_shop.job_files("imports") - before == {first.json["id"] + ".csv"}


def test_rejected_rows_are_a_file_to_mend_and_import(own_shop):
    text = ('Handle,Title,Body (HTML),Variant SKU,Variant Price,Option1 Name,Option1 Value\n'
            'good,Good,,G,1.00,,\n'
            'price,"Wrong, price",,P,abc,,\n'
            'short,Too short\n'
            'Bad Handle!,x,,B,1.00,,\n'
            'untitled,,,U-1,1.00,Size,S\n'
            'untitled,,,U-2,1.00,,M\n'
            'open,"never closed,,O,1.00,,\n')
    view = import_ended(own_shop, upload(own_shop, text).json["id"])
    assert view["counts"]["created"] == 1 and view["state"] == "succeeded"
    assert [row["line"] for row in view["rejected"]] and view["counts"]["rejected"] == len(view["rejected"])
    answer = own_shop.call("GET", f"/v1/imports/{view['id']}/rejected")
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    assert [(row["Rejected Line"], row["Handle"]) for row in rows] == [
        ("3", "price"), ("4", "short,Too short"), ("5", "Bad Handle!"), ("6", "untitled"), ("7", "untitled"), ("8", 'open,"never closed,,O,1.00,,')]
    assert "Variant Price is no amount" in rows[0]["Rejected Reason"] and rows[0]["Title"] == "Wrong, price"
    assert rows[3]["Rejected Reason"] == rows[4]["Rejected Reason"] and "title" in rows[3]["Rejected Reason"]
    mended = answer.body.decode().replace("abc", "3.00").replace("untitled,,", "untitled,Titled,")
    again = import_ended(own_shop, upload(own_shop, mended).json["id"])
    assert again["counts"]["created"] == 2
    assert [v["sku"] for v in own_shop.call("GET", "/v1/products/untitled").json["variants"]] == ["U-1", "U-2"]


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.embedded("one seed is enough for a fleet")) for seed in (1, 2))])
def test_an_import_that_is_killed_goes_on_and_doubles_nothing(own_shop, tmp_path, seed):
    chance = random.Random(seed)
    for count in (3_000, 9_000, 27_000):  # one may have ended before it was seen under way so often
        before = count_products(own_shop)
        file = write_products(tmp_path / "many.csv", count, f"killed-{seed}-{count}")
        id = upload(own_shop, open(file, "rb").read() + b"Bad Handle!,x,,,,\n").json["id"]
        kills = 0
        while (at := own_shop.call("GET", f"/v1/imports/{id}").json)["state"] not in ENDED:
            if kills < 4 and at["bytes_read"] > at["bytes"] * kills / 5:
                time.sleep(chance.random() * 0.05)
                own_shop.kill()
                own_shop.start()
                kills += 1
        assert at["state"] == "succeeded"
        assert {name: at["counts"][name] for name in ("products", "created", "updated", "unchanged", "rejected")} == {
            "products": count, "created": count, "updated": 0, "unchanged": 0, "rejected": 1}
        assert more_products(own_shop, before) == [count, count, 0, 5 * count]
        if kills == 4:
            break
    assert kills == 4 and own_shop.call("GET", f"/v1/jobs/{id}").json["attempts"] > 1
    assert own_shop.audit()["clean"]


def test_a_cancelled_import_does_nothing_more(own_shop, tmp_path):
    before = count_products(own_shop)[0]
    id = upload(own_shop, open(write_products(tmp_path / "many.csv", 6_000, "cancelled"), "rb").read()).json["id"]
    wait_for(own_shop, f"/v1/imports/{id}", lambda view: view["counts"]["created"] > 0)
    cancelled = own_shop.call("POST", f"/v1/jobs/{id}/cancel")
    assert (cancelled.status, cancelled.json["state"]) == (200, "cancelled")
    after = own_shop.call("GET", f"/v1/imports/{id}").json["counts"]["created"]
    own_shop.product("LATER")  # the writer has done what was queued before
    assert 0 < after < 6_000 and count_products(own_shop)[0] == before + after + 1
    assert own_shop.call("POST", f"/v1/jobs/{id}/cancel").json["state"] == "cancelled"
    own_shop.kill()
    own_shop.start()
    own_shop.product("LAST")
    assert count_products(own_shop)[0] == before + after + 2
    done = import_ended(own_shop, upload(own_shop, "Handle,Title\nx,X\n").json["id"])
    assert own_shop.call("POST", f"/v1/jobs/{done['id']}/cancel").json["code"] == "job_ended"


def test_a_job_is_made_once_a_key_and_its_faults_are_named(shop):
    first = make(shop, "clean-up", key="once")
    assert first.status == 202 and first.headers["location"] == "/v1/jobs/" + first.json["id"]
    again = make(shop, "clean-up", key="once")
    assert again.json["id"] == first.json["id"] and again.headers["idempotent-replayed"] == "true"
    assert ended(shop, first.json["id"])["state"] == "succeeded"
    assert shop.call("POST", "/v1/jobs", {"kind": "clean-up", "parameters": {}}).status == 428
    assert make(shop, "import").json["code"] == make(shop, "dance").json["code"] == "unknown_kind"
    assert make(shop, "clean-up", {"x": "y"}).json["errors"][0]["pointer"] == "/parameters/x"
    wrong = make(shop, "export", {"of": "orders", "currency": "GBP"}).json
    assert wrong["errors"][0]["pointer"] == "/parameters/currency"
    assert make(shop, "export", {"of": "dreams"}).json["errors"][0]["pointer"] == "/parameters/of"
    assert shop.call("GET", "/v1/jobs/job_x").status == 404
    assert shop.call("GET", "/v1/jobs?filter[state]=odd&cursor=x").status == 422
    assert shop.call("GET", "/v1/jobs", key=None).status == 401


def test_a_deadline_sweep_can_be_asked_for(shop):
    job = ended(shop, make(shop, "deadline-sweep").json["id"])
    assert job["state"] == "succeeded" and job["result"] == {"orders": 0}


def test_jobs_are_listed_page_by_page(own_shop):
    ids = [make(own_shop, "clean-up").json["id"] for _ in range(5)]
    seen, cursor = [], ""
    while cursor is not None:
        page = own_shop.call("GET", f"/v1/jobs?limit=2{cursor and '&cursor=' + cursor}").json
        seen += [job["id"] for job in page["data"]]
        cursor = page["next_cursor"]
    assert [one for one in seen if one in ids] == ids[::-1] and len(set(seen)) == len(seen)


@pytest.mark.embedded("fills the queue of jobs")
def test_a_job_waits_for_its_time_and_too_many_are_refused(own_shop):
    later = make(own_shop, "clean-up", run_at="2999-01-01T00:00:00Z").json
    assert later["state"] == "queued"
    for _ in range(99):
        assert make(own_shop, "clean-up", run_at="2999-01-01T00:00:00Z").status == 202
    refused = make(own_shop, "clean-up")
    assert (refused.status, refused.json["code"]) == (429, "too_many_jobs")
    refused = upload(own_shop, "Handle\n")
    assert (refused.status, refused.json["code"]) == (429, "too_many_jobs") and os.listdir(own_shop.data + "/imports") == []
    assert own_shop.call("POST", f"/v1/jobs/{later['id']}/cancel").json["state"] == "cancelled"
    now = make(own_shop, "clean-up").json
    assert ended(own_shop, now["id"])["state"] == "succeeded"
    assert "stoa_jobs_open 99" in own_shop.call("GET", "/metrics", key=None).body.decode()


def download(shop, id, step):
    text, size = b"", None
    while size is None or len(text) < size:
        part = shop.call("GET", f"/v1/jobs/{id}/file", headers={"Range": f"bytes={len(text)}-{len(text) + step - 1}"})
        assert part.status == 206, part.body
        text += part.body
        size = int(part.headers["content-range"].split("/")[1])
    return text


@pytest.mark.embedded("looks into the folder of the shop")
def test_an_export_that_is_killed_goes_on_where_its_file_ended(own_shop, tmp_path):
    upload_id = upload(own_shop, open(write_products(tmp_path / "many.csv", 4_000), "rb").read()).json["id"]
    import_ended(own_shop, upload_id)
    for _ in range(20):  # one may have ended before it is killed
        id = make(own_shop, "export", {"of": "products"}).json["id"]
        wait_for(own_shop, f"/v1/jobs/{id}", lambda job: job["progress"]["done"] > 0)
        own_shop.kill()
        with open(f"{own_shop.data}/exports/{id}.csv", "ab") as left:
            left.write(b"half a page that no checkpoint knows")
        own_shop.start()
        job = ended(own_shop, id)
        if job["attempts"] == 2:
            break
    assert job["state"] == "succeeded" and job["attempts"] == 2
    waiting = make(own_shop, "export", {"of": "orders"}, run_at="2999-01-01T00:00:00Z").json["id"]
    assert own_shop.call("GET", f"/v1/jobs/{waiting}/file").json["code"] == "no_file"
    expected = own_shop.run("export", "products", "--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET).stdout.encode()
    assert job["result"]["bytes"] == job["progress"]["total"] == len(expected)
    assert download(own_shop, id, 100_000) == expected
    assert own_shop.call("GET", f"/v1/jobs/{id}/file").body == expected
    beyond = own_shop.call("GET", f"/v1/jobs/{id}/file", headers={"Range": f"bytes={len(expected)}-"})
    assert beyond.status == 416 and beyond.headers["content-range"] == f"bytes */{len(expected)}"


@pytest.mark.embedded("looks into the folder of the shop")
def test_clean_up_forgets_old_jobs_with_all_that_is_kept_of_them(own_shop):
    old = import_ended(own_shop, upload(own_shop, "Handle,Title\nbad handle,x\n").json["id"])["id"]
    exported = ended(own_shop, make(own_shop, "export", {"of": "events"}).json["id"])["id"]
    young = import_ended(own_shop, upload(own_shop, "Handle,Title\ny,Y\n").json["id"])["id"]
    assert own_shop.stop() == 0
    with sqlite3.connect(own_shop.data + "/shop.db") as database:
        assert database.execute("UPDATE jobs_job SET finished_at = finished_at - 8 * 86400 * 1000000 WHERE id IN (?, ?)", (old, exported)).rowcount == 2
    stray = own_shop.data + "/imports/job_00000000000000000000000000.csv"
    fresh = own_shop.data + "/imports/job_00000000000000000000000001.csv"
    for file in (stray, fresh, own_shop.data + "/imports/mine.csv"):
        open(file, "w").write("x")
        if file != fresh:
            os.utime(file, (0, 0))
    own_shop.start()
    job = ended(own_shop, make(own_shop, "clean-up").json["id"])
    assert job["result"] == {"jobs": 2, "files": 3}
    assert own_shop.call("GET", f"/v1/jobs/{old}").status == own_shop.call("GET", f"/v1/imports/{old}/rejected").status == 404
    assert sorted(os.listdir(own_shop.data + "/imports")) == sorted(["job_00000000000000000000000001.csv", "mine.csv", young + ".csv"])
    assert os.listdir(own_shop.data + "/exports") == []
    with sqlite3.connect(f"file:{own_shop.data}/shop.db?mode=ro", uri=True) as database:
        assert database.execute("SELECT count(*) FROM catalog_import_row").fetchone() == (0,)


def test_a_schedule_makes_one_job_at_a_time_and_survives_a_restart(shop_with):
    shop = shop_with(Jobs__ExportProductsSchedule="every 1s", Jobs__DeadlineSweepSchedule="every 1h")
    listed = lambda kind: shop.call("GET", f"/v1/jobs?filter[kind]={kind}").json["data"]
    first = wait_for(shop, "/v1/jobs?filter[kind]=export", lambda page: page["data"])["data"]
    assert all(job["scheduled"] and job["parameters"] == {"of": "products", "currency": "GBP"} for job in first)
    assert listed("deadline-sweep") == []  # a schedule that is new begins with its next instant
    assert shop.stop() == 0
    with sqlite3.connect(shop.data + "/shop.db") as database:
        assert database.execute("UPDATE jobs_schedule SET ran_for = ran_for - 10 * 3600 * 1000000 WHERE name = 'deadline-sweep'").rowcount == 1
    shop.start()
    assert ended(shop, wait_for(shop, "/v1/jobs?filter[kind]=deadline-sweep", lambda page: page["data"])["data"][0]["id"])["state"] == "succeeded"
    shop.stop()
    shop.start()
    shop.product("X")
    assert len(listed("deadline-sweep")) == 1  # ten hours missed are made up for once


@pytest.mark.embedded("looks into the folder of the shop")
def test_files_that_are_gone_end_an_import_and_are_written_anew_by_an_export(own_shop):
    own_shop.product("GONE")
    imported = import_ended(own_shop, upload(own_shop, "Handle,Title\na,A\n").json["id"])["id"]
    exported = ended(own_shop, make(own_shop, "export", {"of": "events"}).json["id"])
    expected = own_shop.call("GET", f"/v1/jobs/{exported['id']}/file").body
    assert expected.count(b"\n") > 1 and own_shop.stop() == 0
    with sqlite3.connect(own_shop.data + "/shop.db") as database:
        assert database.execute("UPDATE jobs_job SET state = 'running', finished_at = NULL, result = 'null'").rowcount == 2
    os.remove(f"{own_shop.data}/imports/{imported}.csv")
    os.remove(f"{own_shop.data}/exports/{exported['id']}.jsonl")
    own_shop.start()
    assert ended(own_shop, imported)["error"]["code"] == "upload_missing"
    assert ended(own_shop, exported["id"])["state"] == "succeeded"
    assert own_shop.call("GET", f"/v1/jobs/{exported['id']}/file").body == expected
    os.remove(f"{own_shop.data}/exports/{exported['id']}.jsonl")
    assert own_shop.call("GET", f"/v1/jobs/{exported['id']}/file").json["code"] == "no_file"


@pytest.mark.embedded("looks into the file of the shop")
def test_a_job_that_cannot_come_further_fails(own_shop):
    id = upload(own_shop, "Handle,Title\na,A\n").json["id"]
    import_ended(own_shop, id)
    assert own_shop.stop() == 0
    with sqlite3.connect(own_shop.data + "/shop.db") as database:
        database.execute("UPDATE jobs_job SET state = 'running', finished_at = NULL, checkpoint = '', stalled = 5 WHERE id = ?", (id,))
    os.remove(f"{own_shop.data}/imports/{id}.csv")
    own_shop.start()
    job = ended(own_shop, id)
    assert (job["state"], job["error"]["code"]) == ("failed", "gave_up")
