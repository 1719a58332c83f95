"""Breaks a shop on purpose, over and over, under clients that keep a record of every acknowledgement, and holds the shop
against that record and against its own logs. `./dev chaos --help` tells how to run it."""
import argparse, contextlib, json, os, pathlib, random, signal, sqlite3, statistics, subprocess, sys, threading, time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "acceptance")]
import clients, shapes
from patience import PATIENCE
from steered import SmtpServer, serving

POINTS = ["before_append", "after_append", "before_commit", "after_commit", "before_reply", "after_reply", "before_publish",
          "after_publish", "before_checkpoint", "after_checkpoint", "before_wal_checkpoint", "after_wal_checkpoint",
          "before_provider_call", "after_provider_call", "before_mail", "after_mail"]
PASSAGES = {"append": 150, "commit": 60, "reply": 60, "publish": 150, "checkpoint": 3, "wal_checkpoint": 2, "provider_call": 25,
            "mail": 20}  # how often a short load passes a point, about
CYCLES_A_SHOP = 25  # then a new one is begun, and the old one is held against the whole record
CLIENTS = 6


def faults_of(shape, has_points):
    """What can be done to this shop here, the frequent ones several times."""
    faults = ["kill"] * 4
    if not shape.can_break:
        return faults
    faults += ["pause", "pause_and_kill", "disk_full"]
    if shapes.io_error_library():
        faults += ["io_error"]
    if shapes.faketime_library():
        faults += ["clock", "clock_and_kill"]
    return faults + (["point"] * 8 if has_points else [])


class Cycle:
    """One life of the shop: started, loaded, broken, ended; deterministic in what it chooses, not in what the shop meets."""

    def __init__(self, seed, shop, record, options):
        self.seed, self.shop, self.record, self.options = seed, shop, record, options
        self.random = random.Random(seed)
        self.fault = self.random.choice(faults_of(shop, options.points))
        self.point = self.random.choice(POINTS) if self.fault == "point" else None
        if options.fault:
            name, _, point = options.fault.partition(":")
            if name not in faults_of(shop, options.points):
                raise RuntimeError(f"the fault {name} cannot be made here")
            self.fault, self.point = name, point or (self.random.choice(POINTS) if name == "point" else None)
        self.ready = None
        self.until = 0

    def crash_at(self):
        if not self.point:
            return None
        passages = PASSAGES[self.point.split("_", 1)[1]]
        return f"{self.point}:{self.random.randint(1, passages)}"

    def run(self):
        """Seconds until it was ready; None when it was made to crash before that."""
        shop = self.shop
        self.ready = shop.start(crash_at=self.crash_at(), io_errors=self.fault == "io_error",
                                clock=self.fault.startswith("clock"), plant=self.options.plant) \
            if shop.can_break else shop.start()
        if not shop.is_running():
            return None
        self.until = time.monotonic() + 60
        seeds = [self.random.random() for _ in range(CLIENTS)]
        threads = [threading.Thread(target=self.client, args=(seed,), daemon=True) for seed in seeds]
        for thread in threads:
            thread.start()
        try:
            self.harm()
        finally:
            shop.heal()
            if shop.is_running():
                shop.kill()  # in the middle of what the clients do
            self.until = 0
            for thread in threads:
                thread.join(timeout=60 * PATIENCE)
        return self.ready

    def client(self, seed):
        rng = random.Random(seed)
        try:
            # What earlier lives left without an answer first: its repeat meets the recovering shop.
            with self.record.lock:
                left = list(self.record.open)
            for request in rng.sample(left, min(3, len(left))):
                clients.send(self.shop.address, self.record, request, timeout=10 * PATIENCE)
            clients.work(self.shop.address, self.record, rng, lambda: self.until if self.shop.is_running() else 0)
        except Exception as e:  # of the suite itself: a finding, for what is not looked at proves nothing
            self.record.complain(f"a client failed: {type(e).__name__} {e}")

    def load(self, least=0.05, most=0.4):
        time.sleep(self.random.uniform(least, most))

    def harm(self):
        """Ends with the shop dead or about to be killed."""
        shop, kind = self.shop, self.fault
        if kind == "point":
            if shop.wait_for_end(3) and shop.exit_code() != -signal.SIGKILL:
                self.record.complain(f"it ended by itself with {shop.exit_code()}: {shop.last_words()}")
            return
        self.load()
        if kind.startswith("pause"):
            shop.signal(signal.SIGSTOP)
            time.sleep(self.random.uniform(0.3, 2.5))
            if kind == "pause":
                shop.signal(signal.SIGCONT)
                self.load()
        elif kind in ("disk_full", "io_error"):
            # An error comes and goes, so that it meets many batches; space is missing for a while.
            for _ in range(1 if kind == "disk_full" else 12):
                shop.fill_disk() if kind == "disk_full" else shop.break_disk()
                self.load(0.3, 1.0) if kind == "disk_full" else self.load(0.005, 0.04)
                shop.heal()
                self.load(0.01, 0.06)
            self.load(0.3, 1.5)  # long enough for calls to the provider whose answers could not be kept to be made again
        elif kind.startswith("clock"):
            for _ in range(3):
                shop.step_clock(self.random.choice([-3600, -90, -5, 5, 90, 1200]))
                self.load(0.05, 0.2)
        if shop.can_break and not shop.is_running():
            self.record.complain(f"it ended by itself with {shop.exit_code()}: {shop.last_words()}")

    def describe(self):
        return f"seed {self.seed}: {self.fault}" + (f" at {self.point}" if self.point else "")


class Run:
    """Cycles on shops that live for some cycles each."""

    def __init__(self, options):
        self.options = options
        self.cycles = self.lost = self.doubled = self.oversold = self.acknowledged = self.repeats = self.failures = 0
        self.ready_times, self.faults, self.findings = [], {}, []

    def make_shop(self, smtp):
        if self.options.url:
            return shapes.CommandShop(self.options.url, self.options.restart_command, self.options.kill_command)
        return shapes.LocalShop(self.options.binary, smtp.port, small_disk=os.geteuid() == 0, Payment__ProviderTimeoutMs=500)

    def all(self):
        first, last = self.options.first, self.options.first + self.options.cycles
        begun = time.monotonic()
        seed = first
        while seed < last and not self.findings and time.monotonic() < begun + self.options.seconds:
            # A shop is begun at the same seeds whatever the first one is, so that a failure can be repeated.
            end = min(last, seed - seed % CYCLES_A_SHOP + CYCLES_A_SHOP)
            with serving(SmtpServer()) as smtp:
                self.one_shop(seed, end, smtp)
            seed = end
        return self

    def one_shop(self, first, end, smtp):
        shop, record = self.make_shop(smtp), clients.Record()
        cycle = None
        try:
            shop.start(plant=self.options.plant) if shop.can_break else shop.start()
            clients.set_up(shop.address)
            shop.kill()
            for seed in range(first, end):
                cycle = Cycle(seed, shop, record, self.options)
                ready = cycle.run()
                self.cycles += 1
                self.faults[cycle.fault] = self.faults.get(cycle.fault, 0) + 1
                if ready is not None:
                    self.ready_times.append(ready)
                if self.options.sabotage:
                    with contextlib.closing(sqlite3.connect(shop.data + "/shop.db")) as database, database:
                        database.executescript(self.options.sabotage)
                report = shop.audit()
                self.judge(cycle, record.complaints + (report["findings"] if report else []))
                if self.options.verbose:
                    print(f"{cycle.describe()}, ready in {(ready or 0) * 1000:.0f} ms, {len(record.orders)} orders", file=sys.stderr)
                if self.findings:
                    return
            self.at_the_end(shop, record, cycle)
            self.mail(smtp, shop, record, cycle)
        except (RuntimeError, OSError, AssertionError) as e:
            self.judge(cycle, [f"{type(e).__name__}: {e}"])
        finally:
            shop.heal()
            if self.findings and self.options.keep and shop.can_break:
                (pathlib.Path(shop.folder) / "clients.json").write_text(json.dumps([one.told() for one in record.requests], indent=1))
                print(f"the folder is kept, with what the clients know in clients.json: {shop.folder}", file=sys.stderr)
                if shop.is_running():
                    shop.kill()
            else:
                shop.remove()

    def at_the_end(self, shop, record, cycle):
        self.ready_times.append(shop.start(plant=self.options.plant) if shop.can_break else shop.start())
        clients.resolve(shop.address, record)
        report = clients.quiesce(shop.address)
        told = clients.compare(shop.address, record, report, 0.2, random.Random(cycle.seed))
        self.lost += told["lost"]
        self.doubled += told["doubled"]
        self.oversold += told["oversold"]
        self.acknowledged += sum(1 for one in record.requests if one.is_settled())
        self.repeats += sum(one.sent - 1 for one in record.requests)
        self.failures += record.failures
        self.judge(cycle, told["notes"])
        shop.kill()
        final = shop.audit()
        if final:
            self.judge(cycle, final["findings"])

    def mail(self, smtp, shop, record, cycle):
        """Each message once for who drops repeats by Message-ID, and one for each order that has ended."""
        if not shop.can_break:
            return
        ids = set(smtp.ids())
        about = {i.split("@")[0].split(".")[0] for i in ids}
        missing = [order for order in record.orders if f"order-{order}" not in about and f"<order-{order}" not in about]
        if missing:
            self.judge(cycle, [f"nobody got mail about {len(missing)} orders, the first {missing[0]}"])

    def judge(self, cycle, notes):
        if not notes:
            return
        again = f"./dev chaos --first {cycle.seed - cycle.seed % CYCLES_A_SHOP if cycle else self.options.first} --cycles " \
                f"{cycle.seed % CYCLES_A_SHOP + 1 if cycle else 1}" + (f" --fault {self.options.fault}" if self.options.fault else "")
        self.findings += [f"{cycle.describe() if cycle else 'set-up'}: {note}" for note in notes[:20]]
        self.findings.append("repeat with: " + again)

    def table(self):
        ready = sorted(self.ready_times) or [0]
        return {"cycles": self.cycles, "acknowledged": self.acknowledged, "sent_again": self.repeats, "failures": self.failures, "lost": self.lost,
                "doubled": self.doubled, "oversold": self.oversold, "ready_median_ms": round(statistics.median(ready) * 1000),
                "ready_max_ms": round(ready[-1] * 1000), "faults": self.faults, "findings": self.findings}


def parse(arguments):
    parser = argparse.ArgumentParser(prog="./dev chaos", description=__doc__)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--first", type=int, default=1, metavar="SEED")
    parser.add_argument("--seconds", type=float, default=10**9, help="begin no new shop, and no new cycle of a stack, after so long")
    parser.add_argument("--fault", help="only this one, e.g. kill, disk_full, point:before_commit")
    parser.add_argument("--binary", default=os.environ.get("STOA_PLANTED_BINARY", shapes.ROOT / "build" / "planted" / "stoa"))
    parser.add_argument("--plant", help="a planted defect to turn on")
    parser.add_argument("--sabotage", metavar="SQL", help="run on the file between two lives, to see that it is found")
    parser.add_argument("--url", help="a shop elsewhere, with --restart-command and --kill-command")
    parser.add_argument("--restart-command")
    parser.add_argument("--kill-command")
    parser.add_argument("--stack", action="store_true", help="a fleet with its servers instead of one process")
    parser.add_argument("--replicas", type=int, default=2, help="of each service of the stack")
    parser.add_argument("--away", type=float, default=20, metavar="SECONDS", help="for so long a service of the stack is away")
    parser.add_argument("--overload", action="store_true", help="ten times the capacity instead of crashes")
    parser.add_argument("--overload-seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the folder of a failing shop")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args(arguments)
    if options.url and not (options.restart_command and options.kill_command):
        parser.error("--url needs --restart-command and --kill-command")
    version = "" if options.url else subprocess.run([options.binary, "version"], capture_output=True, text=True).stdout
    options.points = "planted" in version
    return options


def main(arguments):
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # and what was begun is cleared away
    if options.stack:
        import stack_run
        return stack_run.main(options)
    if options.overload:
        import overload
        return overload.main(options)
    table = Run(options).all().table()
    if options.json:
        print(json.dumps(table))
    else:
        print(f"{table['cycles']} cycles, {table['acknowledged']} requests acknowledged ({table['sent_again']} sent again, {table['failures']} answered with a failure): "
              f"{table['lost']} lost, {table['doubled']} doubled, {table['oversold']} oversold; "
              f"ready after {table['ready_median_ms']} ms (median), {table['ready_max_ms']} ms (most)")
        print("faults: " + ", ".join(f"{name} {count}" for name, count in sorted(table["faults"].items())))
        for finding in table["findings"]:
            print("  " + finding)
    return 1 if table["findings"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
