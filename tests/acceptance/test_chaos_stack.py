"""The faults of a fleet for a while. `./dev chaos --stack` goes on for long."""
import contextlib, json, socket, socketserver, subprocess, sys, time
import pytest
from conftest import ROOT, STOA
from patience import PATIENCE, SANITIZER
from steered import serving

sys.path.append(str(ROOT / "tests/chaos"))
import stack_shop
from network import Network


def chaos(*arguments, cycles):
    if SANITIZER == "tsan":
        pytest.skip("the thread sanitizer does not know the threads of Kafka's client, made by thrd_create")
    if stack_shop.missing():
        pytest.skip(stack_shop.missing())
    ran = subprocess.run([sys.executable, ROOT / "tests/chaos/chaos.py", "--stack", "--json", "--binary", STOA, "--cycles", str(cycles), *arguments],
                         capture_output=True, text=True, timeout=1200 * PATIENCE)
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_a_fleet_that_is_broken_again_and_again_loses_doubles_and_oversells_nothing():
    faults = ["kill", "kill_server", "network_lose", "pause", "away", "deliver_twice", "rebalance", "kafka_forgets"]
    code, told = chaos("--fault", ",".join(faults), "--first", "0", cycles=len(faults))
    assert told["findings"] == [] and code == 0
    assert set(told["faults"]) == set(faults)
    for one in told["faults"].values():
        assert one["acknowledged"] > 10 and (one["lost"], one["doubled"], one["oversold"]) == (0, 0, 0)
    caught_up, = told["caught_up"]
    assert caught_up["messages"] > caught_up["away_s"] and caught_up["times"] > 1, caught_up
    print(json.dumps(told))


def test_a_fleet_that_lost_an_order_is_found():
    """The suite's own safeguard, which one replica of each service is enough for."""
    code, told = chaos("--replicas", "1", "--fault", "redis_flush", "--sabotage",
                       "DELETE FROM ordering_orders WHERE number = (SELECT max(number) FROM ordering_orders)", cycles=1)
    assert code == 1 and any("has events and no row" in finding for finding in told["findings"]), told
    assert told["findings"][-1].startswith("repeat with: ./dev chaos --stack --first 0 --cycles ")


class Echo(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), EchoSession)
        self.heard = []


class EchoSession(socketserver.StreamRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            for line in self.rfile:
                self.server.heard.append(line)
                self.wfile.write(line)


@pytest.fixture
def link():
    with serving(Echo()) as server:
        network = Network({"a-b": server.server_address[1]})
        network.heard = server.heard
        try:
            yield network
        finally:
            network.stop()


class Client:
    def __init__(self, network):
        self.socket = socket.create_connection(("127.0.0.1", network.ports["a-b"]), 5)

    def say(self, line, seconds=5):
        """What comes back; empty when the connection broke, None when nothing came."""
        self.socket.settimeout(seconds)
        try:
            self.socket.sendall(line)
            return self.socket.recv(100)
        except socket.timeout:
            return None
        except ConnectionError:
            return b""


def test_a_link_is_late_silent_and_broken_as_it_is_told(link):
    client = Client(link)
    assert client.say(b"1\n") == b"1\n"
    link.change(["a-b"], "delay", 0.2)
    began = time.monotonic()
    assert client.say(b"2\n") == b"2\n" and time.monotonic() - began >= 0.4
    link.change(["a-b"], "hole")
    assert client.say(b"3\n", 0.3) is None
    late = Client(link)
    assert late.say(b"4\n", 0.3) is None
    link.heal()
    assert client.socket.recv(100) == b"3\n"
    late.socket.settimeout(5)
    assert late.socket.recv(100) == b"4\n"
    link.change(["a-b"], "reset")
    assert client.say(b"5\n") == b"" and Client(link).say(b"6\n") == b"6\n"
    link.change(["a-b"], "refuse")
    with contextlib.suppress(ConnectionError):
        assert Client(link).say(b"7\n") == b""
    link.heal()
    assert Client(link).say(b"8\n") == b"8\n"


def test_in_a_partition_nobody_is_reached_and_nothing_comes(link):
    client = Client(link)
    link.change(["a-b"], "partition")
    assert client.say(b"lost\n", 0.3) is None
    with pytest.raises(TimeoutError):
        socket.create_connection(("127.0.0.1", link.ports["a-b"]), 0.5)
    link.heal()
    assert client.say(b"again\n") == b"", "a stream that something is missing from never goes on"
    assert Client(link).say(b"new\n") == b"new\n" and link.heard == [b"new\n"]


def test_a_link_leads_to_another_server(link):
    with serving(Echo()) as other:
        before = Client(link)
        assert before.say(b"1\n") == b"1\n"
        link.point({"a-b": other.server_address[1]})
        assert Client(link).say(b"2\n") == b"2\n" and other.heard == [b"2\n"]
        assert before.say(b"3\n") == b"3\n" and link.heard == [b"1\n", b"3\n"]


@pytest.mark.parametrize("lost, is_heard", [("answers", True), ("requests", False)])
def test_what_is_lost_in_one_direction_breaks_the_connection_in_the_end(link, lost, is_heard):
    client = Client(link)
    link.change(["a-b"], lost)
    assert client.say(b"once\n", 0.5) is None
    assert (b"once\n" in link.heard) == is_heard
    link.heal()
    assert client.say(b"again\n") == b"" and b"again\n" not in link.heard
    assert Client(link).say(b"new\n") == b"new\n"
