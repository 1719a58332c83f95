"""A fleet that looks to a test like a shop: its gateway, and all its processes as one."""
import json, subprocess, time
import test_webhooks
from conftest import Shop
from fleet import SERVICES, Fleet, Gateway, Rabbitmq
from patience import PATIENCE

TAKES = {"catalog": ["stoa.ordering.orders"], "payment": ["stoa.ordering.orders"], "agents": ["stoa.ordering.orders"],
         "notification": ["stoa.ordering.orders", "stoa.payment.payments", "stoa.shop.settings"],
         "ordering": ["stoa.catalog.products", "stoa.catalog.stock", "stoa.payment.payments", "stoa.agents.assessments", "stoa.shop.settings"]}
LOGS = {**{name: [name] for name in SERVICES}, "catalog": ["catalog", "shop"]}


class Session:
    """Statements to one database over one connection."""

    def __init__(self, postgres, database):
        self.process = subprocess.Popen(
            [postgres.programs + "/psql", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "stoa", "-Atq", database],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def rows(self, statement):
        self.process.stdin.write(statement + ";\n\\echo .\n")
        self.process.stdin.flush()
        rows = []
        while (line := self.process.stdout.readline().rstrip("\n")) != ".":
            assert line, "the session has ended"
            rows.append(line.split("|"))
        return rows

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class FleetShop(Shop):
    """A GET after anything else first lets messages pass between the services, for what one of them derives from another's
    events comes soon, not at once. A request that changes something is sent at once."""

    def __init__(self):
        rabbitmq = Rabbitmq()
        self.fleet = Fleet(None, [rabbitmq], RabbitMQ__HostName="127.0.0.1", RabbitMQ__Port=rabbitmq.port, **test_webhooks.SETTINGS)
        self.gateway = Gateway(self.fleet)
        self.processes = [*self.fleet.services.values(), self.gateway]
        self.sessions = {name: Session(self.fleet.postgres, name + "db") for name in SERVICES}
        self.has_written = False
        try:
            self.gateway.start()
        except BaseException:
            self.remove()
            raise

    @property
    def port(self):
        return self.gateway.port

    @property
    def data(self):
        raise AttributeError("A fleet has no folder of its own: this test is of one process.")

    def environment(self):
        return self.fleet.environment()

    def start(self):
        self.start_what_ended()
        return self

    def start_what_ended(self):
        """The gateway last: it finds all the others well."""
        ended = [process for process in self.processes if process.process.poll() is not None]
        for process in ended:
            if process is not self.gateway:
                process.launch()
        for process in ended:
            if process is not self.gateway:
                process.ready()
        if self.gateway in ended:
            self.gateway.start()
        until = time.monotonic() + 30 * PATIENCE
        well = lambda: self.gateway.call("GET", "/metrics", key=None).body.decode()
        while any(f'stoa_upstream_instances_well{{service="{name}"}} 1' not in well() for name in SERVICES):
            assert time.monotonic() < until
            time.sleep(0.05)

    def kill(self):
        """The gateway first: what it was telling ends in the middle, as with one process."""
        for process in reversed(self.processes):
            process.process.kill()
        for process in self.processes:
            process.process.wait()

    def stop(self):
        for process in self.processes:
            process.process.terminate()
        return max(process.process.wait(timeout=30 * PATIENCE) for process in self.processes)

    def remove(self):
        for session in self.sessions.values():
            session.close()
        self.gateway.remove()
        self.fleet.remove()

    def call(self, method, path, *arguments, **named):
        if method != "GET":
            self.has_written = True
        elif self.has_written:
            self.has_written = False
            self.settle()
        return super().call(method, path, *arguments, **named)

    def settle(self):
        until = time.monotonic() + 30 * PATIENCE
        before = None
        while (now := self.places())[1] or now != before:
            assert time.monotonic() < until, (now, self.fleet.told())
            before = now
            time.sleep(0.005)

    def places(self):
        """How far the logs are, and what was not relayed or taken yet."""
        heads, published, behind = {}, {}, []
        for name, session in self.sessions.items():
            for log in LOGS[name]:
                [[head, relayed]] = session.rows(f"SELECT (SELECT coalesce(max(position), 0) FROM {log}_log), "
                                                 f"(SELECT coalesce(max(position), 0) FROM {log}_relay)")
                heads[log] = int(head)
                if head != relayed:
                    behind.append((log, head, relayed))
                published |= {(topic, part): int(position) for topic, part, position in
                              session.rows(f"SELECT topic, part, position FROM {log}_relay_lane")}
        for name, session in self.sessions.items():
            taken = {(topic, part): int(position) for topic, part, position in session.rows("SELECT topic, part, position FROM host_inbox")}
            behind += [(name, lane) for lane, position in published.items() if lane[0] in TAKES[name] and taken.get(lane, 0) < position]
        return heads, behind

    def metrics(self):
        return "\n".join(process.call("GET", "/metrics", key=None).body.decode() for process in self.processes)

    def logged(self):
        return "\n".join(open(process.log).read() for process in self.processes)

    def rows(self, service, query):
        return [tuple(int(value) if value.lstrip("-").isdigit() else value for value in row) for row in self.sessions[service].rows(query)]

    def job_files(self, folder):
        names = {name for service in ("catalog", "ordering") for name, in self.rows(service, "SELECT DISTINCT name FROM jobfiles_piece")}
        return {name.removeprefix(folder + "/") for name in names if name.startswith(folder + "/")}

    def audit(self):
        ran = self.run("audit", "--fleet", "--json")
        return json.loads(ran.stdout)
