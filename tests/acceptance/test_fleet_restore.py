"""A fleet goes on from a backup of its databases, as docs/operations.md says: what was under way then is brought to its end, and what
came later is not mistaken for anything else."""
import re, time
import pytest
from conftest import ROOT
from fleet import SERVICES, Fleet, Gateway
from fleet_shop import LOGS
from patience import PATIENCE


@pytest.fixture
def fleet():
    fleet = Fleet(None)
    yield fleet
    fleet.remove()


def statements(service, epoch):
    """What the document tells to run in the database of a service."""
    text = (ROOT / "docs" / "operations.md").read_text()
    [block] = re.findall(r"```sql\n(.*?)```", text[text.index("### Backup and restore of a fleet"):], re.S)[:1]
    in_log, in_all = block.split("-- once a database\n")
    return "".join(in_log.replace("LOG", log).replace("EPOCH", epoch) for log in LOGS[service]) + in_all.replace("EPOCH", epoch)


def restore(fleet, backup):
    """Returns the epoch that all logs have begun."""
    for service in fleet.services.values():
        service.kill()
    fleet.kafka.kill()
    fleet.postgres.kill(fleet.postgres.at_end)
    fleet.postgres.restore(backup)
    fleet.kafka.forget()
    fleet.postgres.start()
    epoch = str(int(time.time() * 1000))
    for service in SERVICES:
        ran = fleet.postgres.psql(service + "db", statements(service, epoch))
        assert ran.returncode == 0, ran.stderr
    fleet.kafka.start()
    for service in fleet.services.values():
        service.start()
    return epoch


def test_a_restored_fleet_ends_what_was_under_way_and_goes_on(fleet):
    fleet.product("KEPT", 500, 100)
    fleet.sold("KEPT")
    ended = [fleet.ended(fleet.order("KEPT").json["id"])["id"] for _ in range(5)]
    fleet.payment.kill()  # so that these are under way
    running = [fleet.order("KEPT", 2).json["id"] for _ in range(5)]
    time.sleep(1 * PATIENCE)
    backup = fleet.postgres.folder + "/backup"
    fleet.postgres.backup(backup)
    fleet.payment.start()
    lost = [fleet.ended(fleet.order("KEPT", 3).json["id"])["id"] for _ in range(5)]
    fleet.product("LOST", 500, 100)

    restore(fleet, backup)

    assert {fleet.ended(id)["status"] for id in ended + running} == {"confirmed"}
    assert {fleet.ordering.call("GET", "/v1/orders/" + id).status for id in lost} == {404}
    fleet.product("LOST", 700, 10)
    later = fleet.ended(fleet.order("LOST", 2).json["id"])
    assert later["status"] == "confirmed" and later["total"]["amount"] == 1400
    view = fleet.catalog.call("GET", "/v1/inventory/KEPT").json
    assert (view["on_hand"], view["reserved"]) == (100, 15)
    report = fleet.audit()
    assert report["clean"], report["findings"]


def places(cursor):
    return {log: int(place.split("@")[0]) for log, place in (part.split(":") for part in cursor.split(","))}


def feed(at, after=""):
    """The ids behind a cursor, and the cursor behind them."""
    ids = []
    while True:
        page = at.call("GET", f"/v1/events?limit=1000&after={after}")
        assert page.status == 200, page.body
        after, new = page.json["next_after"], [event["id"] for event in page.json["data"]]
        if not new:
            return ids, after
        ids += new


def test_who_was_ahead_of_the_backup_is_told_that_the_logs_have_changed(fleet):
    gateway = Gateway(fleet).start()
    try:
        fleet.product("EPOCH", 500, 100)
        fleet.sold("EPOCH")
        fleet.ended(fleet.order("EPOCH").json["id"])
        in_time = {at: feed(at)[1] for at in (gateway, fleet.ordering, fleet.catalog)}
        seen = gateway.call("GET", "/v1/orders").headers["stoa-position"]
        backup = fleet.postgres.folder + "/backup"
        fleet.postgres.backup(backup)
        for _ in range(5):
            lost = fleet.ended(fleet.order("EPOCH").json["id"])["id"]
        ahead = {at: feed(at)[1] for at in in_time}
        exported = gateway.call("GET", "/v1/exports/orders").headers["stoa-cursor"]
        position = gateway.call("GET", "/v1/orders/" + lost).headers["stoa-position"]
        position = gateway.call("GET", "/v1/inventory/EPOCH", headers={"Stoa-Position": position}).headers["stoa-position"]
        assert "@" not in "".join([*ahead.values(), *in_time.values(), position])

        gateway.kill()
        epoch = "@" + restore(fleet, backup)
        gateway.route()
        gateway.start()
        fleet.sold("EPOCH")
        for _ in range(8):  # other events at the positions that the partner knows
            fleet.ended(fleet.order("EPOCH").json["id"])
        for at in in_time:
            refused = at.call("GET", "/v1/events?after=" + ahead[at])
            assert refused.status == 409 and refused.json["code"] == "log_epoch_changed", refused.body
            go_on = refused.headers["stoa-cursor"]
            assert go_on in refused.json["detail"] and places(go_on).keys() == places(ahead[at]).keys()
            assert all(places(in_time[at])[log] <= place <= places(ahead[at])[log] for log, place in places(go_on).items())
            gone = [log for log, place in places(go_on).items() if place < places(ahead[at])[log]]
            assert gone and all(f"{log}:{places(go_on)[log]}{epoch}" in go_on for log in gone)
            later, fresh = feed(at, go_on)
            since, _ = feed(at, in_time[at])
            assert later and set(later) <= set(since), "who had read no further than the backup goes on"
            assert fresh.count(epoch) == len(places(fresh))
            for told in (at.call("GET", "/v1/events/stream?after=" + ahead[at]),
                         at.call("GET", "/v1/events/stream", headers={"Last-Event-ID": ahead[at]})):
                assert told.status == 409 and told.headers["stoa-cursor"] == go_on
        assert gateway.call("GET", "/v1/exports/events?after=" + ahead[gateway]).json["code"] == "log_epoch_changed"
        assert gateway.call("GET", "/v1/exports/orders?after=" + exported).json["code"] == "log_epoch_changed"

        assert gateway.call("GET", "/v1/orders", headers={"Stoa-Position": seen}).status == 200
        for path in ("/v1/orders", "/v1/products"):  # each service speaks of its own log
            refused = gateway.call("GET", path, headers={"Stoa-Position": position})
            assert refused.status == 409 and refused.json["code"] == "log_epoch_changed", (path, refused.body)
            position = refused.headers["stoa-position"]
            assert gateway.call("GET", path, headers={"Stoa-Position": position}).status == 200
    finally:
        gateway.remove()
