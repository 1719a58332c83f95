"""A fleet goes on from a backup of its databases, as docs/operations.md says: what was under way then is brought to its end, and what
came later is not mistaken for anything else."""
import re, time
import pytest
from conftest import ROOT
from fleet import SERVICES, Fleet
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

    assert {fleet.ended(id)["status"] for id in ended + running} == {"confirmed"}
    assert {fleet.ordering.call("GET", "/v1/orders/" + id).status for id in lost} == {404}
    fleet.product("LOST", 700, 10)
    later = fleet.ended(fleet.order("LOST", 2).json["id"])
    assert later["status"] == "confirmed" and later["total"]["amount"] == 1400
    view = fleet.catalog.call("GET", "/v1/inventory/KEPT").json
    assert (view["on_hand"], view["reserved"]) == (100, 15)
    report = fleet.audit()
    assert report["clean"], report["findings"]
