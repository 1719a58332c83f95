"""The shops that the chaos suite breaks: a process on this machine, or any that commands start and kill."""
import contextlib, glob, http.client, json, os, pathlib, re, resource, shutil, signal, subprocess, tempfile, time, urllib.parse
from patience import SANITIZER
from servers import free_port

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECRET = "sk_" + "0123456789abcdef" * 2
PUBLISHABLE = "pk_" + "fedcba9876543210" * 2
READY_MAX = 60  # seconds; what took longer has not come back


def faketime_library():
    """None under a sanitizer: it reads the clock inside its allocator, and libfaketime allocates there."""
    if SANITIZER:
        return None
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    return found[0] if found else None


def io_error_library():
    """Built once into the temporary folder; None without a compiler."""
    compiler = next((c for c in ("clang-19", "cc", "gcc") if shutil.which(c)), None)
    if not compiler:
        return None
    library = pathlib.Path(tempfile.gettempdir()) / f"stoa-io-error-{os.getuid()}.so"
    source = pathlib.Path(__file__).with_name("io_error.c")
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        made = subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], capture_output=True)
        if made.returncode:
            raise RuntimeError("the library of disk errors cannot be built: " + made.stderr.decode())
    return str(library)


class Address:
    def __init__(self, host="127.0.0.1", port=0):
        self.host, self.port = host, port

    def connect(self, timeout):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)


def ask(address, method, path, body=None, headers=None, timeout=40):
    """Status and JSON, or bytes that are none. Raises OSError or HTTPException when nobody answers."""
    connection = address.connect(timeout)
    try:
        sent = {"Authorization": "Bearer " + SECRET, **(headers or {})}
        data = json.dumps(body).encode() if body is not None else None
        if data is not None:
            sent["Content-Type"] = "application/json"
        connection.request(method, path, data, sent)
        answer = connection.getresponse()
        text = answer.read()
        try:
            return answer.status, json.loads(text), answer
        except ValueError:
            return answer.status, text, answer
    finally:
        connection.close()


class LocalShop:
    """`stoa up` on a folder of its own. Faults are files, limits and signals; each is undone by `heal`."""
    can_break = True

    def __init__(self, binary, smtp_port=None, small_disk=False, **settings):
        self.binary, self.address = str(binary), Address(port=free_port())
        self.folder = tempfile.mkdtemp(prefix="stoa-chaos-")
        self.data = self.folder + "/data"
        os.mkdir(self.data)
        self.is_mounted = small_disk and subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", self.data], capture_output=True).returncode == 0
        self.settings = {"STOA__" + name: str(value) for name, value in settings.items()}
        if smtp_port:
            self.settings |= {"STOA__Smtp__Host": "127.0.0.1", "STOA__Smtp__Port": str(smtp_port),
                              "STOA__Smtp__From": "Shop <shop@shop.example>", "STOA__Notification__RetryFirstMs": "100"}
        self.process, self.stopped = None, False
        self.flag, self.clock, self.ballast = self.folder + "/io-error", self.folder + "/clock", self.data + "/ballast"

    def environment(self, extra):
        return {**os.environ, "STOA__Auth__SecretKey": SECRET, "STOA__Auth__PublishableKey": PUBLISHABLE,
                **self.settings, **extra}

    def start(self, crash_at=None, io_errors=False, clock=False, plant=None):
        """Seconds until it is ready; raises when it does not come up, unless it is to crash."""
        extra, preload = {}, []
        if crash_at:
            extra["STOA_CRASH_AT"] = crash_at
        if plant:
            extra["STOA_PLANT"] = plant
        if io_errors and io_error_library():
            preload.append(io_error_library())
            extra["STOA_IO_ERROR_FLAG"] = self.flag
        if clock and faketime_library():
            preload.append(faketime_library())
            self.step_clock(0)
            extra |= {"FAKETIME_TIMESTAMP_FILE": self.clock, "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        if preload:
            extra["LD_PRELOAD"] = ":".join(preload)
        begun = time.monotonic()
        log = open(self.folder + "/log", "ab")
        # What exceeds a limit of its files' size gets an error, not a signal.
        self.process = subprocess.Popen(
            [self.binary, "up", "--data", self.data, "--port", str(self.address.port)], stdout=subprocess.PIPE, stderr=log,
            text=True, env=self.environment(extra), preexec_fn=lambda: signal.signal(signal.SIGXFSZ, signal.SIG_IGN))
        log.close()
        for line in self.process.stdout:
            found = re.search(r"listens on http://[\d.]+:(\d+)", line)
            if found:
                self.address.port = int(found.group(1))
                return time.monotonic() - begun
        self.process.wait()
        if not crash_at:
            raise RuntimeError("the shop did not start: " + self.last_words())
        return time.monotonic() - begun

    def last_words(self):
        return pathlib.Path(self.folder + "/log").read_text(errors="replace")[-2000:]

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def wait_for_end(self, seconds):
        try:
            self.process.wait(timeout=seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def signal(self, number):
        self.process.send_signal(number)

    def exit_code(self):
        return self.process.poll()

    def break_disk(self):
        open(self.flag, "w").close()

    def fill_disk(self):
        """Real `no space left` where a file system of its own could be mounted, else a limit on the size of files."""
        if self.is_mounted:
            with contextlib.suppress(OSError), open(self.ballast, "wb", buffering=0) as ballast:
                while ballast.write(bytes(1 << 16)):
                    pass
        else:
            largest = max(os.path.getsize(f) for f in glob.glob(self.data + "/*.db*"))
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    def step_clock(self, seconds):
        with open(self.clock + ".new", "w") as new:
            new.write(f"{seconds:+d}s\n")
        os.replace(self.clock + ".new", self.clock)

    def heal(self):
        for file in (self.flag, self.ballast):
            if os.path.exists(file):
                os.remove(file)
        if self.is_running():
            resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def audit(self):
        """Of the stopped folder."""
        ran = subprocess.run([self.binary, "audit", "--data", self.data, "--json"], capture_output=True, text=True,
                             env=self.environment({}), timeout=600)
        if not ran.stdout:
            raise RuntimeError("the audit failed: " + ran.stderr)
        return json.loads(ran.stdout)

    def memory_mb(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
        return 0

    def remove(self):
        if self.is_running():
            self.kill()
        if self.is_mounted:
            subprocess.run(["umount", self.data], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class CommandShop:
    """A shop elsewhere, or of several processes: commands kill and restart it, and it is audited over HTTP."""
    can_break = False

    def __init__(self, url, restart_command, kill_command):
        parts = urllib.parse.urlsplit(url)
        self.address = Address(parts.hostname, parts.port or 80)
        self.restart_command, self.kill_command = restart_command, kill_command
        self.running = False

    def start(self, **_):
        begun = time.monotonic()
        subprocess.run(self.restart_command, shell=True, check=True)
        while time.monotonic() < begun + READY_MAX:
            try:
                if ask(self.address, "GET", "/health/ready", timeout=2)[0] == 200:
                    self.running = True
                    return time.monotonic() - begun
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise RuntimeError("the shop is not ready")

    def kill(self):
        subprocess.run(self.kill_command, shell=True, check=True)
        self.running = False

    def is_running(self):
        return self.running

    def exit_code(self):
        return None

    def last_words(self):
        return ""

    def heal(self):
        pass

    def audit(self):
        return None

    def remove(self):
        pass
