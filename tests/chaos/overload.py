"""Ten times as many orders as the shop can take: its memory stays bounded, what is too much is refused with 429 or 503 and
Retry-After, what is taken is nearly as much as without, and soon after it answers as before."""
import json, os, pathlib, subprocess, threading, time
import clients, shapes

PRODUCTS = 200
CONNECTIONS = 64
SERVED = 256  # connections; who comes beyond is turned away
TIMES = 10


class Prober(threading.Thread):
    """One client that asks on and on beside the load, and remembers how long each answer took and what it was."""

    def __init__(self, address):
        super().__init__(daemon=True)
        self.address, self.seen, self.stopping = address, [], False

    def run(self):
        while not self.stopping:
            begun = time.monotonic()
            try:
                status, _, answer = shapes.ask(self.address, "POST", "/v1/orders", order(), {"Idempotency-Key": f"probe-{begun}", "Prefer": "wait=0"}, 30)
                self.seen.append((begun, time.monotonic() - begun, status, answer.getheader("Retry-After")))
            except OSError as e:
                self.seen.append((begun, time.monotonic() - begun, type(e).__name__, None))
            time.sleep(0.02)


def order():
    return {"currency": "GBP", "customer": {"email": "prober@example.org"}, "lines": [{"sku": "SKU-0", "quantity": 1}],
            "payment": {"provider": "simulator", "token": "tok_ok"}}


def fill(address):
    for n in range(PRODUCTS):
        status, body, _ = shapes.ask(address, "POST", "/v1/products", {
            "handle": f"sku-{n}", "title": f"SKU {n}", "status": "active",
            "variants": [{"sku": f"SKU-{n}", "prices": [{"amount": 100 + n, "currency": "GBP"}]}]})
        assert status == 201, body
        status, body, _ = shapes.ask(address, "POST", f"/v1/inventory/SKU-{n}/adjustments",
                                     {"delta": 100_000_000, "reason": "received"}, {"Idempotency-Key": f"stock-{n}"})
        assert status == 201, body


def load(options, port, connections, seconds, rate=0):
    command = [str(options.load), "orders", "--port", str(port), "--key", shapes.SECRET, "--range", str(PRODUCTS), "--expect", "confirmed",
               "--connections", str(connections), "--seconds", str(seconds), "--warmup", "1"]
    if rate:
        command += ["--rate", str(int(rate)), "--tolerate"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def confirmed_per_s(process, seconds):
    out, err = process.communicate(timeout=seconds * 3 + 60)
    if not out:
        raise RuntimeError("the load failed: " + err)
    told = json.loads(out)
    return told["outcomes"].get("confirmed", 0) / seconds, told


def run(options):
    shop = shapes.LocalShop(options.binary, Http__ConnectionsMax=SERVED)
    try:
        shop.start()
        fill(shop.address)
        capacity, _ = confirmed_per_s(load(options, shop.address.port, CONNECTIONS, options.capacity_seconds), options.capacity_seconds)
        rest_mb = shop.memory_mb()
        prober = Prober(shop.address)
        prober.start()
        # Many connections, so that the tenfold can really be in the shop at once.
        over = load(options, shop.address.port, options.connections, options.overload_seconds, capacity * TIMES)
        goodput, told = confirmed_per_s(over, options.overload_seconds)
        ended = time.monotonic()
        time.sleep(3)
        prober.stopping = True
        prober.join(timeout=40)
        during = [one for one in prober.seen if one[0] < ended]
        after = [one for one in prober.seen if one[0] >= ended]
        well = [begun for begun, took, status, _ in after if status in (201, 202) and took < 0.25]
        refused = {status: count for status, count in told["outcomes"].items() if status in ("429", "503")}
        # A connection that is closed without a word has met the last line of defence: a kernel's queue that is full.
        others = {status: count for status, count in told["outcomes"].items() if status not in ("confirmed", "429", "503", "closed")}
        peak_mb = shop.memory_mb()
        report = clients.quiesce(shop.address, patience=120)
        return {"capacity_per_s": round(capacity), "offered_per_s": round(sum(told["outcomes"].values()) / options.overload_seconds),
                "goodput_per_s": round(goodput),
                "goodput_ratio": round(goodput / capacity, 3), "refused": refused, "closed": told["outcomes"].get("closed", 0), "other_answers": others,
                "refused_without_retry_after": told.get("refused_without_retry_after", 0)
                + sum(1 for one in during if one[2] in (429, 503) and not one[3]),
                "recovery_s": round(min(well) - ended, 3) if well else None, "memory_before_mb": round(rest_mb),
                "memory_peak_mb": round(peak_mb), "findings": report["findings"]}
    finally:
        shop.remove()


def main(options):
    options.load = os.environ.get("STOA_LOAD", pathlib.Path(options.binary).parent / "stoa_load")
    options.capacity_seconds, options.connections = min(10, options.overload_seconds), 1_500
    table = run(options)
    print(json.dumps(table) if options.json else "\n".join(f"{name} {value}" for name, value in table.items()))
    return 1 if table["findings"] or table["other_answers"] or table["refused_without_retry_after"] else 0
