"""What all measurements are made with."""
import contextlib, json, pathlib, shutil, statistics, subprocess, sys, time

BUILD = pathlib.Path(__file__).resolve().parents[1] / "build" / "release"
SECRET, PUBLISHABLE = "sk_" + "0123456789abcdef" * 2, "pk_" + "fedcba9876543210" * 2


def say(text):
    print("bench: " + text, file=sys.stderr, flush=True)


def run_json(*command):
    ran = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if not ran.stdout:
        sys.exit(f"bench: {command[0]} failed: {ran.stderr}")
    return json.loads(ran.stdout)


def load(port, what, seconds, *more):
    seen = run_json(BUILD / "stoa_load", what, "--port", port, "--seconds", seconds, *more)
    if seen["unexpected"]:
        sys.exit(f"bench: unexpected answers: {seen['outcomes']}")
    if not seen["requests"]:
        sys.exit(f"bench: no answer within {seconds} s")
    return seen


@contextlib.contextmanager
def constant_server(size):
    process = subprocess.Popen([BUILD / "stoa_constant_server", str(size)], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def proxy(command, port):
    """Runs it, and gives the port where it listens."""
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def nginx(folder, answer):
    """One worker, whose only location answers as the words of its configuration say; nothing where there is no nginx."""
    if not shutil.which("nginx"):
        yield None
        return
    port = 18_080
    conf = pathlib.Path(folder, "nginx.conf")
    conf.write_text(f"""worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
        events {{}} http {{ access_log off; keepalive_requests 1000000000;
        server {{ listen 127.0.0.1:{port}; location / {{ {answer} }} }} }}""")
    with proxy(["nginx", "-c", str(conf)], port):
        yield port


def middle(of, key):
    return statistics.median(one[key] for one in of)


class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, limit=None, limit_name=None, goal=None, at_most=False):
        ratio = value / limit if limit else None
        met = None if goal is None else (value <= goal if at_most else value >= goal)
        self.rows.append({"name": name, "value": round(value, 3), "unit": unit,
                          "limit": round(limit, 3) if limit else None, "limit_name": limit_name,
                          "ratio": round(ratio, 3) if ratio else None, "goal": goal, "met": met})

    def set_limit(self, name, limit, limit_name):
        """Of a row that was measured before its limit."""
        row = next(row for row in self.rows if row["name"] == name)
        row.update(limit=round(limit, 3), limit_name=limit_name, ratio=round(row["value"] / limit, 3))

    def print(self):
        show = lambda v: "" if v is None else (f"{v:,.0f}" if abs(v) >= 1000 else f"{v:g}") if not isinstance(v, (str, bool)) else str(v)
        print("| figure | value | unit | limit | of | ratio | goal | met |\n|---|---|---|---|---|---|---|---|")
        for row in self.rows:
            met = {None: "", True: "yes", False: "no"}[row["met"]]
            print("| " + " | ".join([row["name"], show(row["value"]), row["unit"], show(row["limit"]),
                                     row["limit_name"] or "", show(row["ratio"]), show(row["goal"]), met]) + " |")
