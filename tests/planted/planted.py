"""Turns each planted defect on and shows which suite catches it, and how soon. `./dev planted --help` tells how to run it.

A suite counts only if it passes without any defect; that is tried first."""
import argparse, contextlib, json, os, pathlib, re, signal, subprocess, sys, time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "planted"
CATCH_MAX = {"unit": 200, "simulation": 200, "acceptance": 150, "chaos": 150}  # seconds; what hangs is caught too
LATER = ["simulation:600", "unit:*", "acceptance:test_orders.py", "chaos:--cycles 8 --first 100"]  # when no tagged suite catches it

# What the histories of the simulated shop should catch, beside what CASES names.
SIMULATED = """no_idempotency_lookup reply_before_commit rollback_keeps_memory price_at_payment expiry_ignores_payment
    cancel_keeps_money over_fulfilment refund_above_paid capture_not_deduplicated compensation_not_retried
    provider_called_before_commit not_found_is_final work_forgotten wrong_amount_accepted oversell
    reservation_not_released_on_decline fulfilment_counted_twice transfer_one_half
    backorder_limit_ignored count_applies_counted mail_not_taken_up mail_key_changes
    position_from_sequence retry_without_key""".split()
SIMULATION = "simulation:600"

# For each defect the suites that should catch it, the fastest first.
CASES = {
    "no_idempotency_lookup": ["acceptance:test_orders.py -k key_makes_one"],
    "reply_before_commit": ["unit:WriteLoop*", "chaos:--cycles 6 --fault point:before_commit"],
    "checkpoint_before_effect": ["unit:Subscription*"],
    "expected_revision_ignored": ["unit:*EventLogContract*"],
    "inbox_position_ignored": ["unit:Subscription*"],
    "off_by_one_in_position": ["unit:Subscription*"],
    "gap_ignored": ["unit:*LogChain*", "unit:KafkaMessaging*"],
    "hash_unchained": ["unit:*LogChain*"],
    "recorded_at_falls": ["unit:*EventLogContract*"],
    "batch_not_retried": ["unit:WriteLoop*"],
    "never_shed": ["unit:WriteLoop*"],
    "rollback_keeps_memory": ["unit:OrdersTest*"],
    "news_wakeup_lost": ["unit:News*"],
    "cache_not_invalidated": ["acceptance:test_caching.py"],
    "cache_takes_older": ["unit:MemoryCache*"],
    "price_at_payment": ["acceptance:test_orders.py -k price_of_its_moment"],
    "rounding_per_line": ["acceptance:test_orders.py -k price_of_its_moment"],
    "offers_stale": ["acceptance:test_orders.py -k price_of_its_moment"],
    "expiry_ignores_payment": ["unit:Order.*"],
    "cancel_keeps_money": ["unit:Order.*"],
    "over_fulfilment": ["unit:Order.*"],
    "refund_above_paid": ["unit:Order.*"],
    "personal_data_unsealed": ["acceptance:test_leaks.py"],
    "capture_not_deduplicated": ["unit:Payment.*"],
    "compensation_not_retried": ["unit:PaymentsTest*"],
    "webhook_signature_unchecked": ["unit:WebhookSignature*"],
    "webhook_age_unchecked": ["unit:WebhookSignature*"],
    "webhook_repeat_taken": ["acceptance:test_webhooks.py -k settles_a_payment_once"],
    "provider_called_before_commit": ["unit:PaymentsTest*"],
    "not_found_is_final": ["unit:PaymentsTest*"],
    "work_forgotten": ["unit:PaymentsTest*"],
    "wrong_amount_accepted": ["unit:Payment.*"],
    "refund_reserve_ignored": ["unit:Payment.*"],
    "oversell": ["unit:Stock*"],
    "reservation_not_released_on_decline": ["acceptance:test_orders.py -k every_token"],
    "fulfilment_counted_twice": ["unit:Stock*"],
    "transfer_one_half": ["unit:Transfer*"],
    "closed_location_serves": ["unit:Serving*"],
    "backorder_limit_ignored": ["unit:Stock*"],
    "count_applies_counted": ["unit:Count*"],
    "search_misses_updates": ["acceptance:test_search.py -k changed_product"],
    "search_trusts_any_log": ["acceptance:test_search.py -k another_history"],
    "search_counts_released": ["acceptance:test_search.py -k stock_and_sales"],
    "lost_wakeup": ["acceptance:test_jobs.py -k followed_and_reported"],
    "job_not_resumed": ["acceptance:test_jobs.py -k killed_goes_on_and_doubles"],
    "job_checkpoint_lost": ["unit:Jobs*"],
    "backup_keeps_keys": ["acceptance:test_backup.py -k without_its_keys"],
    "backup_misses_changes": ["unit:Changes*"],
    "restore_keeps_epoch": ["acceptance:test_backup.py -k ahead_of_the_backup"],
    "mail_not_taken_up": ["unit:NotificationsTest*"],
    "mail_key_changes": ["acceptance:test_notifications.py -k killed_between"],
    "mail_sent_before_commit": ["unit:NotificationsTest*"],
    "no_fence": ["unit:PostgresDatabase*"],
    "unanswered_commit_is_done": ["unit:PostgresDatabase*"],
    "position_from_sequence": ["unit:*EventLogContract*"],
    "confirm_ignored": ["unit:KafkaMessaging*"],
    "acknowledge_before_effect": ["unit:RabbitmqTasks*"],
    "retry_without_key": ["unit:PaymentsTest*"],
    "lease_ignored": ["unit:PaymentReplicasTest*"],
    "claim_ignored": ["unit:NotificationsTest*"],
    "tails_unread": ["unit:KafkaMessaging.ARelayThat*:KafkaMessaging.WhatABroker*"],
    "cut_unheard": ["unit:KafkaMessaging.WhatABroker*"],
    "lost_place_skipped": ["unit:KafkaMessaging.ATopicThatWasMadeAnew*:KafkaMessaging.WhatKafkaDeleted*"],
    "epochs_unread": ["acceptance:test_fleet_restore.py -k ahead_of_the_backup"],
}


def defects():
    """As the header lists them."""
    header = (ROOT / "src/kernel/base/planted.hpp").read_text()
    return re.findall(r"defect\((\w+)\)", header)


def command_of(suite):
    kind, _, rest = suite.partition(":")
    python = sys.executable
    if kind == "unit":
        return [str(BUILD / "stoa_tests"), "--gtest_brief=1", "--gtest_fail_fast", "--gtest_filter=" + rest]
    if kind == "simulation":
        binary = BUILD / "stoa_simulate"
        return [str(binary), "--seeds=" + rest, "--seconds=120", "--failures=1", "--no-shrink"] if binary.exists() else None
    if kind == "acceptance":
        file, *options = rest.split(" ")
        return [python, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", str(ROOT / "tests" / "acceptance" / file), *options]
    return [python, str(ROOT / "tests" / "chaos" / "chaos.py"), "--binary", str(BUILD / "stoa"), *rest.split(" ")]


def run(suite, defect=None):
    """Whether it passed, the seconds, and the last words of one that failed."""
    environment = {**os.environ, "STOA_BINARY": str(BUILD / "stoa"), "STOA_PLANTED_BINARY": str(BUILD / "stoa")}
    environment.pop("STOA_PLANT", None)
    if defect:
        environment["STOA_PLANT"] = defect
    begun = time.monotonic()
    process = subprocess.Popen(command_of(suite), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                               env=environment, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=CATCH_MAX[suite.split(":")[0]])
        passed = process.returncode == 0 and "] 0 tests" not in out  # of GoogleTest, whose filter met nothing
    except subprocess.TimeoutExpired:
        passed, out = False, end(process) + "\nhangs"
    return passed, time.monotonic() - begun, out


def end(process):
    """Politely first, so that it clears away what it began."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number) if number == signal.SIGTERM else os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[0] or ""
    return ""


def why(out):
    """The line that names the test, or the finding."""
    for pattern in (r"FAILED (tests/\S+|\S+::\S+)", r"\[  FAILED  \] (\S+)", r"^(seed \d+:\n  .*)", r"^(set-up: .*)", r"(Assertion.*|assertion .*)",
                    r"(.*seed.*)", r"^(hangs)$"):
        found = re.search(pattern, out, re.M)
        if found:
            return " ".join(found.group(1).split())[:110]
    return (out.strip().splitlines() or ["without a word"])[-1][:110]


class Table:
    def __init__(self, options):
        self.options, self.begun, self.sound, self.rows = options, time.monotonic(), {}, []

    def is_sound(self, suite):
        """Passes without a defect: looked at once."""
        if suite not in self.sound:
            self.sound[suite] = command_of(suite) is not None and run(suite)[0]
            if not self.sound[suite] and command_of(suite) is not None:
                print(f"not counted, for it fails without a defect: {suite}", file=sys.stderr)
        return self.sound[suite]

    def is_over(self):
        return time.monotonic() - self.begun > 60 * self.options.minutes

    def catch(self, defect):
        """Every suite that the defect names, for each is to catch it; the others only if none of these did."""
        tagged = [*CASES.get(defect, []), *([SIMULATION] if defect in SIMULATED else [])]
        caught = [suite for suite in tagged if self.try_one(defect, suite)]
        for suite in [] if caught or self.options.tagged_only else LATER:
            if self.try_one(defect, suite):
                return
        if not caught:
            self.add(defect, None, 0, "no time left" if self.is_over() else "nothing failed")

    def try_one(self, defect, suite):
        if self.is_over() or not self.is_sound(suite):
            return False
        passed, seconds, out = run(suite, defect)
        if passed:
            print(f"not caught by {suite} in {seconds:.1f} s: {defect}", file=sys.stderr)
        else:
            self.add(defect, suite, seconds, why(out))
        return not passed

    def add(self, defect, suite, seconds, reason):
        self.rows.append({"defect": defect, "caught_by": suite, "seconds": round(seconds, 1), "why": reason})
        print(f"| {defect} | {suite or '**missed**'} | {seconds:.1f} s | {reason} |", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev planted", description=__doc__)
    parser.add_argument("--only", default="", help="names of defects, with commas")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--tagged-only", action="store_true", help="only the suites that each defect names")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    known = defects()
    wanted = [name for name in options.only.split(",") if name] or known
    unknown = set(wanted) - set(known)
    if unknown:
        parser.error("no such defect: " + ", ".join(sorted(unknown)))
    table = Table(options)
    print("| defect | caught by | after | how |\n|---|---|---|---|")
    for defect in wanted:
        table.catch(defect)
    caught = len({row["defect"] for row in table.rows if row["caught_by"]})
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(table.rows, indent=1))
    print(f"{caught} caught, {len(wanted) - caught} missed")
    return 0 if caught == len(wanted) else 1


if __name__ == "__main__":
    sys.exit(main())
