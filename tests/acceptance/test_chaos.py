"""The crash suite for a while, and an overload for some seconds. `./dev chaos` runs both for long."""
import json, os, pathlib, subprocess, sys
import pytest
from conftest import ROOT, STOA
from patience import PATIENCE, judge_memory
from servers import free_port

sys.path.append(str(ROOT / "tests/chaos"))
import clients, shapes

PLANTED = pathlib.Path(os.environ.get("STOA_PLANTED_BINARY", ROOT / "build" / "planted" / "stoa"))


def chaos(*arguments, binary=STOA, timeout=500):
    ran = subprocess.run([sys.executable, ROOT / "tests/chaos/chaos.py", "--json", "--binary", binary, *arguments],
                         capture_output=True, text=True, timeout=timeout * PATIENCE)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_fifty_lives_that_end_badly_lose_double_and_oversell_nothing():
    """Of two shops. These seeds have each fault at least three times."""
    code, told = chaos("--cycles", "50", "--first", "0")
    assert told["findings"] == [] and code == 0
    assert told["cycles"] == 50 and told["acknowledged"] > 1_000 and min(told["faults"].values()) >= 3, told
    assert (told["lost"], told["doubled"], told["oversold"]) == (0, 0, 0)
    print(f"ready after {told['ready_median_ms']} ms (median), {told['ready_max_ms']} ms (most)")


@pytest.mark.skipif(not PLANTED.exists(), reason="the build with the points is not there: ./dev chaos makes it")
def test_it_can_end_at_every_point():
    for point in ("append", "commit", "reply", "publish", "checkpoint", "wal_checkpoint", "provider_call", "mail"):
        for moment in ("before", "after"):
            code, told = chaos("--cycles", "1", "--first", "7", "--fault", f"point:{moment}_{point}", binary=PLANTED)
            assert told["findings"] == [] and code == 0, (moment, point)


def test_a_disk_that_fails_is_felt_and_harms_nothing():
    code, told = chaos("--cycles", "2", "--first", "0", "--fault", "io_error")
    assert told["findings"] == [] and code == 0 and told["failures"] > 0


def test_a_shop_that_lost_an_order_is_found():
    """The suite's own safeguard: a shop whose newest order is taken away between two lives."""
    code, told = chaos("--cycles", "2", "--first", "0", "--fault", "kill", "--sabotage",
                       "DELETE FROM ordering_orders WHERE number = (SELECT max(number) FROM ordering_orders)")
    assert code == 1 and any("has events and no row" in finding for finding in told["findings"])
    assert told["findings"][-1].startswith("repeat with: ./dev chaos --first 0 --cycles ")


def test_a_request_that_one_client_had_refused_and_another_had_done_was_done():
    record, request = clients.Record(), clients.Request("fulfilments", "/v1/orders/1/fulfilments", {}, "1")
    record.add(request)
    record.settle(request, 409, {})
    assert record.of_kind("fulfilments") == []
    record.settle(request, 200, {"id": "1"})
    record.settle(request, 409, {})
    assert record.of_kind("fulfilments") == [request] and not record.open


def test_a_shop_elsewhere_is_killed_and_restarted_by_commands(tmp_path):
    port, pid = free_port(), tmp_path / "pid"
    (tmp_path / "restart").write_text(
        f"STOA__Auth__SecretKey={shapes.SECRET} STOA__Auth__PublishableKey={shapes.PUBLISHABLE} "
        f"{STOA} up --data {tmp_path}/shop --port {port} >>{tmp_path}/log 2>&1 </dev/null & echo $! >{pid}")
    (tmp_path / "kill").write_text(f"kill -9 $(cat {pid})")
    code, told = chaos("--cycles", "3", "--url", f"http://127.0.0.1:{port}", "--restart-command", f"sh {tmp_path}/restart",
                       "--kill-command", f"sh {tmp_path}/kill")
    assert told["findings"] == [] and code == 0
    assert told["cycles"] == 3 and told["faults"] == {"kill": 3} and told["acknowledged"] > 10


def test_an_overload_is_refused_politely_and_harms_nothing():
    for seconds in ("4", "8", "16"):  # a busy machine's generator may need a while to be too much for the shop
        code, told = chaos("--overload", "--overload-seconds", seconds)
        assert told["findings"] == [] and told["other_answers"] == {} and told["refused_without_retry_after"] == 0
        if sum(told["refused"].values()) > 0:
            break
    assert sum(told["refused"].values()) > 0 and told["goodput_per_s"] > 0 and code == 0
    assert told["recovery_s"] is not None
    judge_memory(told["memory_peak_mb"], 400)
