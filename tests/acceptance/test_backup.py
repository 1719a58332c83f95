"""stoa backup and stoa restore: one consistent cut of a shop, and a shop made of it."""
import concurrent.futures, glob, json, os, pathlib, signal, sqlite3, subprocess, threading, time, uuid
import pytest
from conftest import PUBLISHABLE, SECRET, STOA, Shop

pytestmark = pytest.mark.embedded("a backup of the folder of one process")


@pytest.fixture
def place(tmp_path):
    """A folder for backups and a function that restores one and starts it."""
    shops = []

    class Place:
        backups = str(tmp_path / "backups")

        def restored(self, *arguments, start=True, backups=None):
            shop = Shop()
            os.rmdir(shop.data)
            ran = shop.run("restore", backups or self.backups, "--data", shop.data, "--json", *arguments)
            assert ran.returncode == 0, ran.stderr
            shop.report = json.loads(ran.stdout)
            shops.append(shop)
            return shop.start() if start else shop

    yield Place()
    for shop in shops:
        shop.remove()


def back_up(shop, folder, *arguments, code=0):
    ran = shop.run("backup", folder, "--data", shop.data, "--json", *arguments)
    assert ran.returncode == code, ran.stderr + ran.stdout
    return json.loads(ran.stdout) if code == 0 else ran.stderr


def audit(shop):
    ran = shop.run("audit", "--data", shop.data, "--json")
    return json.loads(ran.stdout) if ran.returncode == 0 else pytest.fail(ran.stdout + ran.stderr)


def end_of_processes(shop):
    deadline = time.time() + 40
    while (running := shop.call("GET", "/v1/processes?status=running").json["data"]) and time.time() < deadline:
        time.sleep(0.2)
    assert not running


class Buyers:
    """Buys from many threads; knows what was answered, and when."""

    def __init__(self, shop, sku, threads=8):
        self.shop, self.sku, self.stop = shop, sku, threading.Event()
        self.answered, self.failed = {}, []
        self.pool = concurrent.futures.ThreadPoolExecutor(threads)
        self.futures = [self.pool.submit(self.buy) for _ in range(threads)]

    def buy(self):
        while not self.stop.is_set():
            key = uuid.uuid4().hex
            answer = self.shop.order(self.sku, idempotency=key)
            if answer.status in (201, 202):
                self.answered[key] = answer.json["id"]
            else:
                self.failed.append(answer.body)

    def __enter__(self):
        while len(self.answered) < 20:
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self.stop.set()
        for future in self.futures:
            future.result()


def test_a_backup_under_load_restored_elsewhere_passes_the_audit(own_shop, place):
    own_shop.product("LOAD", units=1_000_000)
    with Buyers(own_shop, "LOAD") as buyers:
        for kind in ("base", "segment", "segment"):
            before = dict(buyers.answered)
            cut = back_up(own_shop, place.backups)
            assert cut["kind"] == kind
    assert not buyers.failed
    restored = place.restored(start=False)
    assert audit(restored)["checked"]["events"] == sum(log["position"] for log in cut["logs"])
    restored.start()
    for key, order in before.items():
        assert restored.call("GET", "/v1/orders/" + order).status == 200
        again = restored.order("LOAD", idempotency=key)
        assert again.json["id"] == order and again.headers["idempotent-replayed"] == "true"
    end_of_processes(restored)
    restored.order("LOAD")
    assert restored.call("GET", "/v1/audit").json["clean"]
    restored.stop()
    assert audit(restored)["checked"]["minor_units"] > 0


def test_orders_in_flight_at_the_cut_are_paid_once(own_shop, place):
    own_shop.product("FLIGHT", units=100)
    keys = [uuid.uuid4().hex for _ in range(12)]
    tokens = ["tok_timeout_then_success", "tok_slow", "tok_late_webhook"]
    for at, key in enumerate(keys):
        own_shop.order("FLIGHT", token=tokens[at % 3], idempotency=key, wait=0)
    back_up(own_shop, place.backups)
    assert own_shop.call("GET", "/v1/processes?status=running").json["data"]
    own_shop.kill()
    restored = place.restored()
    end_of_processes(restored)
    orders = restored.call("GET", "/v1/orders?limit=100").json["data"]
    assert len(orders) == 12 and all(order["status"] == "confirmed" for order in orders), orders
    restored.stop()
    audit(restored)
    with sqlite3.connect(restored.data + "/simulator.db") as ledger:
        captures = ledger.execute("SELECT payment_id, count(*) FROM sim_ledger WHERE kind = 'capture' GROUP BY 1").fetchall()
    assert len(captures) == 12 and all(count == 1 for _, count in captures)


def test_a_segment_holds_what_changed_and_any_cut_can_be_restored(own_shop, place):
    own_shop.product("CUTS", units=1000)
    for _ in range(50):
        own_shop.order("CUTS")
    base = back_up(own_shop, place.backups)
    orders = [own_shop.order("CUTS").json["id"] for _ in range(3)]
    segment = back_up(own_shop, place.backups)
    assert (base["kind"], segment["kind"], segment["previous"]) == ("base", "segment", base["number"])
    assert sum(f["bytes"] for f in segment["files"]) < sum(f["bytes"] for f in base["files"]) / 2
    own_shop.stop()
    nothing = back_up(own_shop, place.backups)
    assert nothing["logs"] == segment["logs"]
    assert len(os.listdir(place.backups + "/keys")) == 1
    assert sum(f["bytes"] for f in nothing["files"]) < sum(f["bytes"] for f in segment["files"])
    early, late = place.restored("--cut", str(base["number"])), place.restored()
    for order in orders:
        assert early.call("GET", "/v1/orders/" + order).status == 404
        assert late.call("GET", "/v1/orders/" + order).status == 200
    assert back_up(late, place.backups)["kind"] == "base", "another life of the shop"
    full = back_up(own_shop, place.backups, "--full", "--keep", "1")
    assert full["kind"] == "base"
    assert len(glob.glob(place.backups + "/base-*")) == 1 and not os.listdir(place.backups + "/segments")
    assert place.restored().call("GET", "/v1/orders/" + orders[-1]).status == 200


def test_without_its_keys_a_backup_tells_nothing_of_people(own_shop, place, tmp_path):
    own_shop.product("KEYS", units=10)
    order = own_shop.order("KEYS", customer={"email": "keys@example.org", "name": "K"}).json
    secret = sqlite3.connect(own_shop.data + "/shop.db").execute(
        "SELECT value FROM host_settings WHERE name = 'shop_secret'").fetchone()[0]
    person_key = sqlite3.connect(own_shop.data + "/shop.db").execute("SELECT key FROM ordering_person_keys").fetchone()[0]
    back_up(own_shop, place.backups)
    apart = str(tmp_path / "apart")
    os.rename(place.backups + "/keys", apart)
    for path in pathlib.Path(place.backups).rglob("*"):
        if path.is_file():
            assert oct(path.stat().st_mode & 0o777) == "0o600", path
            content = path.read_bytes()
            assert secret.encode() not in content and person_key not in content, path
    blind = place.restored()
    assert not blind.report["keys"]
    assert blind.call("GET", "/v1/orders/" + order["id"]).json["customer"]["email"] is None
    assert blind.order("KEYS").json["status"] == "confirmed"
    again = own_shop.run("backup", place.backups, "--data", own_shop.data, "--keys", apart)
    assert again.returncode == 0 and not os.path.exists(place.backups + "/keys")
    seeing = place.restored("--keys", apart)
    assert seeing.report["keys"]
    assert seeing.call("GET", "/v1/orders/" + order["id"]).json["customer"]["email"] == "keys@example.org"


def damage(path, at=None):
    with open(path, "r+b") as file:
        size = os.path.getsize(path)
        file.seek(size // 2 if at is None else at)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def test_a_damaged_file_is_named_before_anything_is_made(own_shop, place, tmp_path):
    own_shop.product("DAMAGE", units=10)
    back_up(own_shop, place.backups)
    own_shop.order("DAMAGE")
    back_up(own_shop, place.backups)
    files = [p for pattern in ("base-*/*.db", "segments/*/*.changes", "keys/*.db") for p in glob.glob(place.backups + "/" + pattern)]
    assert len(files) == 5
    for path in files:
        damage(path)
        new = str(tmp_path / "new")
        ran = own_shop.run("restore", place.backups, "--data", new)
        assert ran.returncode == 1 and os.path.basename(path) in ran.stderr, (path, ran.stderr)
        assert not os.path.exists(new)
        damage(path)
    os.rename(files[0], files[0] + ".gone")
    assert "is missing" in own_shop.run("restore", place.backups, "--data", new).stderr


def test_a_damaged_base_is_noticed_by_the_next_backup_which_begins_anew(own_shop, place):
    own_shop.product("ROT", units=10)
    back_up(own_shop, place.backups)
    damage(glob.glob(place.backups + "/base-000001/shop.db")[0])
    ran = own_shop.run("backup", place.backups, "--data", own_shop.data, "--json")
    assert ran.returncode == 0 and "base-000001/shop.db has been changed" in ran.stderr
    assert json.loads(ran.stdout)["kind"] == "base"
    place.restored()


def test_what_is_there_is_not_overwritten(own_shop, place, shop_with, tmp_path):
    own_shop.product("MINE", units=1)
    back_up(own_shop, place.backups)
    ran = own_shop.run("restore", place.backups, "--data", own_shop.data)
    assert ran.returncode == 1 and "Another Stoa" in ran.stderr
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter").write_text("dear")
    ran = own_shop.run("restore", place.backups, "--data", str(full))
    assert ran.returncode == 1 and "not empty" in ran.stderr
    assert (full / "letter").read_text() == "dear"
    other = shop_with()
    other.product("OTHER")
    assert "another shop" in back_up(other, place.backups, code=1)
    assert not os.path.exists(place.backups + "/.making")
    assert "no shop" in own_shop.run("backup", place.backups, "--data", str(tmp_path / "nowhere")).stderr
    assert "no whole backup" in own_shop.run("restore", str(tmp_path), "--data", str(tmp_path / "x")).stderr


def kill_while(command, seen, environment):
    """Starts a command and kills it as soon as `seen` says so; False when it was faster."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    while process.poll() is None and not seen():
        time.sleep(0.0005)
    was_running = process.poll() is None
    process.kill()
    process.communicate()
    return was_running


def test_a_backup_that_was_killed_leaves_nothing_that_counts(own_shop, place):
    own_shop.product("KILLED", units=1000)
    for _ in range(30):
        own_shop.order("KILLED")
    back_up(own_shop, place.backups)
    own_shop.order("KILLED")
    making = place.backups + "/.making"
    stages = [making, making + "/staged/keys.db", making + "/cut/shop.db.changes", making + "/check", making + "/check/simulator.db"]
    killed = 0
    for stage in stages:
        killed += kill_while([STOA, "backup", place.backups, "--data", own_shop.data],
                             lambda: os.path.exists(stage), own_shop.environment())
        restored = place.restored(start=False)
        audit(restored)
    assert killed >= 3
    assert place.restored(start=False).report["cut"] < 1 + len(stages)
    cut = back_up(own_shop, place.backups)
    assert not os.path.exists(making)
    assert place.restored(start=False).report["cut"] == cut["number"]


def test_a_restore_that_was_killed_is_no_shop_and_can_be_run_again(own_shop, place, tmp_path):
    own_shop.product("HALF", units=1000)
    back_up(own_shop, place.backups)
    new = str(tmp_path / "new")
    assert kill_while([STOA, "restore", place.backups, "--data", new],
                      lambda: os.path.exists(new + "/.restoring/shop.db"), own_shop.environment())
    up = own_shop.run("up", "--data", new, "--port", "0")
    assert up.returncode == 1 and "did not finish" in up.stderr
    assert own_shop.run("restore", place.backups, "--data", new).returncode == 0
    assert not os.path.exists(new + "/.restoring")
    assert own_shop.run("audit", "--data", new).returncode == 0


def test_who_was_ahead_of_the_backup_is_told_that_the_log_has_changed(own_shop, place):
    own_shop.product("EPOCH", units=10)
    in_time = own_shop.call("GET", "/v1/events?limit=1000").json["next_after"]
    seen = own_shop.call("GET", "/v1/products").headers["stoa-position"]
    back_up(own_shop, place.backups)
    own_shop.order("EPOCH")
    ahead = own_shop.call("GET", "/v1/events?limit=1000").json["next_after"]
    exported = own_shop.call("GET", "/v1/exports/orders").headers["stoa-cursor"]
    position = own_shop.call("GET", "/v1/products").headers["stoa-position"]
    assert "@" not in ahead + position

    restored = place.restored()
    epoch = "@" + str(restored.report["epoch"])
    for _ in range(3):  # other events at the positions that the partner knows
        restored.order("EPOCH")
    answer = restored.call("GET", "/v1/events?after=" + ahead)
    assert answer.status == 409 and answer.json["code"] == "log_epoch_changed"
    assert restored.call("GET", "/v1/exports/orders?after=" + exported).json["code"] == "log_epoch_changed"
    assert in_time.split(",")[0] + epoch in answer.json["detail"]
    assert restored.call("GET", "/v1/events?after=" + in_time).status == 200
    fresh = restored.call("GET", "/v1/events?limit=1000").json["next_after"]
    assert fresh.count(epoch) == fresh.count(",") + 1
    assert restored.call("GET", "/v1/events?after=" + fresh).json["data"] == []

    answer = restored.call("GET", "/v1/products", headers={"Stoa-Position": position})
    assert answer.status == 409 and answer.json["code"] == "log_epoch_changed"
    assert epoch in answer.headers["stoa-position"]
    for known in (seen, answer.headers["stoa-position"]):
        assert restored.call("GET", "/v1/products", headers={"Stoa-Position": known}).status == 200
    assert restored.call("POST", "/v1/inventory/EPOCH/adjustments", {"delta": 1, "reason": "received"},
                         idempotency="epoch", headers={"Stoa-Position": position}).status == 201

    restored.stop()
    assert restored.run("events", "--data", restored.data, "--after", ahead).returncode == 1
    assert restored.run("events", "--data", restored.data, "--after", fresh).stdout.count("\n") == 1  # the adjustment
    again = place.restored()
    assert again.report["epoch"] != restored.report["epoch"]
    assert again.call("GET", "/v1/events?after=" + fresh).json["code"] == "log_epoch_changed"
    assert again.call("GET", "/v1/events?after=" + in_time).status == 200


def fetch(shop, folder, *arguments):
    return shop.run("backup", folder, "--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET, "--json", *arguments)


def test_a_backup_over_http_is_the_same_as_one_of_the_folder(own_shop, place):
    own_shop.product("HTTP", units=1000)
    for _ in range(30):
        own_shop.order("HTTP", customer={"email": "http@example.org", "name": "H"})
    ran = fetch(own_shop, place.backups)
    assert ran.returncode == 0, ran.stderr
    order = own_shop.order("HTTP", customer={"email": "http@example.org", "name": "H"}).json["id"]
    ran = fetch(own_shop, place.backups)
    assert ran.returncode == 0 and json.loads(ran.stdout)["kind"] == "segment"
    assert not os.path.exists(own_shop.data + "/.copy")
    assert back_up(own_shop, place.backups)["kind"] == "segment"
    restored = place.restored("--cut", "2")
    assert restored.call("GET", "/v1/orders/" + order).json["customer"]["email"] == "http@example.org"
    restored.stop()
    audit(restored)


def test_the_copy_of_a_shop_is_for_the_secret_key_and_goes_again(own_shop, place):
    own_shop.product("COPY", units=1)
    for key, status in ((None, 401), (PUBLISHABLE, 403)):
        assert own_shop.call("POST", "/v1/backups", key=key).status == status
    made = own_shop.call("POST", "/v1/backups")
    assert made.status == 201
    path = "/v1/backups/" + made.json["id"]
    file = made.json["files"][0]
    piece = own_shop.call("GET", f"{path}/files/{file['name']}")
    assert piece.headers["content-type"] == "application/octet-stream" and piece.body.startswith(b"SQLite format 3\0")
    assert len(piece.body) == min(file["bytes"], 4 << 20)
    assert own_shop.call("GET", f"{path}/files/{file['name']}?offset={file['bytes']}").body == b""
    assert own_shop.call("GET", f"{path}/files/{file['name']}?offset=-1").status in (400, 422)
    for wrong in ("keys", "..%2Fkeys", "lock", "nothing"):
        assert own_shop.call("GET", f"{path}/files/{wrong}").status == 404
    assert own_shop.call("GET", path + "x/files/shop.db").status == 404
    second = own_shop.call("POST", "/v1/backups").json["id"]
    assert own_shop.call("GET", path + "/files/shop.db").status == 404
    assert own_shop.call("DELETE", "/v1/backups/" + second).status == 204
    assert own_shop.call("DELETE", "/v1/backups/" + second).status == 404
    own_shop.call("POST", "/v1/backups")
    own_shop.kill()
    assert os.path.exists(own_shop.data + "/.copy")
    own_shop.start()
    assert not os.path.exists(own_shop.data + "/.copy")
    assert "No shop answers" in own_shop.run("backup", place.backups, "--url", "http://127.0.0.1:1", "--key", SECRET).stderr
