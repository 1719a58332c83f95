"""Ten thousand buyers for a hundred units: nobody is sold what is not there, and nobody buys twice."""
import asyncio, collections, json, time
import pytest
from conftest import SECRET
from patience import PATIENCE

pytestmark = pytest.mark.embedded("takes too long for a fleet on this machine")

BUYERS, UNITS, CONCURRENCY = 10_000, 100, 64
BUYER_PATIENCE_S = 60 * PATIENCE  # of one buyer, retries and the restart of the shop included


class Buyers:
    """Asks over keep-alive connections, each request again with its key until it is answered."""

    def __init__(self, shop, sku):
        self.shop, self.sku = shop, sku
        self.answers = {}  # by key: the set of all (id, status, code) that were told for it
        self.others = collections.Counter()  # statuses that are no order
        self.dropped = 0  # requests that a crash left without an answer
        self.turns = iter(range(BUYERS))

    def request(self, key):
        body = json.dumps({"currency": "GBP", "customer": {"email": "a@example.org"},
                           "lines": [{"sku": self.sku, "quantity": 1}],
                           "payment": {"provider": "simulator", "token": "tok_ok"}})
        return (f"POST /v1/orders HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {SECRET}\r\n"
                f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nPrefer: wait=30\r\n"
                f"Content-Length: {len(body)}\r\n\r\n{body}").encode()

    async def ask(self, connection, request):
        reader, writer = connection
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        return int(head.split(b" ", 2)[1]), json.loads(await reader.readexactly(length))

    async def buy(self, connection, key):
        """The connection to go on with; it is a new one when the shop went away meanwhile."""
        deadline = time.monotonic() + BUYER_PATIENCE_S
        while True:
            assert time.monotonic() < deadline, f"{key} was never answered"
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.shop.port)
                status, order = await self.ask(connection, self.request(key))
            except (OSError, asyncio.IncompleteReadError):
                self.dropped += connection is not None
                connection = None
                await asyncio.sleep(0.05)
                continue
            if status == 201:
                told = order["id"], order["status"], (order["rejection"] or {}).get("code")
                self.answers.setdefault(key, set()).add(told)
                return connection
            self.others[status] += 1
            if status != 202:  # 202: not decided within the wait
                return connection

    async def one_after_another(self):
        connection = None
        for turn in self.turns:
            connection = await self.buy(connection, f"buyer-{turn}")
        if connection:
            connection[1].close()

    async def all(self, *incidents):
        running = [asyncio.create_task(work) for work in
                   (*(self.one_after_another() for _ in range(CONCURRENCY)), *incidents)]
        try:
            await asyncio.gather(*running)
        finally:
            for task in running:
                task.cancel()

    async def crash_after(self, answered, ready_seconds):
        while len(self.answers) < answered:
            await asyncio.sleep(0.001)
        self.shop.kill()
        begun = time.monotonic()
        await asyncio.to_thread(self.shop.start)
        ready_seconds.append(time.monotonic() - begun)


def orders_of(shop):
    orders, cursor = [], ""
    while cursor is not None:
        page = shop.call("GET", "/v1/orders?limit=200" + (f"&cursor={cursor}" if cursor else "")).json
        orders += page["data"]
        cursor = page["next_cursor"]
    return orders


def judge(shop, buyers):
    """Holds what the buyers were told against what the shop says of itself."""
    assert not buyers.others
    assert len(buyers.answers) == BUYERS
    told = [answer for answers in buyers.answers.values() for answer in answers]
    assert len(told) == BUYERS, "a key was told two orders or two ends"
    assert len({order_id for order_id, _, _ in told}) == BUYERS, "two keys were told one order"
    assert collections.Counter((status, code) for _, status, code in told) == {
        ("confirmed", None): UNITS, ("rejected", "out_of_stock"): BUYERS - UNITS}
    orders = orders_of(shop)
    assert {(o["id"], o["status"]) for o in orders} == {(i, status) for i, status, _ in told}
    assert len(orders) == BUYERS and all(o["process_status"] == "ended" for o in orders)
    assert shop.stock(buyers.sku) == (UNITS, UNITS, 0)
    report = shop.call("GET", "/v1/audit").json
    assert report["clean"] and report["findings"] == []
    assert report["checked"]["minor_units"] == UNITS * 900


@pytest.fixture
def buyers(own_shop):
    own_shop.product("RARE", amount=900, units=UNITS)
    return Buyers(own_shop, "RARE")


def test_ten_thousand_buyers_get_the_hundred_units_that_are_there(own_shop, buyers):
    asyncio.run(buyers.all())
    assert buyers.dropped == 0
    judge(own_shop, buyers)


def test_and_so_they_do_when_the_shop_crashes_among_them(own_shop, buyers, record_property):
    async def incidents():
        await buyers.crash_after(UNITS // 3, ready_seconds)  # while money moves
        await buyers.crash_after(BUYERS // 2, ready_seconds)  # in the rush

    ready_seconds = []
    asyncio.run(buyers.all(incidents()))
    record_property("ready_seconds", [round(one, 3) for one in ready_seconds])
    print("ready after the crashes, in seconds:", ready_seconds)
    assert buyers.dropped > 0 and max(ready_seconds) < 5 * PATIENCE
    judge(own_shop, buyers)
