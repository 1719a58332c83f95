"""A server with the shapes of Stripe's API, written from its published reference: payment intents with their states,
refunds, search, errors, idempotency and signed webhooks. It keeps state, misbehaves when told to, and shows each
request to stripe-mock, when that runs, which checks it against Stripe's own description of the API."""
import contextlib, hashlib, hmac, http.client, http.server, json, re, threading, time, urllib.parse
from servers import free_port, program, running

DECLINES = {  # test payment methods of Stripe's documentation: code, decline_code
    "pm_card_chargeDeclined": ("card_declined", "generic_decline"),
    "pm_card_visa_chargeDeclinedInsufficientFunds": ("card_declined", "insufficient_funds"),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", "expired_card"),
    "pm_card_chargeDeclinedIncorrectCvc": ("incorrect_cvc", "incorrect_cvc"),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", "processing_error"),
    "pm_card_visa_chargeDeclinedFraudulent": ("card_declined", "fraudulent"),
}
KEY = "sk_test_ofTheseTests"


class Refusal(Exception):
    def __init__(self, status, **error):
        self.status, self.body = status, {"error": error}


class StripeShapes:
    """`faults` are (method, pattern of the path, kind), each used once: `hang` does it and never answers, `lost` never
    answers and does nothing, `fail` answers 500 and does nothing, `fail_after` does it and answers 500, `limit` answers
    429, `close` drops the connection after doing it. `before_answer` is called with what is about to be answered."""

    def __init__(self, mock_port=None):
        self.intents, self.refunds, self.keys = {}, [], {}
        self.faults, self.requests, self.refused_by_mock = [], [], []
        self.before_answer = None
        self.search_sees = True
        self.loses_confirmed = False  # requests for money, before they have an effect
        self.refund_status = "succeeded"
        self.mock_port = mock_port
        self.lock = threading.RLock()
        self.count = 0
        self.stopping = threading.Event()
        self.port = free_port()
        shapes = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                answer = shapes.serve(self.command, self.path, body, self.headers)
                if answer is None:
                    self.close_connection = True
                    return
                status, said, headers = answer
                raw = said if isinstance(said, bytes) else json.dumps(said).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(raw)), "Content-Type": "application/json"}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(raw)

            do_GET = do_POST = handle_one

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # the shop was killed, or has given up

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def new_id(self, prefix):
        self.count += 1
        return f"{prefix}_{self.count:014d}"

    def show_to_mock(self, method, path, body, headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.mock_port, timeout=20)
        passed = {name: headers[name] for name in ("Authorization", "Stripe-Version", "Content-Type", "Idempotency-Key")
                  if headers.get(name)}
        connection.request(method, path, body or None, passed)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        if answer.status >= 400:
            self.refused_by_mock.append((method, path, body, answer.status, said.decode()))

    def serve(self, method, path, body, headers):
        if self.mock_port:
            self.show_to_mock(method, path, body, headers)
        path, _, query = path.partition("?")
        form = dict(urllib.parse.parse_qsl(body if method == "POST" else query, keep_blank_values=True))
        request_id = self.new_id("req")
        with self.lock:
            self.requests.append((method, path, form, dict(headers)))
            fault = next((one for one in self.faults if one[0] == method and re.fullmatch(one[1], path)), None)
            if fault:
                self.faults.remove(fault)
        kind = fault[2] if fault else None
        if kind == "lost":
            self.stopping.wait(60)
            return None
        if self.loses_confirmed and form.get("confirm") == "true":
            return None
        if kind == "limit":
            return 429, {"error": {"type": "invalid_request_error", "code": "rate_limit"}}, {}
        if headers.get("Authorization") != "Bearer " + KEY:
            return 401, {"error": {"type": "invalid_request_error", "message": "Invalid API Key provided"}}, {}
        answer = self.once(method, path, form, headers.get("Idempotency-Key"), request_id, kind)
        if kind in ("hang", "close"):
            if kind == "hang":
                self.stopping.wait(60)
            return None
        if self.before_answer:
            self.before_answer(method, path, answer[1])
        return answer

    def once(self, method, path, form, key, request_id, kind):
        """Stripe's rule: the first answer to a key is the answer to it for a day, errors of the server too."""
        with self.lock:
            if method == "POST" and key in self.keys:
                path_then, form_then, status, said, first = self.keys[key]
                if (path_then, form_then) != (path, form):
                    return 400, {"error": {"type": "idempotency_error", "message": "Keys for idempotent requests can "
                                           "only be used with the same parameters they were first used with."}}, {}
                return status, said, {"Idempotent-Replayed": "true", "Original-Request": first, "Request-Id": request_id}
            try:
                if kind == "fail":
                    raise Refusal(500, type="api_error", message="An unknown error occurred")
                status, said = 200, json.dumps(self.do(method, path, form)).encode()
                if kind == "fail_after":
                    raise Refusal(500, type="api_error", message="An unknown error occurred")
            except Refusal as no:
                status, said = no.status, json.dumps(no.body).encode()
            if method == "POST" and key:
                self.keys[key] = (path, form, status, said, request_id)
            return status, said, {"Request-Id": request_id}

    def do(self, method, path, form):
        parts = path.split("/")[2:]
        if (method, path) == ("POST", "/v1/payment_intents"):
            return self.create(form)
        if (method, path) == ("GET", "/v1/payment_intents/search"):
            wanted = re.fullmatch(r"metadata\['stoa_payment_id'\]:'(\w+)'", form["query"]).group(1)
            found = [one for one in self.intents.values() if one["metadata"].get("stoa_payment_id") == wanted]
            return {"object": "search_result", "url": path, "has_more": False, "next_page": None,
                    "data": found if self.search_sees else []}
        if parts[0] == "payment_intents":
            intent = self.intents.get(parts[1])
            if intent is None:
                raise Refusal(404, type="invalid_request_error", code="resource_missing", param="intent")
            if method == "GET":
                return intent
            return self.capture(intent) if parts[2] == "capture" else self.cancel(intent, form)
        if (method, path) == ("POST", "/v1/refunds"):
            return self.refund(form)
        if (method, path) == ("GET", "/v1/refunds"):
            return {"object": "list", "url": path, "has_more": False,
                    "data": [one for one in self.refunds if one["payment_intent"] == form["payment_intent"]]}
        raise Refusal(404, type="invalid_request_error", message="Unrecognized request URL")

    def create(self, form):
        token, confirmed = form.get("payment_method"), form.get("confirm") == "true"
        if confirmed and not token.startswith("pm_card"):
            raise Refusal(400, type="invalid_request_error", code="resource_missing", param="payment_method",
                          message="No such PaymentMethod")
        amount = int(form["amount"])
        if amount < 30:
            raise Refusal(400, type="invalid_request_error", code="amount_too_small", param="amount")
        intent = {
            "id": self.new_id("pi"), "object": "payment_intent", "amount": amount, "amount_capturable": 0,
            "amount_received": 0, "canceled_at": None, "cancellation_reason": None, "created": int(time.time()),
            "capture_method": form["capture_method"], "currency": form["currency"], "last_payment_error": None,
            "latest_charge": None, "livemode": False, "next_action": None, "payment_method": token,
            "client_secret": f"pi_secret_{self.count}_of_the_payer", "status": "requires_payment_method",
            "metadata": {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}}
        self.intents[intent["id"]] = intent
        if not confirmed:
            return intent
        if token in DECLINES:
            code, reason = DECLINES[token]
            error = {"type": "card_error", "code": code, "decline_code": reason, "message": "Your card was declined.",
                     "charge": self.new_id("ch")}
            intent["last_payment_error"] = dict(error)
            intent["payment_method"] = None
            raise Refusal(402, **error, payment_intent=intent)
        if token == "pm_card_authenticationRequired":
            intent["status"] = "requires_action"
            intent["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        else:
            self.pay(intent)
        return intent

    def pay(self, intent):
        """The card holder agreed, or needed not."""
        manual = intent["capture_method"] == "manual"
        intent["latest_charge"], intent["next_action"] = self.new_id("ch"), None
        intent["status"] = "requires_capture" if manual else "succeeded"
        intent["amount_capturable" if manual else "amount_received"] = intent["amount"]

    def capture(self, intent):
        if intent["status"] != "requires_capture":
            raise Refusal(400, type="invalid_request_error", code="payment_intent_unexpected_state", payment_intent=intent)
        intent.update(status="succeeded", amount_received=intent["amount"], amount_capturable=0)
        return intent

    def cancel(self, intent, form):
        if intent["status"] in ("succeeded", "canceled", "processing"):
            raise Refusal(400, type="invalid_request_error", code="payment_intent_unexpected_state", payment_intent=intent)
        intent.update(status="canceled", amount_capturable=0, cancellation_reason=form.get("cancellation_reason"))
        return intent

    def refund(self, form):
        intent, amount = self.intents[form["payment_intent"]], int(form["amount"])
        given = sum(one["amount"] for one in self.refunds
                    if one["payment_intent"] == intent["id"] and one["status"] != "failed")
        if intent["status"] != "succeeded" or given + amount > intent["amount_received"]:
            raise Refusal(400, type="invalid_request_error", code="charge_already_refunded")
        made = {"id": self.new_id("re"), "object": "refund", "amount": amount, "currency": intent["currency"],
                "payment_intent": intent["id"], "charge": intent["latest_charge"], "status": self.refund_status,
                "created": int(time.time()), "reason": None,
                "metadata": {name[9:-1]: value for name, value in form.items() if name.startswith("metadata[")}}
        self.refunds.append(made)
        return made

    def of_order(self, order):
        with self.lock:
            return [one for one in self.intents.values() if one["metadata"].get("stoa_order_id") == order]

    def money_of(self, order):
        """What was taken and given back, over all intents of an order."""
        intents = self.of_order(order)
        ids = {one["id"] for one in intents}
        return (sum(one["amount_received"] for one in intents),
                sum(one["amount"] for one in self.refunds if one["payment_intent"] in ids and one["status"] == "succeeded"))

    def event(self, kind, about):
        return json.dumps({"id": self.new_id("evt"), "object": "event", "api_version": "2026-08-26.dahlia",
                           "created": int(time.time()), "data": {"object": about}, "livemode": False,
                           "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "type": kind}).encode()


def sign(raw, secret, age=0):
    at = int(time.time()) - age
    return f"t={at},v1=" + hmac.new(secret.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()


@contextlib.contextmanager
def stripe_mock():
    """Its port for HTTP; it listens for HTTPS too, whether asked to or not."""
    port = free_port()
    with running([program("stripe-mock"), "-http-addr", f"127.0.0.1:{port}", "-https-addr",
                  f"127.0.0.1:{free_port()}", "-strict-version-check"], port):
        yield port


@contextlib.contextmanager
def stripe(with_mock=True):
    """The shapes; with stripe-mock looking on when it is there."""
    with contextlib.ExitStack() as stack:
        port = None
        if with_mock:
            port = stack.enter_context(stripe_mock())
        shapes = StripeShapes(port)
        try:
            yield shapes
        finally:
            shapes.stop()
