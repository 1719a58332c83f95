"""What is done to a running stack, each by a function of the shop and of chance. A fault has ended when it returns, but for what `heal`
undoes; it returns what it met, in a few words."""
import http.client, json, os, pathlib, re, signal, socket, time
from stack_shop import LINKS, SERVERS, SERVICES, children

SECONDS = (0.5, 4)  # for which things stand still, as a rule
SECONDS_LONG = (11, 14)  # longer than Kafka waits for a consumer and PostgreSQL for an idle transaction


def for_a_while(random):
    time.sleep(random.uniform(*(SECONDS_LONG if random.random() < 0.2 else SECONDS)))


def any_process(shop, random):
    return random.choice(sorted(row["name"] for row in shop.ps().values() if row["kind"] == "service"))


def kill(shop, random):
    name = any_process(shop, random)
    shop.send_signal(name, signal.SIGKILL)
    return name


def kill_service(shop, random):
    name = random.choice(SERVICES)
    for row in shop.replicas_of(name):
        shop.send_signal(row["name"], signal.SIGKILL)
    return name


def pause(shop, random):
    name = any_process(shop, random)
    shop.send_signal(name, signal.SIGSTOP)
    for_a_while(random)
    shop.go_on()
    return name


def kill_server(shop, random):
    name = random.choice(SERVERS)
    shop.send_signal(name, signal.SIGKILL, with_children=name == "postgres")
    return name


def kill_backend(shop, random):
    """SIGTERM breaks one connection, SIGKILL makes PostgreSQL begin anew with all of its processes."""
    how = random.choice([signal.SIGTERM, signal.SIGKILL])
    killed = None
    for _ in range(3):
        backends = [pid for pid in children(shop.pid("postgres")) if b"127.0.0.1(" in command_of(pid)]
        if backends:
            killed = random.choice(backends)
            shop.kill_process(killed, how)
        time.sleep(0.3)
    return how.name if killed else "none was there"


def command_of(pid):
    try:
        return open(f"/proc/{pid}/cmdline", "rb").read()
    except OSError:
        return b""


def pause_server(shop, random):
    name = random.choice(SERVERS)
    shop.send_signal(name, signal.SIGSTOP, with_children=True)
    for_a_while(random)
    shop.go_on()
    return name


def redis_flush(shop, random):
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", shop.ports["redis"]), 10) as redis:
            redis.sendall(b"FLUSHALL\r\n")
            assert redis.recv(100).startswith(b"+OK")
        time.sleep(random.uniform(0.05, 0.4))
    return "redis"


def kafka_forgets(shop, random):
    """As a power cut takes what was not written back yet: the ends of Kafka's partitions are gone."""
    shop.send_signal("kafka", signal.SIGKILL)
    partitions = 0
    for log in pathlib.Path(shop.data, "kafka/data").glob("stoa.*/*.log"):
        size = log.stat().st_size
        os.truncate(log, size - min(size, random.randint(0, 8_000)))
        partitions += size > 0
    assert partitions > 0, "Kafka's files are not where they were"
    return "kafka"


def restart(shop, random):
    name = random.choice([*SERVICES, "gateway", *SERVERS])
    shop.do("restart", name)
    return name


def scale(shop, random):
    """Replicas that come and go, so that Kafka shares the partitions out again and again."""
    for _ in range(3):
        shop.do("scale", f"{random.choice(SERVICES)}={random.randint(1, 4)}")
    for name in SERVICES:
        shop.do("scale", f"{name}={shop.replicas}")
    return "services"


def rolling_restart(shop, _):
    for name in [*SERVICES, "gateway", *SERVERS]:
        shop.do("restart", name)
    return "all"


def some_links(random):
    """One pair, all of a server, all of a service, or everything."""
    kind = random.choice(["one", "server", "service", "all"])
    if kind == "all":
        return "all links", LINKS
    one = random.choice(LINKS)
    service, server = one.split("-")
    if kind == "one":
        return one, [one]
    name = server if kind == "server" else service
    return "all links of " + name, [link for link in LINKS if name in link.split("-")]


def change_for_a_while(shop, random, links, *how):
    shop.network.change(links, *how)
    for_a_while(random)
    shop.network.heal()


def network_delay(shop, random):
    name, links = some_links(random)
    change_for_a_while(shop, random, links, "delay", random.uniform(0.01, 0.2))
    return name


def network_hole(shop, random):
    name, links = some_links(random)
    change_for_a_while(shop, random, links, "hole")
    return name


def network_refuse(shop, random):
    name, links = some_links(random)
    change_for_a_while(shop, random, links, "refuse")
    return name


def network_reset(shop, random):
    name, links = some_links(random)
    for _ in range(5):
        shop.network.change(links, "reset")
        time.sleep(random.uniform(0.05, 0.5))
    return name


def network_lose(shop, random):
    """What was asked has its effect, and nobody hears of it; or it never comes. Then the connection breaks."""
    name, links = some_links(random)
    direction = random.choice(["answers", "requests"])
    for _ in range(3):
        shop.network.change(links, direction)
        time.sleep(random.uniform(0.2, 2))
        shop.network.heal()
        time.sleep(random.uniform(0.1, 0.5))
    return f"{direction} of {name}"


def some_replicas(shop, random):
    """Ways from the gateway: to one replica, to one of each service, to all of a service."""
    links = {service: sorted(links) for service, links in shop.detour.links.items()}
    service = random.choice(SERVICES)
    kind = random.choice(["one", "one", "one of each", "all"])
    if kind == "one of each":
        return kind, [random.choice(ways) for ways in links.values() if ways]
    return f"{kind} of {service}", links[service] if kind == "all" else [random.choice(links[service])]


def gateway_delay(shop, random):
    name, links = some_replicas(shop, random)
    change_for_a_while(shop, random, links, "delay", random.uniform(0.01, 0.2))
    return name


def gateway_silence(shop, random):
    """Who connects is taken, and hears nothing."""
    name, links = some_replicas(shop, random)
    change_for_a_while(shop, random, links, "hole")
    return name


def gateway_partition(shop, random):
    name, links = some_replicas(shop, random)
    change_for_a_while(shop, random, links, "partition")
    return name


def gateway_reset(shop, random):
    name, links = some_replicas(shop, random)
    for _ in range(5):
        shop.network.change(links, "reset")
        time.sleep(random.uniform(0.05, 0.5))
    return name


def gateway_lose(shop, random):
    """As `network_lose`: a service has done what nobody hears of, or was never asked."""
    name, links = some_replicas(shop, random)
    direction = random.choice(["answers", "requests"])
    for _ in range(3):
        shop.network.change(links, direction)
        time.sleep(random.uniform(0.2, 2))
        shop.network.change(links)
        time.sleep(random.uniform(0.1, 0.5))
    return f"{direction} of {name}"


def deliver_twice(shop, random):
    """RabbitMQ hears no acknowledgement of what was done, and gives it to the next one that comes."""
    for _ in range(5):
        shop.network.change(["notification-rabbitmq"], "requests")
        time.sleep(random.uniform(0.2, 1))
        shop.network.heal()
        time.sleep(random.uniform(0.3, 0.6))
    return "rabbitmq"


def disk_full(shop, random):
    name = random.choice(sorted(shop.disks))
    shop.disks[name].fill()
    time.sleep(random.uniform(1, 5))
    shop.disks[name].heal()
    return name


def clock(shop, random):
    """Of all services at once, and back to the right time."""
    for _ in range(3):
        shop.step_clock(random.choice([-3600, -90, -5, 5, 90]))
        time.sleep(random.uniform(1.2, 2.5))  # the library looks once a second
    shop.step_clock(0)
    time.sleep(1.2)
    return "services"


def rebalance(shop, random):
    """Members of a service's group come, and go without a word, so that its partitions are shared out again before they have settled."""
    name = random.choice(SERVICES)
    for _ in range(4):
        shop.do("scale", f"{name}={random.randint(3, 4)}")
        for row in random.sample(shop.replicas_of(name), 2):
            shop.send_signal(row["name"], signal.SIGKILL)
        time.sleep(random.uniform(0, 2))
        shop.do("scale", f"{name}={random.randint(1, 2)}")
    shop.do("scale", f"{name}={shop.replicas}")
    return name


def away(shop, random, seconds=20):
    """A whole service stands still, and has what came meanwhile to take when it goes on: how fast, beside how fast it takes it as it comes."""
    name = random.choice(SERVICES)
    before, began = taken(shop, name), time.monotonic()
    time.sleep(max(3, min(20, seconds / 4)))
    at_last = taken(shop, name)
    live = (at_last - before) / (time.monotonic() - began)
    for row in shop.replicas_of(name):
        shop.send_signal(row["name"], signal.SIGSTOP)
    time.sleep(seconds)
    goal, began = published(shop, name), time.monotonic()
    shop.go_on()
    until = began + seconds + 120
    while any(place < goal[lane] for lane, place in places(shop, name).items() if lane in goal):
        if time.monotonic() > until:
            raise RuntimeError(f"{name} was away for {seconds} s and has not caught up in {seconds + 120:.0f} s")
        time.sleep(0.05)
    took = time.monotonic() - began
    messages = taken(shop, name) - at_last
    shop.caught_up.append({"service": name, "away_s": seconds, "live_per_s": round(live, 1), "messages": messages,
                           "catching_up_per_s": round(messages / took, 1), "caught_up_s": round(took, 2),
                           "times": round(messages / took / live, 1) if live else None})
    return f"{name}: {json.dumps(shop.caught_up[-1])}"


def taken(shop, service):
    """Messages that had their effect, as the replicas of a service count them; none of which was begun again meanwhile."""
    count = 0
    for row in shop.replicas_of(service):
        replica = http.client.HTTPConnection(row["url"].removeprefix("http://"), timeout=30)
        replica.request("GET", "/metrics")
        count += int(float(re.search(r'^stoa_messages_total\{outcome="taken"\} (\S+)$', replica.getresponse().read().decode(), re.M).group(1)))
        replica.close()
    return count


def places(shop, service):
    return {(topic, part): int(position) for topic, part, position in
            (row.split("|") for row in shop.psql(service + "db", "SELECT topic, part, position FROM host_inbox").split())}


def published(shop, service):
    """How far the topics that a service takes have come."""
    found = {}
    for topic in {topic for topic, _ in places(shop, service)}:
        publisher = topic.split(".")[1]
        if publisher not in SERVICES:  # the shop's settings, which change hardly ever
            continue
        for row in shop.psql(publisher + "db", f"SELECT part, position FROM {publisher}_relay_lane WHERE topic = '{topic}'").split():
            part, position = row.split("|")
            found[topic, part] = int(position)
    return found


# How often each is chosen, and what the shop needs for it.
FAULTS = {kill: 3, kill_service: 2, pause: 3, kill_server: 4, kill_backend: 1, pause_server: 3, redis_flush: 1, kafka_forgets: 2, restart: 2, scale: 2,
          rebalance: 1, rolling_restart: 1, away: 1, network_delay: 1, network_hole: 2, network_refuse: 1, network_reset: 2, network_lose: 2,
          deliver_twice: 1, disk_full: 1, clock: 1, gateway_delay: 1, gateway_silence: 1, gateway_partition: 1, gateway_reset: 1,
          gateway_lose: 1}
DETOURS = {gateway_delay, gateway_silence, gateway_partition, gateway_reset, gateway_lose}  # for which the gateway goes over links
