"""`stoa up --stack`: servers and services as processes of one AppHost, which looks after them and leaves nothing behind."""
import contextlib, glob, http.client, json, os, pathlib, re, shutil, signal, socket, subprocess, tempfile, threading, time, types, urllib.parse
import pytest
from conftest import STOA, Shop
from patience import PATIENCE, SANITIZER
from servers import FOLDER, free_port

if SANITIZER == "tsan":
    pytest.skip("the thread sanitizer does not know the threads of Kafka's client, made by thrd_create", allow_module_level=True)
if not glob.glob("/usr/lib/postgresql/*/bin"):
    pytest.skip("PostgreSQL is not installed", allow_module_level=True)
if not (FOLDER / "kafka").is_dir() or not shutil.which("java"):
    pytest.skip(f"Kafka is not in {FOLDER}: `./dev servers` could not fetch it", allow_module_level=True)

SERVERS = [{"name": "postgres", "kind": "postgres", "endpoints": [{"name": "tcp", "port": 0}]},
           {"name": "kafka", "kind": "kafka", "endpoints": [{"name": "tcp", "port": 0}]}]


def service(name, port=0, **members):
    return {"name": name, "kind": "service", "references": ["postgres", "kafka"], "endpoints": [{"name": "http", "port": port}], **members}


def processes():
    """Parent and start time by process id; a zombie is none."""
    found = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = pathlib.Path(stat).read_text().rsplit(") ", 1)
            fields = rest.split()
            if fields[0] != "Z":
                found[int(name.split(" ")[0])] = (int(fields[1]), fields[19])
    return found


def below(root):
    """All processes below one, with their start times."""
    all_of_them, found = processes(), {root}
    while more := {p for p, (parent, _) in all_of_them.items() if parent in found} - found:
        found |= more
    return {(p, all_of_them[p][1]) for p in found if p in all_of_them}


def alive(those):
    now, found = processes(), {}
    for p, start in those:
        with contextlib.suppress(OSError):
            if p in now and now[p][1] == start:
                found[p] = pathlib.Path(f"/proc/{p}/cmdline").read_text()[:200]
    return found


def until_true(what, seconds=30):
    until = time.monotonic() + seconds * PATIENCE
    while not (value := what()):
        assert time.monotonic() < until, "waited for too long"
        time.sleep(0.05)
    return value


class Stack:
    def __init__(self, *resources, **settings):
        self.data = tempfile.mkdtemp(prefix="stoa-stack-")
        self.manifest = self.data + "/apphost.json"
        pathlib.Path(self.manifest).write_text(json.dumps({"resources": list(resources)}))
        self.settings = {"STOA__" + name: value for name, value in settings.items()}
        self.process = None

    def begin(self, *options):
        self.process = subprocess.Popen([STOA, "up", "--stack", "--manifest", self.manifest, "--data", self.data, *options],
                                        stdout=open(self.data + "/out", "w"), stderr=open(self.data + "/err", "w"),
                                        env={**os.environ, **self.settings})
        return self

    def start(self, *options):
        self.begin(*options)
        until_true(lambda: "The stack is ready" in self.out() or self.process.poll() is not None, 120)
        assert self.process.poll() is None, self.out() + pathlib.Path(self.data + "/err").read_text()
        return self

    def out(self):
        return pathlib.Path(self.data + "/out").read_text()

    def run(self, *arguments):
        return subprocess.run([STOA, *arguments, "--data", self.data], capture_output=True, text=True, timeout=120 * PATIENCE)

    def do(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ps(self, resource=None):
        rows = json.loads(self.do("ps", "--json"))
        return {row["name"]: row for row in rows if resource in (None, row["resource"])}

    def replicas(self, name):
        """As the gateway reads them."""
        return json.loads(pathlib.Path(self.data + "/services.json").read_text())[name]

    def call(self, name, method, path, body=None, url=None, **members):
        replica = types.SimpleNamespace(port=urllib.parse.urlsplit(url or self.replicas(name)[0]).port)
        secret = pathlib.Path(self.data + "/keys").read_text().split()[0]
        return Shop.call(replica, method, path, body, key=secret, **members)

    def keeper(self):
        return next(p for p, command in alive(below(self.process.pid)).items() if command.endswith("keeper\0"))

    def end(self, how):
        self.process.send_signal(how)
        return self.process.wait(timeout=60 * PATIENCE)

    def remove(self):
        if self.process and self.process.poll() is None:
            those = below(self.process.pid)
            self.end(signal.SIGKILL)
            until_true(lambda: not alive(those))
        shutil.rmtree(self.data, ignore_errors=True)


@pytest.fixture
def make():
    stacks = []

    def made(*resources, **settings):
        stacks.append(Stack(*resources, **settings))
        return stacks[-1]

    yield made
    for stack in stacks:
        stack.remove()


@pytest.fixture(scope="module")
def stack():
    taken = free_port()
    stack = Stack(*SERVERS, service("catalog", taken), service("ordering", replicas=2, environment={"STOA__Logging__Level": "debug"}))
    stack.taken = taken
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        stack.start()
    yield stack
    stack.remove()


def test_what_the_manifest_says_is_up_and_works(stack):
    rows = stack.ps()
    assert set(rows) == {"postgres", "kafka", "catalog-1", "ordering-1", "ordering-2"}
    assert {row["state"] for row in rows.values()} == {"ready"}
    assert [rows[name]["kind"] for name in ("postgres", "ordering-2")] == ["server", "service"]
    programs = {name: os.path.basename(os.readlink(f"/proc/{row['pid']}/exe")) for name, row in rows.items()}
    assert programs == {"postgres": "postgres", "kafka": "java", "catalog-1": STOA.name, "ordering-1": STOA.name, "ordering-2": STOA.name}
    assert stack.replicas("ordering") == [rows["ordering-1"]["url"], rows["ordering-2"]["url"]]
    made = stack.call("catalog", "POST", "/v1/products", {"handle": "mug", "title": "Mug", "status": "active", "variants": [
        {"sku": "MUG", "prices": [{"amount": 900, "currency": "GBP"}]}]})
    assert made.status == 201, made.body
    order = {"currency": "GBP", "customer": {"email": "a@example.org", "name": "A"}, "lines": [{"sku": "MUG", "quantity": 1}],
             "payment": {"provider": "simulator", "token": "tok_ok"}}
    for url in stack.replicas("ordering"):  # what Catalog said has come over Kafka to the database that both have
        until_true(lambda: stack.call("ordering", "POST", "/v1/orders", order, url=url, idempotency=url).status in (200, 201, 202))


def test_a_port_that_is_taken_is_replaced_and_named(stack):
    found = re.search(rf"Port {stack.taken} is taken: catalog is at (\d+) instead", stack.out())
    assert found, stack.out()
    assert stack.ps()["catalog-1"]["url"].endswith(":" + found.group(1))


def test_a_folder_has_one_apphost_and_without_one_the_commands_say_so(stack):
    again = subprocess.run([STOA, "up", "--stack", "--data", stack.data], capture_output=True, text=True)
    assert again.returncode == 1 and "Another Stoa runs on the data folder" in again.stderr
    nobody = subprocess.run([STOA, "ps", "--data", "/nowhere"], capture_output=True, text=True)
    assert nobody.returncode == 1 and "No stack runs on /nowhere" in nobody.stderr
    unknown = stack.run("restart", "basket")
    assert unknown.returncode == 1 and "There is no resource basket" in unknown.stderr
    assert stack.run("scale", "postgres=2").returncode == 1 and stack.run("scale", "ordering").returncode == 2


def test_what_is_killed_comes_back_at_its_port(stack):
    for name in ("ordering-2", "postgres"):
        before = stack.ps()
        os.kill(before[name]["pid"], signal.SIGKILL)
        until_true(lambda: stack.ps()[name]["pid"] not in (None, before[name]["pid"]))
        until_true(lambda: stack.ps()[name]["state"] == "ready")
        assert stack.ps()[name]["url"] == before[name]["url"]
    assert "was ended by signal 9" in stack.do("logs", "ordering")
    until_true(lambda: len(stack.replicas("ordering")) == 2)
    assert stack.call("catalog", "GET", "/v1/products").status == 200


def test_a_kafka_that_is_killed_does_not_wait_for_its_own_session(make):
    stack = make(SERVERS[1]).start()
    pid = stack.ps()["kafka"]["pid"]
    os.kill(pid, signal.SIGKILL)
    until_true(lambda: stack.ps()["kafka"]["pid"] not in (None, pid))
    until_true(lambda: stack.ps()["kafka"]["state"] == "ready")
    assert stack.do("logs", "kafka").count("apphost: It ") == 1  # it is let in at its first start


@contextlib.contextmanager
def trickle(stack, name, path):
    """Requests to each replica in turn, as the gateway's list had them half a second ago; yields the list of what went wrong."""
    ending, wrong, sent = threading.Event(), [], []

    def ask():
        nth, read_at = 0, 0
        while not ending.is_set():
            if time.monotonic() > read_at + 0.5:
                urls, read_at = stack.replicas(name), time.monotonic()
            nth += 1
            if not urls:
                wrong.append("there is no replica")
                return
            url = urls[nth % len(urls)]
            try:
                status = stack.call(name, "GET", path, url=url).status
                if status != 200:
                    wrong.append((url, status))
            except (OSError, http.client.HTTPException) as error:
                wrong.append((url, repr(error)))
            sent.append(url)
            time.sleep(0.01)

    clients = [threading.Thread(target=ask) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        yield wrong
    finally:
        ending.set()
        for client in clients:
            client.join()
    assert len(sent) > 50 and not wrong, wrong[:5]


def test_replicas_come_and_go_and_are_restarted_without_a_failed_request(stack):
    with trickle(stack, "ordering", "/v1/orders?limit=1"):
        stack.do("scale", "ordering=3")
        assert {row["state"] for row in stack.ps("ordering").values()} == {"ready"} and len(stack.replicas("ordering")) == 3
        before = stack.ps("ordering")
        stack.do("restart", "ordering")
        after = stack.ps("ordering")
        assert {row["state"] for row in after.values()} == {"ready"}
        assert all(after[name]["pid"] != before[name]["pid"] and after[name]["url"] == before[name]["url"] for name in before)
        stack.do("scale", "ordering=1")
        assert list(stack.ps("ordering")) == ["ordering-1"] and stack.replicas("ordering") == [after["ordering-1"]["url"]]
    assert not os.path.exists(f"/proc/{after['ordering-3']['pid']}")


def test_a_killed_apphost_takes_all_with_it_and_the_next_one_goes_on_with_the_data(stack):
    those = below(stack.process.pid)
    assert len(those) > 10  # the keeper, Java, PostgreSQL with its own processes
    stack.end(signal.SIGKILL)
    until_true(lambda: not alive(those), 10)
    stack.start()
    assert stack.call("catalog", "GET", "/v1/products").json["data"][0]["handle"] == "mug"


def test_logs_are_followed_until_the_stack_ends_and_sigint_leaves_nothing(stack):
    followed = subprocess.Popen([STOA, "logs", "ordering", "--follow", "--data", stack.data], stdout=subprocess.PIPE, text=True)
    those = below(stack.process.pid)
    assert stack.end(signal.SIGINT) == 0
    assert not alive(those)
    said, _ = followed.communicate(timeout=20 * PATIENCE)
    assert "ordering-1 | " in said and followed.returncode == 0
    assert stack.run("ps").returncode == 1


def test_daemons_too_end_with_the_apphost_and_with_the_keeper(make):
    daemon = {"name": "daemon", "kind": "executable", "command": ["sh", "-c", "(setsid sleep 1000 &) ; exec sleep 1000"]}
    stack = make(SERVERS[0], daemon)
    for process, status in ((lambda: stack.process.pid, -signal.SIGKILL), (stack.keeper, 1)):
        stack.start()
        those = below(stack.process.pid)
        assert sum("sleep" in command for command in alive(those).values()) >= 2
        os.kill(process(), signal.SIGKILL)
        assert stack.process.wait(timeout=30 * PATIENCE) == status
        until_true(lambda: not alive(those), 10)


def test_apphost_and_keeper_that_are_killed_at_once_take_all_with_them(make):
    stack = make({"name": "patient", "kind": "executable", "command": ["sleep", "1000"]}).start()
    those, keeper = below(stack.process.pid), stack.keeper()
    for how in (signal.SIGSTOP, signal.SIGKILL):
        for process in (stack.process.pid, keeper):
            os.kill(process, how)
    stack.process.wait()
    until_true(lambda: not alive(those), 10)


def test_redis_and_rabbitmq_and_any_program_are_brought_up_and_nothing_of_them_is_left(make):
    if not shutil.which("redis-server") or not os.path.exists("/usr/lib/rabbitmq/bin/rabbitmq-server"):
        pytest.skip("Redis or RabbitMQ is not installed")
    stack = make({"name": "redis", "kind": "redis", "endpoints": [{"name": "tcp", "port": 0}]},
                 {"name": "rabbitmq", "kind": "rabbitmq", "endpoints": [{"name": "tcp", "port": 0}, {"name": "management", "port": 0}]},
                 {"name": "pages", "kind": "executable", "command": ["python3", "-m", "http.server", "--bind", "127.0.0.1", "{port:http}"],
                  "endpoints": [{"name": "http", "port": 0}], "wait_for": ["redis"]}).start()
    assert {name: row["state"] for name, row in stack.ps().items()} == {"redis": "ready", "rabbitmq": "ready", "pages": "ready"}
    those = below(stack.process.pid)
    assert any("epmd" in line for line in alive(those).values())
    stack.do("restart", "redis")
    those |= below(stack.process.pid)
    assert stack.end(signal.SIGTERM) == 0
    assert not alive(those)


@pytest.mark.parametrize("resources, said", [
    ([{"name": "x", "kind": "mongodb"}], "/resources/0/kind"),
    ([{"name": "x", "kind": "service"}], "/resources/0/name is no service"),
    ([{"name": "redis", "kind": "redis", "wait_for": ["kafka"]}], "/resources/0/wait_for/0 names no resource"),
    ([{"name": "redis", "kind": "redis", "colour": "red"}], "/resources/0/colour"),
    ([{"name": "a", "kind": "executable", "command": ["true"], "wait_for": ["b"]},
      {"name": "b", "kind": "executable", "command": ["true"], "references": ["a"]}], "wait for each other: a -> b -> a"),
])
def test_a_wrong_manifest_is_named(make, resources, said):
    stack = make(*resources).begin()
    assert stack.process.wait(timeout=20 * PATIENCE) == 1
    assert said in pathlib.Path(stack.data + "/err").read_text()


def test_what_never_becomes_ready_is_named_with_what_it_said_and_the_rest_is_ended(make):
    stack = make({"name": "hasty", "kind": "executable", "command": ["sh", "-c", "echo no room at the inn; exit 3"]},
                 {"name": "patient", "kind": "executable", "command": ["sleep", "1000"]}).begin()
    assert stack.process.wait(timeout=40 * PATIENCE) == 1
    err = pathlib.Path(stack.data + "/err").read_text()
    assert "hasty is not ready: It ended with 3" in err and "no room at the inn" in err


def test_sigint_while_it_starts_leaves_nothing_too(make):
    stack = make({"name": "late", "kind": "executable", "command": ["sleep", "1000"], "endpoints": [{"name": "tcp", "port": 0}]}).begin()
    until_true(lambda: stack.run("ps").returncode == 0 and stack.ps()["late"]["pid"])
    assert stack.ps()["late"]["state"] == "starting" and "still starting" in stack.run("restart", "late").stderr
    those = below(stack.process.pid)
    assert stack.end(signal.SIGINT) == 0
    assert not alive(those)


def test_a_server_that_the_configuration_names_is_not_started(make):
    stack = make({"name": "redis", "kind": "redis"}, ConnectionStrings__Redis="127.0.0.1:1").start()
    row = stack.ps()["redis"]
    assert (row["state"], row["pid"]) == ("external", None)
    assert stack.end(signal.SIGINT) == 0


def test_the_built_in_manifest_is_printed():
    printed = subprocess.run([STOA, "up", "--stack", "--print-manifest"], capture_output=True, text=True, check=True).stdout
    resources = {one["name"]: one for one in json.loads(printed)["resources"]}
    assert {"postgres", "kafka", "redis", "rabbitmq", "catalog", "ordering", "payment", "notification", "agents", "gateway"} == set(resources)
    # Which services ask which.
    assert {name: [to for to in resources[name].get("references", []) if resources[to]["kind"] == "service"] for name in ("ordering", "notification")} == {
        "ordering": ["catalog"], "notification": ["ordering"]}
