"""The limit of a fleet's orders: PostgreSQL alone, by pgbench. It writes the rows that an order of the stack left behind, each
once, again and again into tables of the same schema in a database of the same server; no HTTP, JSON, hashing, sealing,
decision, look-up or message, and no row is written before it is final."""
import json, os, re, shutil, statistics, subprocess

DATABASE = "bench"
CLIENTS = 10  # two a service, so that one is ready when the other commits: a service has one writer at a time
BATCH = 50  # orders
SKUS = 1_000
NAMES = re.compile(r"((?<=_)[0-9a-z]{26}\b|\b[0-9a-f]{32}\b)")  # ids, fingerprints and traces: no two orders share one
UPSERTS = {"catalog_stock_level": " ON CONFLICT(sku, location) DO UPDATE SET on_hand = excluded.on_hand, reserved = excluded.reserved"}


def missing():
    """The tools that are not there, or nothing."""
    return ", ".join(tool for tool in ("psql", "pg_dump", "pgbench") if not shutil.which(tool))


class Postgres:
    """Of a stack, over the socket that its services use."""

    def __init__(self, port, password):
        at = {"host": f"@stoa-{port}", "port": str(port), "user": "stoa", "password": password}
        self.conninfo = " ".join(f"{name}={value}" for name, value in at.items())
        self.environment = {**os.environ, **{"PG" + name.upper(): value for name, value in at.items()}}

    def run(self, *command, text=None):
        ran = subprocess.run([str(part) for part in command], input=text, env=self.environment, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def ask(self, database, statements):
        return self.run("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", database, text=statements).splitlines()

    def make(self, database):
        self.ask("postgres", f"CREATE DATABASE {database};")


def rows_of_an_order(postgres, services):
    """Of each service, by table."""
    order = postgres.ask("orderingdb", "SELECT id FROM ordering_orders WHERE status = 'confirmed' ORDER BY number DESC LIMIT 1;")[0]
    rows = {}
    for service in services:
        read = lambda table, rest: [json.loads(row) for row in postgres.ask(service + "db", f"SELECT row_to_json(t) FROM {table} AS t {rest};")]
        tables = postgres.ask(service + "db", f"SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE '{service}\\_%' ORDER BY relname;")
        found = {table: read(table, f"WHERE t::text LIKE '%{order}%'") for table in tables}
        if service == "catalog":
            found["catalog_stock_level"] = read("catalog_stock_level", "LIMIT 2")  # an order has two lines
        rows[service] = {table: of for table, of in found.items() if of and "one" not in of[0]}  # which is a mark, of all orders
    return rows


def literal(text):
    """A word behind a colon would be one of pgbench's variables."""
    return "E'" + text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3A") + "'"


def expression(column, value, nth, count):
    """What stands there in the row of the order `n`; texts keep their length."""
    if column == "number":
        return "n"
    if column == "position":
        return f"n * {count} + {nth}"
    if column == "sku":
        return f"'SKU-' || (n * {count} + {nth}) % {SKUS}"
    if column == "key" and not value.startswith("\\x"):  # of an idempotent request
        return f"lpad(n::text, {len(value)}, '0')"
    if not isinstance(value, str):
        return "NULL" if value is None else str(value)
    parts = NAMES.split(value)
    return " || ".join(f"lpad(n::text, {len(part)}, '0')" if at % 2 else literal(part) for at, part in enumerate(parts) if part) or "''"


def transaction(service, tables, orders):
    """Of a service: all rows of some orders. A statement a row, or the rows of a table in one."""
    source = "(VALUES (:first::bigint)) AS one(n)" if orders == 1 else f"generate_series(:first::bigint, :first::bigint + {orders - 1}) AS n"
    statements = ["BEGIN"]
    if service + "_log" in tables:  # first, for it is the writers' turn too
        statements.append(f"UPDATE {service}_log_head SET position = :first, hash = repeat('0', 64), recorded_at = repeat('0', 27)")
    for table, rows in tables.items():
        values = [f"SELECT {', '.join(expression(column, value, nth, len(rows)) for column, value in row.items())} FROM {source}"
                  for nth, row in enumerate(rows)]
        for of in values if orders == 1 else [" UNION ALL ".join(values)]:
            statements.append(f"INSERT INTO {table}({', '.join(rows[0])}) {of}{UPSERTS.get(table, '')}")
    return "\\startpipeline\n" + ";\n".join([*statements, "COMMIT"]) + ";\n\\endpipeline\n"


def measure(postgres, services, folder, seconds, runs):
    """Orders a second over all services: `single`, a transaction each service and order, and `batched`."""
    rows = rows_of_an_order(postgres, services)
    postgres.make(DATABASE)
    for service, tables in rows.items():
        postgres.ask(DATABASE, postgres.run("pg_dump", "-s", "-t", service + "_*", service + "db"))
        if service + "_log" in tables:
            postgres.ask(DATABASE, f"INSERT INTO {service}_log_head VALUES(1, 0, '', '', 1);")
    seen = {"single": [], "batched": []}
    for run in range(runs):
        for at, (way, orders) in enumerate((("single", 1), ("batched", BATCH))):
            script = f"{folder}/{way}.pgbench"
            with open(script, "w") as out:
                out.write(f"\\set turn :turn + 1\n\\set first (:turn * {CLIENTS} + :client_id) * {orders}\n")
                out.write("".join(transaction(service, tables, orders) for service, tables in rows.items()))
            turn = (2 * run + at) * 1_000_000_000  # each of its own, so that no row is there already
            told = postgres.run("pgbench", "-n", "-M", "prepared", "-c", CLIENTS, "-T", seconds, "-D", f"turn={turn}", "-f", script, DATABASE)
            seen[way].append(float(re.search(r"tps = ([\d.]+)", told).group(1)) * orders)
    return {way: statistics.median(rates) for way, rates in seen.items()}
