"""Integration events as they happen, on a terminal."""
import json, signal, subprocess, threading
import pytest
from conftest import STOA
from sse import Stream


class Tail:
    """`stoa events tail` and the lines that it prints."""

    def __init__(self, shop, *arguments):
        self.process = subprocess.Popen(
            [STOA, "events", "tail", "--url", f"http://127.0.0.1:{shop.port}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=shop.environment())
        self.lines, self.came = [], threading.Condition()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.came:
                self.lines.append(json.loads(line))
                self.came.notify_all()

    def until(self, count):
        with self.came:
            assert self.came.wait_for(lambda: len(self.lines) >= count, timeout=20), self.lines
            return self.lines[:count]

    def end(self, by=signal.SIGINT):
        """Its exit status and what it said at the end."""
        if by:
            self.process.send_signal(by)
        said = self.process.stderr.read()
        code = self.process.wait(timeout=20)
        self.reader.join()
        return code, said


@pytest.mark.embedded("follows the feed from its beginning")
def test_tail_prints_events_as_they_happen_and_goes_on_where_it_was(own_shop):
    own_shop.product("TAIL-1", 900, 100)
    before = own_shop.run("events", "--url", f"http://127.0.0.1:{own_shop.port}").stdout.splitlines()
    whole = Tail(own_shop, "--after", "0")
    whole.until(len(before))
    placed = Tail(own_shop, "--after", "0", "--types", "ordering.OrderPlaced.v1,ordering.OrderConfirmed.v1")
    first = own_shop.order("TAIL-1").json["id"]
    placed.until(2)
    only = Tail(own_shop, "--after", "0", "--service", "ordering", "--subject", "order-" + first, "--limit", "2")
    assert only.end(by=None)[0] == 0
    assert [one["subject"] for one in only.lines] == ["order-" + first] * 2
    # The shop restarts: the same tails go on.
    own_shop.stop()
    own_shop.start()
    second = own_shop.order("TAIL-1").json["id"]
    lines = placed.until(4)
    assert [(one["subject"], one["type"]) for one in lines] == [
        ("order-" + order, f"ordering.{kind}.v1") for order in (first, second) for kind in ("OrderPlaced", "OrderConfirmed")]
    code, said = placed.end()
    assert code == 0 and said.startswith("next: ")
    after = said.split()[1]
    all_events = own_shop.run("events", "--url", f"http://127.0.0.1:{own_shop.port}").stdout.splitlines()
    whole.until(len(all_events))
    assert whole.end(by=signal.SIGTERM)[0] == 0
    assert sorted(one["id"] for one in whole.lines) == sorted(json.loads(one)["id"] for one in all_events)
    # From the cursor on, what came after it and nothing else.
    third = own_shop.order("TAIL-1").json["id"]
    later = Tail(own_shop, "--after", after, "--types", "ordering.OrderPlaced.v1", "--limit", "1")
    assert later.end(by=None)[0] == 0 and later.lines[0]["subject"] == "order-" + third


def test_tail_begins_now_unless_it_is_told_otherwise(own_shop):
    own_shop.product("TAIL-2", 900, 100)
    own_shop.order("TAIL-2")
    with Stream(own_shop, "/v1/events/stream?after=now&types=ordering.OrderPlaced.v1") as stream:
        order = own_shop.order("TAIL-2").json["id"]
        event = stream.next()
        assert event.json["subject"] == "order-" + order
    # Its place is known before the first event, so that nothing is lost when it must come back.
    with Stream(own_shop, "/v1/events/stream?after=now") as stream:
        while not stream.last_event_id:
            stream._more()
            for line in stream.text.split("\n"):
                if line.startswith("id: "):
                    stream.last_event_id = line[4:]
    order = own_shop.order("TAIL-2").json["id"]
    with Stream(own_shop, "/v1/events/stream?types=ordering.OrderPlaced.v1", last_event_id=stream.last_event_id) as again:
        assert again.next().json["subject"] == "order-" + order


def test_tail_says_why_it_cannot_begin(own_shop):
    wrong = own_shop.run("events", "tail", "--url", f"http://127.0.0.1:{own_shop.port}", "--after", "nonsense")
    assert wrong.returncode == 1 and "after must be" in wrong.stderr
    key = own_shop.run("events", "tail", "--url", f"http://127.0.0.1:{own_shop.port}", "--key", "sk_wrong")
    assert key.returncode == 1 and key.stderr.startswith("stoa: ")
    own_shop.stop()
    gone = own_shop.run("events", "tail", "--url", f"http://127.0.0.1:{own_shop.port}")
    assert gone.returncode == 1 and "No answer" in gone.stderr
