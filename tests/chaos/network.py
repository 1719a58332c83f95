"""A network between pairs of processes: every link is a port of a process of its own, in front of a server's, and each is harmed alone.
What TCP hides from its users (packets that are lost, doubled or overtaken) cannot be made here: late, silent and broken connections can."""
import asyncio, contextlib, json, socket, struct, subprocess, sys, threading

PIECE = 1 << 16


class Link:
    """From a port to a server's, as long as `harm` is none. With `delay` each piece comes so many seconds later, in a `hole` it comes when
    that is over, `refuse` breaks what is there and what comes, of `requests` and `answers` that direction is lost until the connection
    is broken, and in a `partition` both are, and who connects hears nothing."""

    def __init__(self, server_port, is_kafka):
        self.server_port, self.is_kafka = server_port, is_kafka
        self.harm, self.seconds, self.connections, self.healed = "", 0, set(), asyncio.Event()
        self.healed.set()

    async def listen(self):
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.server, self.full = server, []
        return self.port

    async def part(self):
        """A socket whose queue is full is one whose packets are lost."""
        self.server.close()
        full = socket.socket()
        full.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        full.bind(("127.0.0.1", self.port))
        full.listen(0)
        self.full = [full]
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", self.port))
            self.full.append(one)

    async def join(self):
        for one in self.full:
            one.close()
        self.full = []
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", self.port)

    async def accept(self, from_client, to_client):
        if self.harm == "refuse":
            return self.abort(to_client)
        await self.healed.wait()
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            return self.abort(to_client)
        pair = (to_client, to_server)
        self.connections.add(pair)
        try:
            await asyncio.gather(self.pass_on(from_client, to_server, "requests"), self.pass_on(from_server, to_client, "answers"))
        except OSError:
            pass
        finally:
            self.connections.discard(pair)
            for one in pair:
                self.abort(one)

    async def pass_on(self, reader, writer, direction):
        while piece := await self.read(reader, direction):
            await self.healed.wait()
            if self.harm in (direction, "partition"):
                continue
            if self.harm == "delay":
                await asyncio.sleep(self.seconds)
            writer.write(piece)
            await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()

    async def read(self, reader, direction):
        """Kafka tells its clients to connect to its own address: here to this port, in answers that are read whole."""
        if not self.is_kafka or direction == "requests":
            return await reader.read(PIECE)
        try:
            size = await reader.readexactly(4)
            answer = await reader.readexactly(int.from_bytes(size, "big"))
        except asyncio.IncompleteReadError:
            return b""
        own = lambda port: b"127.0.0.1" + struct.pack(">i", port)
        return size + answer.replace(own(self.server_port), own(self.port))

    @staticmethod
    def abort(writer):
        """By a reset, not by a farewell."""
        with contextlib.suppress(OSError):
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def change(self, harm, seconds):
        was, self.harm, self.seconds = self.harm, harm, seconds
        if harm == "partition" != was:
            await self.part()
        if was == "partition" != harm:
            await self.join()
        self.healed.clear() if harm == "hole" else self.healed.set()
        if harm in ("refuse", "reset") or was in ("requests", "answers", "partition"):  # a stream that something is missing from never goes on
            for pair in list(self.connections):
                for one in pair:
                    self.abort(one)
        if harm == "reset":
            self.harm = ""


async def serve():
    """Commands are JSON lines: {"make": …} for links, {"point": …} for where they lead from now on, {"links": [names], "harm": …,
    "seconds": …}; each is answered by a line."""
    links, loop, reader = {}, asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        if "make" in command:
            for name, server_port in command["make"].items():
                links[name] = Link(server_port, name.endswith("-kafka"))
                await links[name].listen()
        for name in command.get("links", []):
            await links[name].change(command["harm"], command.get("seconds", 0))
        for name, server_port in command.get("point", {}).items():
            links[name].server_port = server_port
        print(json.dumps({name: link.port for name, link in links.items()}), flush=True)


class Network:
    """The process with the links, which ends with whoever made it."""

    def __init__(self, links):
        """`links` are the servers' ports by the names of their links, as in `ordering-kafka`; `ports` has the ports in front of them."""
        self.process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.turn = threading.Lock()
        self.ports = self.ask({"make": links})

    def ask(self, command):
        with self.turn:
            print(json.dumps(command), file=self.process.stdin, flush=True)
            return json.loads(self.process.stdout.readline())

    def point(self, ports):
        """Links lead to other servers from now on; what is connected stays."""
        self.ask({"point": ports})

    def change(self, links, harm="", seconds=0):
        self.ask({"links": list(links), "harm": harm, "seconds": seconds})

    def heal(self):
        self.change(self.ports)

    def stop(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    asyncio.run(serve())
