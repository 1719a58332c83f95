"""Real servers for the tests: where `./dev servers` left them, and how each is started on free ports."""
import contextlib, functools, itertools, os, pathlib, random, socket, subprocess, tempfile, time
import pytest

FOLDER = pathlib.Path(os.environ.get("STOA_SERVERS", pathlib.Path.home() / ".cache" / "stoa" / "servers"))


def program(name):
    """The path of a server's program, or the test is skipped with the reason."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{name} is not in {FOLDER}: `./dev servers` could not fetch it")
    return path


BLOCK = 400


@functools.cache
def own_ports():
    """A block of ports that no other process of tests has, for it keeps the first one bound; and the others, over and over."""
    for first in random.SystemRandom().sample(range(10_000, 20_000, BLOCK), 10_000 // BLOCK):
        claim = socket.socket()
        with contextlib.suppress(OSError):
            claim.bind(("127.0.0.1", first))
            return claim, itertools.cycle(range(first + 1, first + BLOCK))
        claim.close()
    raise RuntimeError("no ports are left for another process of tests: those from 10,000 to 20,000 are claimed")


def free_port():
    """One that nobody else is given: another server may not listen there yet, and one may end and begin again there while
    thousands of clients come and go. So it is none that the system gives a client, nor `stoa up --stack` a server."""
    while True:
        port = next(own_ports()[1])
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def self_signed(folder, name):
    """The paths of a certificate of `name`, as `DNS:localhost`, that only itself has signed, and of its key."""
    made = pathlib.Path(folder, "certificate.pem"), pathlib.Path(folder, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=" + name.partition(":")[2], "-addext", "subjectAltName=" + name, "-out", made[0], "-keyout", made[1]],
                   check=True, capture_output=True)
    return made


@contextlib.contextmanager
def running(command, port, seconds=30, **options):
    """Runs a server in a folder of its own until the block ends; entered when its port answers."""
    with tempfile.TemporaryDirectory(prefix="stoa-server-") as folder, open(folder + "/log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **options)
        try:
            until = time.monotonic() + seconds
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                    break
                if process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{command[0]} did not start: " + open(folder + "/log").read()[-2000:])
                time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
