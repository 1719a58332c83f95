"""stoa doctor: what is not well with a shop, and what to do."""
import http.server, json, os, shutil, sqlite3, threading, time
import pytest
from conftest import PUBLISHABLE, SECRET, Shop
from steered import SmtpServer, until
from test_backup import back_up, damage

pytestmark = pytest.mark.embedded("a diagnosis of the folder of one process")


def examine(shop, *arguments):
    where = ["--data", shop.data] if shop.process is None or shop.process.poll() is not None else \
        ["--url", f"http://127.0.0.1:{shop.port}", "--key", SECRET]
    ran = shop.run("doctor", *where, "--json", *arguments)
    report = json.loads(ran.stdout)
    assert ran.returncode == ["good", "warning", "failure"].index(report["health"]), ran.stdout
    for finding in report["findings"]:
        assert finding["says"].endswith("."), finding
        assert bool(finding["advice"]) == (finding["health"] != "good"), finding
    return report["health"], {f["check"]: f for f in report["findings"] if f["health"] != "good"}


def finding(shop, check, *arguments):
    health, found = examine(shop, *arguments)
    assert check in found, found
    return found[check]["health"], found[check]["says"]


@pytest.fixture
def stopped(own_shop):
    own_shop.product("SICK", units=10)
    own_shop.order("SICK")
    time.sleep(1.2)  # until the projections have come to rest
    assert own_shop.stop() == 0
    assert examine(own_shop)[0] == "good"

    def change(script):
        with sqlite3.connect(own_shop.data + "/shop.db") as db:
            db.executescript(script)
        db.close()
        return own_shop

    return change


def test_a_healthy_shop_is_well_running_and_stopped(own_shop):
    own_shop.product("WELL", units=10)
    own_shop.order("WELL")
    assert examine(own_shop) == ("good", {})
    told = own_shop.run("doctor", "--url", f"http://127.0.0.1:{own_shop.port}", "--key", SECRET)
    assert told.returncode == 0 and told.stdout.endswith("All is well.\n")
    for check in ("configuration", "permissions", "disk", "wal", "log", "clock", "projections", "processes", "provider", "load", "descriptors"):
        assert f"good  {check}: " in told.stdout, check
    own_shop.stop()
    assert examine(own_shop) == ("good", {})


def test_diagnostics_are_for_the_secret_key(shop):
    assert shop.call("GET", "/v1/diagnostics", key=None).status == 401
    assert shop.call("GET", "/v1/diagnostics", key=PUBLISHABLE).status == 403


def test_a_shop_that_is_not_there_is_a_failure(shop, tmp_path):
    for where in (["--url", "http://127.0.0.1:1", "--key", SECRET], ["--data", str(tmp_path)], ["--url", "nonsense", "--key", SECRET]):
        ran = shop.run("doctor", *where)
        assert ran.returncode == 2 and "something to repair" in ran.stdout, ran.stdout
    ran = shop.run("doctor", "--url", f"http://127.0.0.1:{shop.port}", "--key", "sk_" + "0" * 32)
    assert ran.returncode == 2 and "401" in ran.stdout


def test_a_wrong_configuration_is_named(stopped):
    shop = stopped("")
    shop.settings["STOA__Fraud__RejectAt"] = "many"
    assert "Fraud:RejectAt" in finding(shop, "configuration")[1]


def test_an_open_address_without_limits_is_a_warning(stopped):
    shop = stopped("")
    shop.settings["STOA__Http__Address"] = "0.0.0.0"
    assert finding(shop, "configuration") == ("warning", "The shop listens on 0.0.0.0 and holds no client to a rate.")
    shop.settings["STOA__RateLimits__RequestsPerSecond"] = "5"
    assert examine(shop)[0] == "good"


def test_files_that_others_may_read(stopped):
    shop = stopped("")
    os.chmod(shop.data, 0o755)
    os.chmod(shop.data + "/shop.db", 0o644)
    assert finding(shop, "permissions")[0] == "warning"


def test_a_disk_that_fills(stopped):
    shop = stopped("")
    shop.settings["STOA__Doctor__DiskFreeMiB"] = "1000000000"
    assert finding(shop, "disk")[0] == "warning"


def test_a_wal_that_a_reader_holds(shop_with):
    shop = shop_with(Doctor__WalMiB=1)
    shop.product("WAL", units=1000)
    reader = sqlite3.connect(shop.data + "/shop.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM ordering_log").fetchone()
    while os.path.getsize(shop.data + "/shop.db-wal") < 1.5 * 2**20:
        shop.order("WAL")
    assert finding(shop, "wal")[0] == "warning"
    reader.close()


def test_a_log_without_its_newest_event(stopped):
    shop = stopped("DELETE FROM ordering_log WHERE position = (SELECT max(position) FROM ordering_log)")
    health, says = finding(shop, "log")
    assert health == "failure" and "ordering" in says


def test_a_clock_behind_the_newest_event(stopped):
    shop = stopped("UPDATE ordering_log SET recorded_at = '2999-01-01T00:00:00.000000Z'"
                   " WHERE position = (SELECT max(position) FROM ordering_log)")
    assert finding(shop, "clock")[0] == "failure"


def test_a_clock_that_differs_from_the_shops(shop):
    """A server that answers as a shop whose clock is a minute and a half ahead would."""
    true = shop.call("GET", "/v1/diagnostics").json
    true["time"] = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(time.time() + 90))

    class Ahead(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = json.dumps(true).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Ahead)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ran = shop.run("doctor", "--url", f"http://127.0.0.1:{server.server_port}", "--key", SECRET)
    server.shutdown()
    assert ran.returncode == 2 and "apart by" in ran.stdout


def test_a_projection_that_lags(stopped):
    shop = stopped("SELECT 1")
    with sqlite3.connect(shop.data + "/stock-ledger.db") as ledger:
        ledger.execute("UPDATE catalog_ledger_checkpoint SET position = 0")
    ledger.close()
    shop.settings["STOA__Doctor__ProjectionLag"] = "1"
    health, says = finding(shop, "projections")
    assert health == "warning" and "ledger of catalog" in says


def test_a_parked_process(stopped):
    shop = stopped("UPDATE ordering_orders SET process_status = 'parked'")
    assert finding(shop, "processes") == ("failure", "1 order's process is parked.")


def test_a_provider_that_does_not_answer(shop_with):
    shop = shop_with(Payment__ProviderTimeoutMs=100)
    shop.product("OUTAGE", units=10)
    for _ in range(2):
        shop.order("OUTAGE", token="tok_timeout_then_nothing", wait=0)
    until(lambda: "calls to the payment provider have had no answer" in examine(shop)[1].get("provider", {}).get("says", ""))


def test_a_provider_that_cannot_be_reached(stopped):
    shop = stopped("")
    shop.settings["STOA__Payment__Stripe__SecretKey"] = "sk_test_" + "0" * 24
    shop.settings["STOA__Payment__Stripe__WebhookSecrets"] = "whsec_" + "0" * 24
    shop.settings["STOA__Payment__Stripe__BaseUrl"] = "http://127.0.0.1:1"
    health, says = finding(shop, "provider_reach")
    assert health == "failure" and "127.0.0.1" in says
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop.settings["STOA__Payment__Stripe__BaseUrl"] = f"http://127.0.0.1:{server.server_port}"
    assert examine(shop) == ("good", {})  # 501 is an answer
    server.shutdown()


def test_a_mail_relay_that_takes_no_messages(stopped):
    shop, relay = stopped(""), SmtpServer()
    threading.Thread(target=relay.serve_forever, daemon=True).start()
    shop.settings |= {"STOA__Smtp__Host": "127.0.0.1", "STOA__Smtp__Port": str(relay.port), "STOA__Smtp__From": "shop@example.org"}
    assert examine(shop) == ("good", {}) and not relay.messages
    relay.replies["NOOP"] = "421 closed for repairs"
    health, says = finding(shop, "mail_reach")
    assert health == "failure" and says.startswith(f"The mail relay 127.0.0.1:{relay.port} takes no messages: ")
    assert says.endswith(": 421 closed for repairs.")
    relay.shutdown(), relay.server_close()
    assert finding(shop, "mail_reach")[0] == "failure"


def test_dead_letters(stopped):
    """Of the table that the notifications keep, made here when this shop has none."""
    shop = stopped("CREATE TABLE IF NOT EXISTS notification_messages(id TEXT, status TEXT);")
    with sqlite3.connect(shop.data + "/shop.db") as db:
        kinds = {row[1]: row[2] for row in db.execute("PRAGMA table_info(notification_messages)")}
        values = ["'dead_letter'" if name == "status" else "1" if kind == "INTEGER" else "'x'" for name, kind in kinds.items()]
        db.execute(f"INSERT INTO notification_messages VALUES({','.join(values)})")
    db.close()
    assert finding(shop, "dead_letters") == ("warning", "1 message could not be delivered and was given up.")


def test_too_few_descriptors(shop_with):
    assert finding(shop_with(Http__ConnectionsMax=1_000_000), "descriptors")[0] == "warning"


def test_a_file_that_is_no_database(stopped):
    shop = stopped("")
    damage(shop.data + "/shop.db", 3)
    assert finding(shop, "database")[0] == "failure"


def test_backups_that_are_missing_damaged_or_good(own_shop, tmp_path):
    own_shop.product("SAFE", units=1)
    folder = str(tmp_path / "backups")
    assert finding(own_shop, "backup", "--backups", folder)[0] == "failure"
    back_up(own_shop, folder)
    assert examine(own_shop, "--backups", folder) == ("good", {})
    damage(folder + "/base-000001/simulator.db")
    assert "simulator.db" in finding(own_shop, "backup", "--backups", folder)[1]


def test_a_restore_that_broke_off(stopped):
    shop = stopped("")
    os.mkdir(shop.data + "/.restoring")
    assert "did not finish" in finding(shop, "folder")[1]
