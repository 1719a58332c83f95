"""`./dev chaos --stack`: a stack is broken over and over while clients use it, and after each fault held against their record and audited."""
import contextlib, http.client, json, pathlib, random, statistics, sys, threading, time
import clients, stack_faults, stack_shop
from patience import PATIENCE

CYCLES_A_STACK = 20
CLIENTS = 6
PAUSE = 0.15  # seconds between two requests of a client, about
PROMPT = 5 * PATIENCE  # seconds in which an order is confirmed when nothing is wrong, on a machine that is not too busy
IN_A_ROW = 15  # prompt ones, before a fault and after it
CONFIRMED_MAX = 300 * PATIENCE  # seconds after a fault, or it has done harm


class Prober(threading.Thread):
    """Places orders one after another, and remembers how long each took to end: confirmed, or cancelled by a client meanwhile."""

    def __init__(self, address, record, seen):
        super().__init__(daemon=True)
        self.address, self.record, self.seen, self.stopping = address, record, seen, False

    def run(self):
        while not self.stopping:
            request, begun = clients.order({random.choice(clients.SKUS): 1}), time.monotonic()
            self.record.add(request)
            is_told = clients.send(self.address, self.record, request, wait=30, timeout=40 * PATIENCE)
            has_ended = is_told and request.answer[0] in clients.DONE and self.has_ended(request.answer[1])
            self.seen.append((begun, time.monotonic() - begun if has_ended else float("inf")))
            time.sleep(0.1)

    def has_ended(self, order):
        """On a machine that is very busy it takes longer than anybody may wait for."""
        until = time.monotonic() + CONFIRMED_MAX / 2
        while order["status"] == "placed" and not self.stopping and time.monotonic() < until:
            with contextlib.suppress(OSError, http.client.HTTPException, RuntimeError):
                order = clients.get(self.address, "/v1/orders/" + order["id"])
            time.sleep(0.1)
        return order["status"] != "placed"


class Load:
    """Clients and probers, until the end of the block."""

    def __init__(self, shop, record, rng, waits):
        self.shop, self.record, self.seen, self.until = shop, record, [], float("inf")
        self.threads = [threading.Thread(target=self.client, args=(random.Random(rng.random()), waits), daemon=True) for _ in range(CLIENTS)]
        self.probers = [Prober(shop.address, record, self.seen) for _ in range(3)]

    def client(self, rng, waits):
        try:
            clients.work(self.shop.address, self.record, rng, lambda: self.until, PAUSE, waits)
        except Exception as e:  # of the suite itself: what is not looked at proves nothing
            self.record.complain(f"a client failed: {type(e).__name__} {e}")

    def __enter__(self):
        for thread in [*self.threads, *self.probers]:
            thread.start()
        return self

    def __exit__(self, *_):
        self.until = 0
        for prober in self.probers:
            prober.stopping = True
        for thread in [*self.threads, *self.probers]:
            thread.join(timeout=60 * PATIENCE)

    def warm_up(self):
        """Until orders are confirmed as usual here; what is four times as long is not prompt later."""
        until = time.monotonic() + CONFIRMED_MAX
        while sum(took < float("inf") for _, took in list(self.seen)) < IN_A_ROW:
            if time.monotonic() > until:
                raise RuntimeError("orders are not confirmed though nothing was broken")
            time.sleep(0.05)
        usual = sorted(took for _, took in list(self.seen))[-IN_A_ROW:]
        self.prompt = max(PROMPT, 4 * statistics.median(usual))

    def confirmed_after(self, moment):
        """Seconds until an order was confirmed from which on all were confirmed promptly."""
        until = time.monotonic() + CONFIRMED_MAX
        while time.monotonic() < until:
            later = sorted(one for one in list(self.seen) if one[0] >= moment)
            last_late = max((at for at, (_, took) in enumerate(later) if took > self.prompt), default=-1)
            prompt = later[last_late + 1:]
            if len(prompt) >= IN_A_ROW:
                return sum(prompt[0]) - moment
            time.sleep(0.05)
        took = [took for begun, took in self.seen if begun >= moment]
        raise RuntimeError(f"{CONFIRMED_MAX:.0f} s after the fault orders are not confirmed within {self.prompt:.1f} s: {len(took)} were placed, "
                           f"half of them took {statistics.median(took or [0]):.1f} s")


class Outcome:
    """Of all cycles with one fault."""

    def __init__(self):
        self.count, self.met, self.again_s, self.acknowledged, self.failures, self.sent_again = 0, {}, [], 0, 0, 0
        self.lost = self.doubled = self.oversold = 0

    def told(self):
        return {"count": self.count, "acknowledged": self.acknowledged, "sent_again": self.sent_again, "failures": self.failures,
                "lost": self.lost, "doubled": self.doubled, "oversold": self.oversold, "met": self.met,
                "confirmed_again_median_s": round(statistics.median(self.again_s), 2) if self.again_s else None,
                "confirmed_again_max_s": round(max(self.again_s), 2) if self.again_s else None}


class Run:
    def __init__(self, options):
        self.options, self.outcomes, self.findings, self.skipped, self.caught_up = options, {}, [], {}, []
        self.cycles, self.events, self.mails, self.mails_again, self.ready = 0, 0, 0, 0, []
        self.faults = {fault.__name__: (fault, weight) for fault, weight in stack_faults.FAULTS.items()}
        self.wanted = options.fault.split(",") if options.fault else []
        for name in self.wanted:
            if name not in self.faults:
                raise SystemExit(f"there is no fault {name}: there are {', '.join(self.faults)}")

    def fault_of(self, seed):
        """The name of the fault, and the chance that says the rest."""
        rng = random.Random(seed)
        chosen = rng.choices(list(self.faults), [weight for _, weight in self.faults.values()])[0]
        return self.wanted[seed % len(self.wanted)] if self.wanted else chosen, rng

    def all(self):
        first, last = self.options.first, self.options.first + self.options.cycles
        seed, self.until = first, time.monotonic() + self.options.seconds
        while seed < last and not self.findings and time.monotonic() < self.until:
            end = min(last, seed - seed % CYCLES_A_STACK + CYCLES_A_STACK)
            self.one_stack(seed, end)
            seed = end
        return self

    def one_stack(self, first, end):
        names = {self.fault_of(seed)[0] for seed in range(first, end)}
        shop = stack_shop.StackShop(self.options.binary, self.options.replicas, clock="clock" in names, small_disk="disk_full" in names,
                                    detour=any(self.faults[name][0] in stack_faults.DETOURS for name in names))
        record, seed, seen = clients.Record(), first, set()
        try:
            self.ready.append(shop.start())
            shop.set_up(record)
            for seed in range(first, end):
                if time.monotonic() > self.until:
                    break
                if not self.can_be_made(self.fault_of(seed)[0], shop):
                    continue
                self.cycle(seed, shop, record, seen)
                if self.findings:
                    return
            if self.options.sabotage:
                shop.psql("orderingdb", self.options.sabotage)
            self.at_the_end(seed, shop, record)
        except Exception as e:
            self.judge(seed, [f"{type(e).__name__}: {e}"])
        finally:
            self.caught_up += shop.caught_up
            if self.findings and self.options.keep:
                pathlib.Path(shop.folder, "clients.json").write_text(json.dumps([one.told() for one in record.requests], indent=1))
                print(f"the folder is kept, with what the clients know in clients.json: {shop.folder}", file=sys.stderr)
                shop.keep()
            else:
                shop.remove()

    def can_be_made(self, name, shop):
        reason = None
        if name == "clock" and not shop.clock:
            reason = "libfaketime is not installed"
        if name == "disk_full":
            reason = next((disk.why_not for disk in shop.disks.values() if disk.why_not), None)
        if reason:
            self.skipped[name] = reason
        return not reason

    def cycle(self, seed, shop, record, seen):
        name, rng = self.fault_of(seed)
        outcome = self.outcomes.setdefault(name, Outcome())
        failures, settled = record.failures, len(record.requests) - len(record.open)
        sent = sum(one.sent - 1 for one in record.requests)
        more = (self.options.away,) if name == "away" else ()
        # Who waits for an order that does not end asks less often: not while rates are measured.
        with Load(shop, record, rng, (0,) if name == "away" else (None, 0, 1, 2)) as load:
            load.warm_up()
            met = self.faults[name][0](shop, rng, *more)
            ended = time.monotonic()
            shop.heal()
            again_s = load.confirmed_after(ended)
            shop.wait_ready()
        clients.resolve(shop.address, record, patience=120)
        report = clients.quiesce(shop.address, patience=180, audit=shop.audit)
        told = clients.compare(shop.address, record, report, 0.1, rng, seen)
        seen |= set(record.orders)
        self.cycles += 1
        outcome.count += 1
        outcome.met[met] = outcome.met.get(met, 0) + 1
        outcome.again_s.append(again_s)
        outcome.acknowledged += len(record.requests) - len(record.open) - settled
        outcome.failures += record.failures - failures
        outcome.sent_again += sum(one.sent - 1 for one in record.requests) - sent
        for what in ("lost", "doubled", "oversold"):
            setattr(outcome, what, getattr(outcome, what) + told[what])
        self.judge(seed, told["notes"])
        if self.options.verbose:
            print(f"seed {seed}: {name} ({met}), confirmed again after {again_s:.2f} s, {len(record.orders)} orders", file=sys.stderr, flush=True)

    def at_the_end(self, seed, shop, record):
        """All orders once more, the chains of hashes, and mail about each order."""
        report = clients.quiesce(shop.address, audit=shop.audit)
        told = clients.compare(shop.address, record, report, 0.1, random.Random(0))
        self.judge(seed, told["notes"] + shop.audit("--chain")["findings"])
        self.events += report["checked"]["events"]
        until = time.monotonic() + 120 * PATIENCE
        while True:
            ids = list(shop.smtp.ids())
            about = {one.split("@")[0].split(".")[0] for one in ids}
            missing = [order for order in record.orders if f"order-{order}" not in about and f"<order-{order}" not in about]
            if not missing:
                break
            if time.monotonic() > until:
                self.judge(seed, [f"nobody got mail about {len(missing)} orders, the first {missing[0]}"])
                break
            time.sleep(0.5)
        self.mails += len(set(ids))
        self.mails_again += len(ids) - len(set(ids))

    def judge(self, seed, notes):
        if not notes:
            return
        name = self.fault_of(seed)[0]
        self.findings += [f"seed {seed}: {name}: {note}" for note in notes[:20]]
        first = seed - seed % CYCLES_A_STACK
        self.findings.append(f"repeat with: ./dev chaos --stack --first {first} --cycles {seed - first + 1}"
                             + (f" --fault {self.options.fault}" if self.options.fault else ""))

    def table(self):
        return {"cycles": self.cycles, "ready_max_s": round(max(self.ready, default=0), 1), "events": self.events, "mails": self.mails,
                "mails_again": self.mails_again, "faults": {name: one.told() for name, one in sorted(self.outcomes.items())},
                "caught_up": self.caught_up, "skipped": self.skipped, "findings": self.findings}


def main(options):
    why_not = stack_shop.missing()
    if why_not:
        raise SystemExit("no stack can run here: " + why_not)
    table = Run(options).all().table()
    if options.json:
        print(json.dumps(table))
    else:
        print("| fault | cycles | acknowledged | sent again | answered with a failure | lost, doubled, oversold | confirmed again: median, most |\n"
              "|---|---|---|---|---|---|---|")
        for name, one in table["faults"].items():
            print(f"| `{name}` | {one['count']} | {one['acknowledged']:,} | {one['sent_again']:,} | {one['failures']:,} | "
                  f"{one['lost']}, {one['doubled']}, {one['oversold']} | {one['confirmed_again_median_s']} s, {one['confirmed_again_max_s']} s |")
        print(f"{table['cycles']} cycles, {table['events']:,} events audited, {table['mails']:,} messages by mail, {table['mails_again']} of them "
              "sent again under the same Message-ID")
        for one in table["caught_up"]:
            print("caught up: " + json.dumps(one))
        for name, reason in table["skipped"].items():
            print(f"skipped: {name}: {reason}")
        for finding in table["findings"]:
            print("  " + finding)
    return 1 if table["findings"] else 0
