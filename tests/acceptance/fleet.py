"""A fleet on real servers: PostgreSQL and Kafka in folders of their own, and a process for each service."""
import contextlib, glob, json, os, pathlib, pwd, re, shutil, signal, socket, subprocess, tempfile, time, uuid
import pytest
from conftest import PUBLISHABLE, SECRET, STOA, Shop
from patience import PATIENCE, SANITIZER
from servers import FOLDER, free_port, self_signed

SERVICES = ["catalog", "ordering", "payment", "notification", "agents"]


def as_postgres():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Server:
    """A program in a folder of its own, until `stop`."""

    def __init__(self, command, **options):
        self.command, self.options, self.process = command, options, None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, cwd=self.folder, **self.options)
        until = time.monotonic() + 90 * PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.command[0]} did not start: {open(self.log).read()[-2000:]}")
            time.sleep(0.05)
        return self

    def kill(self, how=signal.SIGKILL):
        self.process.send_signal(how)
        self.process.wait()

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill(self.at_end)
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgres(Server):
    at_end = signal.SIGQUIT

    def __init__(self):
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not programs:
            pytest.skip("PostgreSQL is not installed")
        self.programs, self.port = programs[-1], free_port()
        self.folder = tempfile.mkdtemp(prefix="stoa-postgres-")
        self.log = self.folder + "/log"
        os.chmod(self.folder, 0o777)
        subprocess.run([self.programs + "/initdb", "-D", self.folder + "/data", "-A", "trust", "-U", "stoa", "-E", "UTF8", "--locale=C",
                        "--no-sync"], check=True, capture_output=True, cwd=self.folder, **as_postgres())
        self.serve()

    def serve(self):
        super().__init__([self.programs + "/postgres", "-D", self.folder + "/data", "-k", self.folder, "-p", str(self.port),
                          "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], **as_postgres())

    def psql(self, database, statement):
        return subprocess.run([self.programs + "/psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "stoa", "-At", "-c", statement, database],
                              capture_output=True, text=True)

    def backup(self, folder, *options):
        """All databases as they are at one instant."""
        subprocess.run([self.programs + "/pg_basebackup", "-h", "127.0.0.1", "-p", str(self.port), "-U", "stoa", "-D", folder,
                        "--checkpoint=fast", "--no-sync", *options], check=True, capture_output=True, cwd=self.folder, **as_postgres())

    def restore(self, folder):
        """In place of what it has, while it is not running."""
        shutil.rmtree(self.folder + "/data")
        os.rename(folder, self.folder + "/data")

    def start(self):
        """Again and again: the children of one that was killed hold its memory for a moment."""
        until = time.monotonic() + 30 * PATIENCE
        while True:
            try:
                return super().start()
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def is_ready(self):
        return self.psql("postgres", "SELECT 1").returncode == 0


class Standby(Postgres):
    """Follows another one by streaming replication."""

    def __init__(self, primary):
        self.primary, self.programs, self.port = primary, primary.programs, free_port()
        self.folder = tempfile.mkdtemp(prefix="stoa-standby-")
        self.log = self.folder + "/log"
        os.chmod(self.folder, 0o777)
        self.make()
        self.serve()

    def make(self):
        """From the primary as it is now, in place of what it had."""
        shutil.rmtree(self.folder + "/data", ignore_errors=True)
        self.primary.backup(self.folder + "/data", "-R")

    def replay(self, goes_on):
        self.psql("postgres", f"SELECT pg_wal_replay_{'resume' if goes_on else 'pause'}()")
        until = time.monotonic() + 30 * PATIENCE
        while self.psql("postgres", "SELECT pg_get_wal_replay_pause_state()").stdout.strip() != ("not paused" if goes_on else "paused"):
            assert time.monotonic() < until
            time.sleep(0.02)

    def signal_all(self, how):
        """Also to the processes that serve connections."""
        pid = self.process.pid
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), how)
        self.process.send_signal(how)


class Kafka(Server):
    at_end = signal.SIGKILL

    def __init__(self):
        if SANITIZER == "tsan":
            pytest.skip("the thread sanitizer does not know the threads of Kafka's client, made by thrd_create")
        libraries = FOLDER / "kafka"
        if not libraries.is_dir() or not shutil.which("java"):
            pytest.skip(f"Kafka is not in {FOLDER}: `./dev servers` could not fetch it")
        self.port, controller = free_port(), free_port()
        self.folder = tempfile.mkdtemp(prefix="stoa-kafka-")
        self.log = self.folder + "/log"
        own = f"127.0.0.1:{self.port}"
        self.properties = properties = pathlib.Path(self.folder) / "server.properties"
        properties.write_text(f"""process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://{own},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://{own}
controller.listener.names=CONTROLLER
log.dirs={self.folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
""")
        java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", f"{libraries}/*"]
        self.format = [*java, "kafka.tools.StorageTool", "format", "-t", "AAAAAAAAAAAAAAAAAAAAAQ", "-c", properties]
        self.forget()
        super().__init__([*java, "kafka.Kafka", properties])

    def is_ready(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False

    def forget(self):
        """All that it had, while it is not running."""
        shutil.rmtree(self.folder + "/data", ignore_errors=True)
        subprocess.run(self.format, check=True, capture_output=True, cwd=self.folder)

    def expire(self):
        """All messages of the topics are as old as they may become, and it deletes them."""
        self.kill()
        usual = self.properties.read_text()
        self.properties.write_text(usual + "log.retention.ms=1\nlog.retention.check.interval.ms=200\nlog.initial.task.delay.ms=100\n")
        self.start()
        until = time.monotonic() + 60 * PATIENCE
        while self.holds("stoa."):
            assert time.monotonic() < until
            time.sleep(0.1)
        self.kill()
        self.properties.write_text(usual)
        self.start()

    def holds(self, topics):
        """Bytes of messages, of topics whose names begin so."""
        return sum(os.path.getsize(file) for file in glob.glob(f"{self.folder}/data/{topics}*/*.log"))


class Rabbitmq(Server):
    """With an epmd of its own, which it would start and leave behind otherwise."""
    at_end = signal.SIGKILL

    def __init__(self):
        program = "/usr/lib/rabbitmq/bin/rabbitmq-server"
        if not os.path.exists(program):
            pytest.skip("RabbitMQ is not installed")
        self.port, self.names_port = free_port(), free_port()
        self.folder, self.names = tempfile.mkdtemp(prefix="stoa-rabbitmq-"), None
        self.log = self.folder + "/log"
        pathlib.Path(self.folder, "rabbitmq.conf").write_text("log.file.level = warning\ndisk_free_limit.absolute = 1MB\n")
        own = {name: f"{self.folder}/{file}" for name, file in {
            "MNESIA_BASE": "data", "LOG_BASE": "logs", "PID_FILE": "pid", "ENABLED_PLUGINS_FILE": "plugins", "CONFIG_FILE": "rabbitmq.conf"}.items()}
        own.update({"NODENAME": f"stoa{self.port}@localhost", "NODE_IP_ADDRESS": "127.0.0.1", "NODE_PORT": self.port, "DIST_PORT": free_port(),
                    "SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none"})
        environment = {**os.environ, **{"RABBITMQ_" + name: str(value) for name, value in own.items()}, "HOME": self.folder,
                       "ERL_EPMD_PORT": str(self.names_port), "ERL_EPMD_ADDRESS": "127.0.0.1",
                       "NOTIFY_SOCKET": self.folder + "/nobody"}  # so that the script becomes the server instead of watching it
        super().__init__([program], env=environment)

    def start(self):
        if not self.names:
            self.names = subprocess.Popen(["/usr/bin/epmd", "-port", str(self.names_port), "-address", "127.0.0.1"])
        return super().start()

    is_ready = Kafka.is_ready

    def forget(self):
        """All that it had, while it is not running."""
        shutil.rmtree(self.folder + "/data")

    def stop(self):
        super().stop()
        if self.names:
            self.names.kill()
            self.names.wait()


class Redis(Server):
    """In the clear, and on a port of its own in TLS."""
    at_end = signal.SIGKILL

    def __init__(self):
        program = shutil.which("redis-server") or shutil.which("valkey-server")
        if not program:
            pytest.skip("Redis is not installed")
        self.port, self.tls_port, self.folder = free_port(), free_port(), tempfile.mkdtemp(prefix="stoa-redis-")
        self.log, (self.certificate, key) = self.folder + "/log", self_signed(self.folder, "DNS:localhost")
        super().__init__([program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "", "--tls-port", str(self.tls_port),
                          "--tls-cert-file", self.certificate, "--tls-key-file", key, "--tls-auth-clients", "no"])

    def is_ready(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.2):
            return True
        return False


class Service:
    """`stoa serve NAME` with its own database."""

    def __init__(self, fleet, name):
        self.fleet, self.name, self.port, self.process, self.program = fleet, name, free_port(), None, STOA
        self.data = tempfile.mkdtemp(prefix=f"stoa-{name}-")
        self.log = self.data + "/log"

    def start(self):
        self.launch()
        return self.ready()

    def launch(self):
        self.process = subprocess.Popen(
            [self.program, "serve", self.name, "--data", self.data, "--port", str(self.port)], stdout=subprocess.PIPE,
            stderr=open(self.log, "ab"), text=True, env=self.environment())

    def ready(self):
        for line in self.process.stdout:
            found = re.search(r"listens on http://[\d.]+:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                return self
        raise RuntimeError(f"{self.name} did not start: {open(self.log).read()[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30 * PATIENCE)

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        shutil.rmtree(self.data, ignore_errors=True)

    def environment(self):
        return self.fleet.environment()

    call = Shop.call


class Gateway(Service):
    """`stoa serve gateway` in front of a fleet, and for each service a port with it alone behind it."""

    def __init__(self, fleet):
        super().__init__(fleet, "gateway")
        self.file = self.data + "/services.json"
        self.endpoints = {name: free_port() for name in SERVICES}
        self.route()

    def route(self, **replicas):
        """`catalog=[…]` for other processes than the fleet's own."""
        urls = {name: [f"http://127.0.0.1:{one.port}" for one in replicas.get(name, [service])]
                for name, service in self.fleet.services.items()}
        pathlib.Path(self.file + ".new").write_text(json.dumps(urls))
        os.rename(self.file + ".new", self.file)

    def environment(self):
        return {**super().environment(), "STOA__Services__File": self.file,
                "STOA__Gateway__Endpoints": ",".join(f"{name}={port}" for name, port in self.endpoints.items())}


class Fleet:
    """`smtp` takes its mail; more servers are started before the services, and stopped after. `names` are the services, with `redis`
    they share a cache and limits, and `settings` are more of them, by their path (`Http__Threads`)."""

    def __init__(self, smtp, more_servers=(), names=SERVICES, redis=False, **settings):
        self.smtp, self.names, self.services, self.settings = smtp, names, {}, settings
        self.servers = [Kafka(), Postgres(), *more_servers] + [Redis()] * redis  # or the test is skipped
        self.kafka, self.postgres = self.servers[:2]
        self.redis = self.servers[-1] if redis else None
        try:
            self.start()
        except BaseException:
            self.remove()
            raise

    def start(self):
        for server in self.servers:
            server.start()
        for name in self.names:
            assert self.postgres.psql("postgres", f"CREATE DATABASE {name}db").returncode == 0
            self.services[name] = Service(self, name)
        for service in self.services.values():
            service.start()
            setattr(self, service.name, service)

    def environment(self):
        databases = {f"STOA__ConnectionStrings__{name.capitalize()}Db":
                     f"Host=127.0.0.1;Port={self.postgres.port};Database={name}db;Username=stoa" for name in SERVICES}
        return {**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE,
                "STOA__Auth__ShopSecret": "5e" * 32, "STOA__Kafka__BootstrapServers": f"127.0.0.1:{self.kafka.port}",
                "STOA__Kafka__Partitions": "3", **databases,
                **self.others(), **{"STOA__" + path: str(value) for path, value in self.settings.items()}}

    def others(self):
        found = {}
        if self.smtp:
            found = {"STOA__Smtp__Host": "127.0.0.1", "STOA__Smtp__Port": str(self.smtp.port),
                     "STOA__Smtp__From": "Shop <shop@shop.example>", "STOA__Notification__RetryFirstMs": "100"}
        for name in {"catalog", "ordering"} & set(self.services):
            found[f"STOA__Services__{name.capitalize()}"] = f"http://127.0.0.1:{self.services[name].port}"
        if self.redis:
            found["STOA__ConnectionStrings__Redis"] = f"127.0.0.1:{self.redis.port}"
        return found

    def remove(self):
        for service in self.services.values():
            service.remove()
        for server in reversed(self.servers):
            server.stop()

    def product(self, sku, amount=900, units=0):
        answer = self.catalog.call("POST", "/v1/products", {
            "handle": sku.lower(), "title": sku, "status": "active",
            "variants": [{"sku": sku, "prices": [{"amount": amount, "currency": "GBP"}]}]})
        assert answer.status == 201, answer.body
        if units:
            assert self.catalog.call("POST", f"/v1/inventory/{sku}/adjustments", {"delta": units, "reason": "received"},
                                     idempotency=uuid.uuid4().hex).status == 201

    def run(self, *arguments):
        """A command of an operator."""
        return subprocess.run([STOA, *arguments], capture_output=True, text=True, env=self.environment(), timeout=60 * PATIENCE)

    def told(self):
        """What helps to find out why something does not go on: how far messages have come, and what the processes said."""
        said = []
        for name, service in self.services.items():
            for table in ("host_inbox", "host_parked_message", f"{name}_relay", f"{name}_relay_lane"):
                said.append(f"{name} {table}: " + self.postgres.psql(name + "db", f"SELECT * FROM {table}").stdout.replace("\n", "; "))
            said.append(open(service.log).read()[-2000:])
        return "\n".join(said)

    def audit(self):
        """What `stoa audit --fleet` says of the databases."""
        said = subprocess.run([STOA, "audit", "--fleet", "--json"], capture_output=True, text=True, env=self.environment(), timeout=120 * PATIENCE)
        report = json.loads(said.stdout)
        assert said.returncode == (0 if report["clean"] else 1), said
        return report

    def replica(self, name):
        """One more of a service, which the caller removes."""
        return Service(self, name).start()

    def order(self, sku, quantity=1, token="tok_ok", idempotency=None, wait=None, service=None):
        body = {"currency": "GBP", "customer": {"email": "a@example.org", "name": "A"}, "lines": [{"sku": sku, "quantity": quantity}],
                "payment": {"provider": "simulator", "token": token}}
        return (service or self.ordering).call("POST", "/v1/orders", body, idempotency=idempotency or uuid.uuid4().hex, wait=wait)

    def sold(self, sku):
        """Waits until Ordering has its own copy of what the SKU sells for, and need not ask Catalog."""
        until = time.monotonic() + 60 * PATIENCE
        while self.postgres.psql("orderingdb", f"SELECT 1 FROM ordering_offers WHERE sku = '{sku}'").stdout.strip() != "1":
            assert time.monotonic() < until, self.told()
            time.sleep(0.05)

    def ended(self, order_id):
        until = time.monotonic() + 60 * PATIENCE
        while True:
            order = self.ordering.call("GET", "/v1/orders/" + order_id).json
            if order["status"] != "placed":
                return order
            assert time.monotonic() < until, (order, self.told())
            time.sleep(0.02)
