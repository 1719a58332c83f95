"""A running stack as the shop that the chaos suite breaks: servers, replicas of every service and the gateway, with a network of ours
between the services and the servers."""
import contextlib, glob, http.client, json, os, pathlib, re, shutil, signal, subprocess, tempfile, threading, time, uuid
import clients
from network import Network
from patience import PATIENCE
from servers import FOLDER, free_port
from shapes import PUBLISHABLE, SECRET, Address, ask, faketime_library
from steered import SmtpServer, serving

SERVICES = ["catalog", "ordering", "payment", "notification", "agents"]
SERVERS = ["postgres", "kafka", "redis", "rabbitmq"]
LINKS = [f"{service}-{server}" for service in SERVICES for server in ("postgres", "kafka")] + [
    "catalog-redis", "gateway-redis", "notification-rabbitmq"]
REPLICA_LINKS = [f"gateway-{service}-{nth}" for service in SERVICES for nth in range(4)]  # between the gateway and replicas
SMALL_DISK = {"postgres": 2_000, "kafka": 1_000}  # MB
READY_MAX = 300 * PATIENCE


def missing():
    """Why no stack can run here; nothing when one can."""
    if not glob.glob("/usr/lib/postgresql/*/bin"):
        return "PostgreSQL is not installed"
    if not (FOLDER / "kafka").is_dir() or not shutil.which("java"):
        return f"Kafka is not in {FOLDER}: `./dev servers` could not fetch it"
    if not (shutil.which("redis-server") or shutil.which("valkey-server")) or not os.path.exists("/usr/lib/rabbitmq/bin/rabbitmq-server"):
        return "Redis or RabbitMQ is not installed"
    return ""


def children(of):
    """Process ids below one, the nearest first."""
    parents = {}
    for stat in glob.glob("/proc/[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, rest = pathlib.Path(stat).read_text().rsplit(") ", 1)
            parents[int(name.split(" ")[0])] = int(rest.split()[1])
    found = [of]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


class SmallDisk:
    """A file system of its own under a server's folder, which can be filled up. Without root there is none, and `why_not` says so."""

    def __init__(self, folder, image, size_mb):
        self.folder, self.ballast, self.why_not = folder, folder + "/ballast", ""
        os.makedirs(folder)
        for command in (["truncate", "-s", f"{size_mb}M", image], ["mkfs.ext4", "-q", "-F", "-m", "0", image], ["mount", "-o", "loop", image, folder]):
            try:
                done = subprocess.run(command, capture_output=True, text=True)
            except FileNotFoundError as e:
                self.why_not = str(e)
                return
            if done.returncode:
                self.why_not = f"{command[0]}: {done.stderr.strip()}"
                return
        shutil.rmtree(folder + "/lost+found", ignore_errors=True)

    def fill(self):
        with open(self.ballast, "wb") as ballast:
            for piece in (1 << 26, 1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, piece)

    def heal(self):
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.ballast)

    def remove(self):
        if not self.why_not:
            subprocess.run(["umount", "--lazy", self.folder], check=False)


class Detour(threading.Thread):
    """Leads the gateway over links to the replicas that the stack names in a file, for as long as these come and go."""

    def __init__(self, network, named, told):
        super().__init__(daemon=True)
        self.network, self.named, self.told, self.seen, self.links, self.stopping = network, named, told, None, {}, False

    def run(self):
        while not self.stopping:
            with contextlib.suppress(FileNotFoundError):
                text = pathlib.Path(self.named).read_text()
                if text != self.seen:
                    self.seen = text
                    self.lead(json.loads(text))
            time.sleep(0.1)

    def lead(self, replicas):
        """A replica that stays keeps its link."""
        ports = {service: [int(url.rsplit(":", 1)[1]) for url in urls] for service, urls in replicas.items()}
        for service, listed in ports.items():
            kept = {link: port for link, port in self.links.get(service, {}).items() if port in listed}
            free = [link for link in REPLICA_LINKS if link.split("-")[1] == service and link not in kept]
            self.links[service] = kept | dict(zip(free, (port for port in listed if port not in kept.values())))
        self.network.point({link: port for links in self.links.values() for link, port in links.items()})
        urls = {service: [f"http://127.0.0.1:{self.network.ports[link]}" for link in sorted(links)] for service, links in self.links.items()}
        pathlib.Path(self.told + ".new").write_text(json.dumps(urls))
        os.replace(self.told + ".new", self.told)


class StackShop:
    """`clock` lets the clocks of the services be stepped (none without libfaketime), `small_disk` gives PostgreSQL and Kafka disks that can
    be filled, and with `detour` the gateway reaches replicas over links; all cost something, so they are for the faults that need them."""

    def __init__(self, binary, replicas=2, clock=False, small_disk=False, detour=False, **settings):
        self.binary, self.replicas = str(binary), replicas
        self.folder = tempfile.mkdtemp(prefix="stoa-chaos-stack-")
        os.chmod(self.folder, 0o755)  # of which PostgreSQL's user needs the disks
        self.data, self.process, self.disks, self.network, self.smtp = self.folder + "/data", None, {}, None, None
        self.clock = self.folder + "/clock" if clock and faketime_library() else None
        self.settings, self.address, self.undo = settings, Address(), contextlib.ExitStack()
        self.wants_disks, self.stopped, self.caught_up = small_disk, set(), []
        self.wants_detour, self.detour = detour, None

    def start(self):
        os.makedirs(self.data)
        if self.wants_disks:
            self.disks = {name: SmallDisk(f"{self.data}/{name}", f"{self.folder}/{name}.disk", size) for name, size in SMALL_DISK.items()}
        self.smtp = self.undo.enter_context(serving(SmtpServer()))
        self.ports = {name: free_port() for name in SERVERS}
        self.network = Network({link: self.ports[link.split("-")[1]] for link in LINKS} | dict.fromkeys(REPLICA_LINKS, 0))
        if self.wants_detour:
            self.detour = Detour(self.network, self.data + "/services.json", self.folder + "/services.json")
            self.detour.start()
        self.password = uuid.uuid4().hex
        kept = {"shop_secret": "5e" * 32, "postgres_password": self.password, "rabbitmq_password": uuid.uuid4().hex, "kafka_cluster": "A" * 22}
        self.rabbitmq_password = kept["rabbitmq_password"]
        pathlib.Path(self.data, "stack.json").write_text(json.dumps(kept))
        pathlib.Path(self.folder, "apphost.json").write_text(json.dumps({"resources": self.resources()}, indent=1))
        if self.clock:
            self.step_clock(0)
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [self.binary, "up", "--stack", "--manifest", self.folder + "/apphost.json", "--data", self.data, "--port", str(free_port()),
             "--replicas", str(self.replicas)], stdout=open(self.folder + "/out", "w"), stderr=open(self.folder + "/err", "w"),
            env={**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE,
                 **{"STOA__" + path: str(value) for path, value in self.settings.items()}})
        while not (found := re.search(r"listens on http://[\d.]+:(\d+)", pathlib.Path(self.folder, "out").read_text())):
            if self.process.poll() is not None or time.monotonic() > begun + READY_MAX:
                raise RuntimeError("the stack did not start: " + pathlib.Path(self.folder, "err").read_text()[-3000:])
            time.sleep(0.05)
        self.address.port = int(found.group(1))
        return time.monotonic() - begun

    def resources(self):
        servers = [{"name": name, "kind": name, "endpoints": [{"name": "tcp", "port": port}] + (
            [{"name": "management", "port": 0}] if name == "rabbitmq" else [])} for name, port in self.ports.items()]
        patient = {"health": {"timeout_seconds": int(READY_MAX)}}
        return [one | patient for one in servers + [self.service(name) for name in [*SERVICES, "gateway"]]]

    def service(self, name):
        """Its settings name the links instead of the servers."""
        at = lambda server: self.network.ports.get(f"{name}-{server}")
        settings = {"Payment__ProviderTimeoutMs": 2000, "Notification__RetryFirstMs": 100, "Notification__LeaseSeconds": 10,
                    "Notification__HandOverAgainSeconds": 10, "Smtp__Host": "127.0.0.1", "Smtp__Port": self.smtp.port,
                    "Smtp__From": "Shop <shop@shop.example>", "Kafka__Partitions": 3}
        if name == "gateway":
            settings = {"Services__File": self.folder + "/services.json"} if self.wants_detour else {}
        if at("postgres"):
            settings[f"ConnectionStrings__{name.capitalize()}Db"] = (
                f"Host=127.0.0.1;Port={at('postgres')};Database={name}db;Username=stoa;Password={self.password}")
            settings["Kafka__BootstrapServers"] = f"127.0.0.1:{at('kafka')}"
        if at("redis"):
            settings["ConnectionStrings__Redis"] = f"127.0.0.1:{at('redis')}"
        if at("rabbitmq"):
            settings["RabbitMQ__Port"] = at("rabbitmq")
        variables = {"STOA__" + path: str(value) for path, value in settings.items()}
        if self.clock and name != "gateway":
            variables |= {"LD_PRELOAD": faketime_library(), "FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_CACHE_DURATION": "1",
                          "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        references = [*SERVICES, "redis"] if name == "gateway" else [*SERVERS] + ["ordering"] * (name == "notification")
        return {"name": name, "kind": "service", "references": references, "endpoints": [{"name": "http", "port": 0}],
                "environment": variables}

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def run(self, *arguments, seconds=180):
        return subprocess.run([self.binary, *arguments, "--data", self.data], capture_output=True, text=True, timeout=seconds * PATIENCE,
                              env={**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE})

    def do(self, *arguments):
        done = self.run(*arguments)
        if done.returncode:
            raise RuntimeError(f"stoa {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def ps(self):
        return {row["name"]: row for row in json.loads(self.do("ps", "--json"))}

    def replicas_of(self, service):
        return [row for row in self.ps().values() if row["resource"] == service]

    def pid(self, name):
        """Of a process that is there, which one that is being started again is soon."""
        until = time.monotonic() + READY_MAX
        while not (found := self.ps()[name].get("pid")):
            if time.monotonic() > until:
                raise RuntimeError(f"{name} does not run")
            time.sleep(0.05)
        return found

    def send_signal(self, name, number, with_children=False):
        """Those that ended just now, by another's end perhaps, are no matter."""
        first = self.pid(name)
        for pid in [first, *(children(first) if with_children else [])]:
            self.kill_process(pid, number)

    def kill_process(self, pid, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            if number == signal.SIGSTOP:
                self.stopped.add(pid)

    def go_on(self):
        for pid in self.stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    def step_clock(self, seconds):
        pathlib.Path(self.clock + ".new").write_text(f"{seconds:+d}s\n")
        os.replace(self.clock + ".new", self.clock)

    def heal(self):
        self.go_on()
        if self.network:
            self.network.heal()
        for disk in self.disks.values():
            disk.heal()

    def wait_ready(self):
        """Until all that should run does; says what does not in the end."""
        until = time.monotonic() + READY_MAX
        while bad := {name: row["state"] for name, row in self.ps().items() if row["state"] != "ready"}:
            if time.monotonic() > until:
                raise RuntimeError(f"not ready again: {bad}")
            time.sleep(0.1)

    def psql(self, database, statement):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        done = subprocess.run([programs + "/psql", "-h", "127.0.0.1", "-p", str(self.ports["postgres"]), "-U", "stoa", "-At", "-c", statement,
                               database], capture_output=True, text=True, env={**os.environ, "PGPASSWORD": self.password})
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr}")
        return done.stdout

    def audit(self, *options):
        """What `stoa audit --fleet` says."""
        said = self.run("audit", "--fleet", "--json", *options, seconds=600)
        if not said.stdout:
            raise RuntimeError("the audit failed: " + said.stderr)
        return json.loads(said.stdout)

    def set_up(self, record):
        """Ends when Ordering, which hears of products over Kafka, sells all of them."""
        clients.set_up(self.address)
        until = time.monotonic() + READY_MAX
        for sku in clients.PRICE:
            while not any(one.body["lines"][0]["sku"] == sku for one in record.of_kind("order")):
                if time.monotonic() > until:
                    raise RuntimeError(f"Ordering does not hear of {sku}")
                request = clients.order({sku: 1})
                record.add(request)
                clients.send(self.address, record, request)
                time.sleep(0.05)

    def said(self):
        """The last words of every process."""
        return "\n".join(f"{file}: {pathlib.Path(file).read_text(errors='replace')[-1500:]}" for file in sorted(glob.glob(self.data + "/logs/*.log")))

    def stop(self, how=signal.SIGTERM):
        self.heal()
        if self.is_running():
            self.process.send_signal(how)
            self.process.wait(timeout=90 * PATIENCE)

    def end_network(self):
        if self.detour:
            self.detour.stopping = True
            self.detour.join()
        if self.network:
            self.network.stop()

    def keep(self):
        """Ends it and leaves its folder."""
        self.stop(signal.SIGKILL)
        self.end_network()
        self.undo.close()

    def remove(self):
        try:
            self.stop()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            self.end_network()
            for disk in self.disks.values():
                disk.remove()
            self.undo.close()
            shutil.rmtree(self.folder, ignore_errors=True)
