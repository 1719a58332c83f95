"""Mail and SMS to customers, seen in real servers; and what a crash, a refusal or an outage makes of them."""
import http.client, json, sqlite3
import pytest
from servers import free_port, program, running, self_signed
from steered import SmsServer, SmtpServer, serving, until


def notifications(shop, **filters):
    query = "&".join(f"filter[{name}]={value}" for name, value in filters.items())
    answer = shop.call("GET", "/v1/notifications?" + query)
    assert answer.status == 200, answer.body
    return answer.json["data"]


def one(shop, status, **filters):
    """The only notification, once it is `status`."""
    def found():
        all_ = notifications(shop, **filters)
        assert len(all_) <= 1, all_
        return all_[0] if all_ and all_[0]["status"] == status else None
    return until(found)


def place(shop, sku="TEA", quantity=1, **members):
    if shop.call("GET", "/v1/inventory/" + sku).status == 404:
        shop.product(sku, units=1000)
    answer = shop.order(sku, quantity, **members)
    assert answer.status == 201, answer.body
    return answer.json


def mail_settings(port, **more):
    return {"Smtp__Host": "127.0.0.1", "Smtp__Port": port, "Smtp__From": "Tea & Co <shop@tea.example>",
            "Notification__RetryFirstMs": 100, **{"Smtp__" + k: v for k, v in more.items()}}


class Mailpit:
    """A real SMTP server with an API to look into it."""

    def __init__(self, *arguments):
        self.smtp, self.web = free_port(), free_port()
        self.command = [program("mailpit"), "--smtp", f"127.0.0.1:{self.smtp}", "--listen", f"127.0.0.1:{self.web}",
                        "--smtp-disable-rdns", "--disable-version-check", *arguments]

    def running(self):
        return running(self.command, self.web)

    def get(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.web, timeout=10)
        try:
            connection.request("GET", "/api/v1/" + path)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def messages(self):
        return self.get("messages")["messages"]

    def message(self, subject):
        found = until(lambda: [m for m in self.messages() if m["Subject"] == subject])
        assert len(found) == 1, found
        return self.get("message/" + found[0]["ID"])


@pytest.fixture
def certificate(tmp_path):
    return self_signed(tmp_path, "IP:127.0.0.1")


@pytest.fixture
def passwords(tmp_path):
    path = tmp_path / "passwords"
    path.write_text("shop:correct-horse\n")
    return path


def test_every_kind_of_mail_is_seen_in_a_real_server(shop_with):
    mailpit = Mailpit()
    with mailpit.running():
        shop = shop_with(**mail_settings(mailpit.smtp))
        customer = {"email": "ada@example.org", "name": "Ada <Lovelace> Grüße"}
        order = place(shop, quantity=3, customer=customer)
        confirmed = mailpit.message(f"Your order {order['number']} is confirmed")
        assert confirmed["From"] == {"Name": "Tea & Co", "Address": "shop@tea.example"}
        assert [a["Address"] for a in confirmed["To"]] == ["ada@example.org"]
        assert confirmed["To"][0]["Name"] == customer["name"]
        assert "Hello Ada <Lovelace> Grüße," in confirmed["Text"] and "3 x TEA: 27.00 GBP" in confirmed["Text"]
        assert "Ada &lt;Lovelace&gt; Grüße" in confirmed["HTML"]
        assert confirmed["MessageID"].startswith("order-" + order["id"] + ".") and confirmed["MessageID"].endswith(".email@tea.example")
        headers = mailpit.get(f"message/{confirmed['ID']}/headers")
        assert headers["Auto-Submitted"] == ["auto-generated"] and headers["Content-Language"] == ["en"] and headers["Date"]

        line = order["lines"][0]["id"]
        path = "/v1/orders/" + order["id"]
        assert shop.call("POST", path + "/fulfilments", {"lines": [{"line_id": line, "quantity": 1}]}).status == 201
        partly = mailpit.message(f"A part of your order {order['number']} is on its way")
        assert "- 1 x TEA\n" in partly["Text"].replace("\r", "") and "Still to come:\n- 2 x TEA\n" in partly["Text"].replace("\r", "")
        tracking = {"carrier": "Royal Mail", "number": "AB1", "url": "https://example.org/AB1"}
        assert shop.call("POST", path + "/fulfilments", {"tracking": tracking}).status == 201
        shipped = mailpit.message(f"Your order {order['number']} is on its way")
        assert "Carrier: Royal Mail" in shipped["Text"] and 'href="https://example.org/AB1"' in shipped["HTML"]
        assert shop.call("POST", path + "/returns", {"lines": [{"line_id": line, "quantity": 1}]}).status == 201
        assert "You get 9.00 GBP back." in mailpit.message(f"We have your return of order {order['number']}")["Text"]
        assert "We have sent 9.00 GBP back" in mailpit.message(f"A refund for your order {order['number']}")["Text"]

        cancelled = place(shop, customer=customer)
        assert shop.call("POST", f"/v1/orders/{cancelled['id']}/cancel", {}).status == 200
        text = mailpit.message(f"Your order {cancelled['number']} is cancelled")["Text"]
        assert "You get 9.00 GBP back." in text
        rejected = place(shop, quantity=5000, customer=customer)
        text = mailpit.message(f"Your order {rejected['number']} could not be accepted")["Text"]
        assert "An item is sold out." in text and "payment did not" not in text

        expected = 5 + 2 + 1
        until(lambda: all(n["status"] == "sent" for n in notifications(shop)) or None)
        assert len(notifications(shop)) == len(mailpit.messages()) == expected
        events = [e for e in shop.call("GET", "/v1/events?limit=200&types=notification.NotificationSent.v1").json["data"]]
        assert len(events) == expected
        metrics = shop.call("GET", "/metrics").body.decode()
        assert f'stoa_notification_tries_total{{channel="email",outcome="accepted"}} {expected}' in metrics
        assert "ada@example.org" not in open(shop.data + "/log").read()


@pytest.mark.parametrize("security, arguments, trusted, login", [
    ("starttls", ["--smtp-require-starttls"], True, False),
    ("tls", ["--smtp-require-tls"], True, False),
    ("auto", ["--smtp-require-starttls"], False, False),
    ("starttls", ["--smtp-require-starttls"], True, True),
    ("tls", ["--smtp-require-tls"], True, True),
])
def test_mail_goes_the_safe_way(shop_with, certificate, passwords, security, arguments, trusted, login):
    cert, key = certificate
    more = ["--smtp-auth-file", passwords] if login else []
    mailpit = Mailpit("--smtp-tls-cert", cert, "--smtp-tls-key", key, *arguments, *more)
    settings = {"Security": security}
    if trusted:
        settings["CaFile"] = cert
    if login:
        settings |= {"UserName": "shop", "Password": "correct-horse"}
    with mailpit.running():
        shop = shop_with(**mail_settings(mailpit.smtp, **settings))
        order = place(shop)
        mailpit.message(f"Your order {order['number']} is confirmed")
        one(shop, "sent")


@pytest.mark.parametrize("security, arguments, settings, said", [
    ("starttls", ["--smtp-require-starttls"], {}, "certificate"),
    ("tls", ["--smtp-require-tls"], {}, "certificate"),
    ("starttls", None, {}, "SSL"),
    ("auto", ["--smtp-auth-allow-insecure"], {"UserName": "shop", "Password": "wrong"}, "535"),
])
def test_mail_that_cannot_go_safely_waits(shop_with, certificate, passwords, security, arguments, settings, said):
    cert, key = certificate
    tls = ["--smtp-tls-cert", cert, "--smtp-tls-key", key] if arguments and "insecure" not in arguments[0] else []
    auth = ["--smtp-auth-file", passwords] if "UserName" in settings else []
    mailpit = Mailpit(*(arguments or []), *tls, *auth)
    with mailpit.running():
        shop = shop_with(**mail_settings(mailpit.smtp, Security=security, **settings))
        place(shop)
        waiting = until(lambda: [n for n in notifications(shop, status="queued") if n["tries"] > 0])[0]
        assert waiting["code"] in ("smtp_unreachable", "smtp_535") and (said in waiting["detail"] or said in waiting["code"])
        assert mailpit.messages() == []
        assert "wrong" not in json.dumps(waiting)


def test_without_configuration_all_lies_in_the_mailbox(own_shop):
    shop = own_shop
    customer = {"email": "ada@example.org", "name": "Ada", "phone": "+44 1632 960 001", "language": "de-AT"}
    order = place(shop, "MAILED-TEA", customer=customer)
    by_channel = {n["channel"]: n for n in notifications(shop, order_id=order["id"])}
    assert set(by_channel) == {"email", "sms"}
    mail, sms = by_channel["email"], by_channel["sms"]
    assert mail["status"] == sms["status"] == "mailbox"
    assert mail["to"] == "ada@example.org" and sms["to"] == "+441632960001" and mail["language"] == "de"
    assert mail["subject"] == f"Ihre Bestellung {order['number']} ist bestätigt" and "9,00 GBP" in mail["text"]
    assert sms["text"].startswith("Ihre Bestellung") and sms["subject"] is None
    assert mail["html"] is None and "<html" in shop.call("GET", "/v1/notifications/" + mail["id"]).json["html"]
    for filters, count in [({}, 2), ({"order_id": "ord_nobody"}, 0), ({"channel": "sms"}, 1), ({"status": "sent"}, 0)]:
        assert len(notifications(shop, **{"order_id": order["id"], **filters})) == count
    assert shop.call("GET", "/v1/notifications?filter[status]=odd&filter[channel]=pigeon&cursor=x").status in (400, 422)
    page = shop.call("GET", "/v1/notifications?limit=1").json
    rest = shop.call("GET", "/v1/notifications?limit=1&cursor=" + page["next_cursor"]).json
    assert {page["data"][0]["id"], rest["data"][0]["id"]} == {mail["id"], sms["id"]}
    assert shop.call("GET", "/v1/notifications/ntf_nobody").status == 404
    from conftest import PUBLISHABLE
    assert shop.call("GET", "/v1/notifications", key=PUBLISHABLE).status == 403
    assert shop.call("POST", f"/v1/notifications/{mail['id']}/replay").json["code"] == "channel_not_configured"
    text = shop.rows("notification", "SELECT * FROM notification_messages")
    assert text and "ada@" not in str(text).lower() and "441632" not in str(text), "personal data is stored in the clear"


def test_odd_phones_and_languages_are_named(own_shop):
    own_shop.product("PHONES", units=10)
    for member, value, code in [("phone", "01632 960001", "wrong_phone"), ("phone", "+44 1632 x", "wrong_phone"),
                                ("language", "german1", "wrong_language"), ("language", "d", None)]:
        answer = own_shop.order("PHONES", customer={"email": "a@example.org", member: value})
        assert answer.status == 422 and answer.json["errors"][0]["pointer"] == "/customer/" + member
        assert code is None or answer.json["errors"][0]["code"] == code


def test_a_refusal_is_a_dead_letter_and_can_be_replayed(shop_with):
    with serving(SmtpServer()) as relay:
        relay.replies["RCPT"] = "550 5.1.1 <ada@example.org>: unknown user"
        shop = shop_with(**mail_settings(relay.port))
        place(shop, customer={"email": "ada@example.org"})
        dead = one(shop, "dead_letter")
        assert dead["code"] == "smtp_550" and dead["tries"] == 1
        assert "unknown user" in dead["detail"] and "ada@" not in dead["detail"]
        assert [n["id"] for n in notifications(shop, status="dead_letter")] == [dead["id"]]
        feed = shop.call("GET", "/v1/events?limit=200&types=notification.NotificationDeadLettered.v1").json["data"]
        assert feed[0]["data"]["code"] == "smtp_550"
        del relay.replies["RCPT"]
        assert shop.call("POST", f"/v1/notifications/{dead['id']}/replay").status == 200
        one(shop, "sent")
        assert len(relay.messages) == 1
        assert shop.call("POST", f"/v1/notifications/{dead['id']}/replay").json["code"] == "not_replayable"


def test_what_is_put_off_is_tried_again_until_it_is_given_up(shop_with):
    with serving(SmtpServer()) as relay:
        answers = iter(["451 4.7.1 greylisted", "452 4.2.2 full"])
        relay.replies["RCPT"] = lambda: next(answers, "250 fine")
        shop = shop_with(**mail_settings(relay.port))
        place(shop)
        sent = one(shop, "sent")
        assert sent["tries"] == 3 and len(relay.messages) == 1
        relay.replies["RCPT"] = "451 4.7.1 greylisted"
    with serving(SmtpServer()) as relay:
        relay.replies["DATA END"] = "451 4.3.0 later"
        shop = shop_with(**{**mail_settings(relay.port), "Notification__GiveUpAfterSeconds": 1})
        place(shop)
        dead = one(shop, "dead_letter")
        assert dead["code"] == "smtp_451" and dead["tries"] > 1 and relay.messages == []


def test_an_outage_opens_the_breaker_and_all_goes_out_after_it(shop_with):
    port = free_port()
    shop = shop_with(**mail_settings(port))
    shop.product("TEA", units=100)
    ids = [place(shop)["id"] for _ in range(12)]
    until(lambda: 'stoa_notification_breaker_state{channel="email"} 2' in shop.call("GET", "/metrics").body.decode())
    with serving(SmtpServer(port)) as relay:
        until(lambda: len(notifications(shop, status="sent")) == len(ids))
        assert len(set(relay.ids())) == len(relay.ids()) == len(ids)


def test_killed_before_it_is_sent(shop_with):
    """Queued and not sent: it goes out once after the start."""
    port = free_port()
    shop = shop_with(**mail_settings(port))
    place(shop)
    shop.kill()
    with serving(SmtpServer(port)) as relay:
        shop.start()
        one(shop, "sent")
        assert len(relay.messages) == 1


def test_killed_while_it_is_sent(shop_with):
    """The whole of it has come, the relay has not kept it: it goes out once after the start."""
    with serving(SmtpServer()) as relay:
        relay.go_on.clear()
        answers = iter(["451 the connection was lost"])
        relay.replies["DATA END"] = lambda: next(answers, "250 kept")
        shop = shop_with(**mail_settings(relay.port))
        place(shop)
        assert relay.reached.wait(30)
        shop.kill()
        relay.go_on.set()
        until(lambda: relay.refused)
        shop.start()
        one(shop, "sent")
        assert len(relay.messages) == 1


def test_killed_between_the_relays_answer_and_the_record(shop_with):
    """The relay has it and we do not know: it is sent again, as the same message. That is what a relay can double."""
    with serving(SmtpServer()) as relay:
        relay.answer.clear()
        shop = shop_with(**mail_settings(relay.port))
        place(shop)
        until(lambda: relay.messages)
        shop.kill()
        relay.answer.set()
        shop.start()
        one(shop, "sent")
        assert 1 <= len(relay.ids()) <= 2 and len(set(relay.ids())) == 1


def test_killed_after_the_record(shop_with):
    with serving(SmtpServer()) as relay:
        shop = shop_with(**mail_settings(relay.port))
        place(shop)
        sent = one(shop, "sent")
        shop.kill()
        shop.start()
        second = place(shop)
        until(lambda: [n for n in notifications(shop, order_id=second["id"]) if n["status"] == "sent"])
        assert len(relay.messages) == 2 and len(set(relay.ids())) == 2
        assert one(shop, "sent", order_id=sent["order_id"])["id"] == sent["id"]


def test_a_forgotten_person_gets_nothing(shop_with):
    port = free_port()
    shop = shop_with(**mail_settings(port))
    order = place(shop)
    shop.kill()
    db = sqlite3.connect(shop.data + "/shop.db")
    db.execute("DELETE FROM ordering_person_keys WHERE key_id = ?", ("order:" + order["id"],))
    db.commit()
    db.close()
    with serving(SmtpServer(port)) as relay:
        shop.start()
        row = one(shop, "unsendable")
        assert row["code"] == "person_forgotten" and row["to"] is None and row["text"] is None
        assert relay.messages == []


def sms_settings(server, **more):
    return {"Sms__Provider": "twilio", "Sms__BaseUrl": f"http://127.0.0.1:{server.port}/", "Sms__AccountSid": server.sid,
            "Sms__AuthToken": server.token, "Sms__From": "+441632960999", "Notification__RetryFirstMs": 100,
            **{"Sms__" + k: v for k, v in more.items()}}


def test_sms_go_to_those_who_gave_a_phone(shop_with):
    with serving(SmsServer()) as provider:
        shop = shop_with(**sms_settings(provider))
        place(shop, customer={"email": "b@example.org"})
        order = place(shop, quantity=2, customer={"email": "a@example.org", "phone": "+44 (1632) 960-001", "language": "de"})
        sms = one(shop, "sent", channel="sms")
        number = order["number"]
        assert provider.messages == [{"To": "+441632960001", "From": "+441632960999",
                                      "Body": f"Ihre Bestellung {number} ist bestätigt: 18,00 GBP. Vielen Dank!"}]
        assert sms["reference"] == "SM" + f"{1:032x}"
        path = f"/v1/orders/{order['id']}/fulfilments"
        assert shop.call("POST", path, {"lines": [{"line_id": order["lines"][0]["id"], "quantity": 1}]}).status == 201
        assert shop.call("POST", path, {"tracking": {"carrier": "DHL", "number": "77"}}).status == 201
        until(lambda: len(provider.messages) == 3)
        assert {m["Body"] for m in provider.messages[1:]} == {
            f"Ein Teil Ihrer Bestellung {number} ist unterwegs.", f"Ihre Bestellung {number} ist unterwegs. DHL 77"}
        assert shop.call("POST", f"/v1/orders/{order['id']}/refunds", {"amount": {"amount": 100, "currency": "GBP"}},
                         idempotency="r1").status == 201
        until(lambda: [n for n in notifications(shop, order_id=order["id"]) if n["kind"] == "order_refunded"])
        assert len(notifications(shop, channel="sms")) == len(provider.messages) == 3


def test_sms_refused_put_off_and_with_a_wrong_login(shop_with):
    with serving(SmsServer()) as provider:
        shop = shop_with(**sms_settings(provider))
        provider.replies = {"+441632960002": (400, 21211), "+441632960003": (429, 20429), "+441632960004": (503, 0)}
        place(shop, customer={"email": "a@example.org", "phone": "+441632960002"})
        dead = until(lambda: notifications(shop, status="dead_letter"))[0]
        assert dead["code"] == "sms_21211" and "960002" not in dead["detail"]
        for phone in ("+441632960003", "+441632960004"):
            place(shop, customer={"email": "a@example.org", "phone": phone})
        until(lambda: {r["To"] for r in provider.requests} >= {"+441632960003", "+441632960004"})
        provider.replies = {}
        until(lambda: len(notifications(shop, status="sent")) == 2)
        assert shop.call("POST", f"/v1/notifications/{dead['id']}/replay").status == 200
        until(lambda: len(provider.messages) == 3)
        assert len({m["To"] for m in provider.messages}) == 3

        locked = shop_with(**sms_settings(provider, AuthToken="another"))
        place(locked, customer={"email": "a@example.org", "phone": "+441632960005"})
        waiting = until(lambda: [n for n in notifications(locked, channel="sms") if n["tries"] > 0])[0]
        assert waiting["status"] == "queued" and waiting["code"] == "sms_20003"
        assert "another" not in open(locked.data + "/log").read()


TEMPLATE = "/v1/notifications/templates/order_confirmed/email/"


def test_messages_are_signed_with_the_shops_name_and_else_with_the_senders(shop_with):
    shop = shop_with(**mail_settings(free_port()))
    mine = {"template": {"subject": "{{shop_name}}", "text": "x", "html": "x"}}
    signed = lambda: shop.call("POST", TEMPLATE + "en/preview", mine).json["subject"]
    rename = lambda name: shop.call("PATCH", "/v1/shop", {"name": name}).status
    assert signed() == "Tea & Co"
    assert rename("Teahouse") == 200 and signed() == "Teahouse"
    shop.kill()
    shop.start()
    assert signed() == "Teahouse"
    assert rename(None) == 200 and signed() == "Tea & Co"


def test_a_merchant_changes_and_previews_a_template(own_shop):
    shop = own_shop
    mine = {"subject": "Hurra {{customer_name}}", "text": "{{#lines}}\n* {{title}}\n{{/lines}}\nNr. {{order_number}}", "html": "<b>{{customer_name}}</b>"}
    preview = shop.call("POST", TEMPLATE + "de/preview", {"template": mine})
    assert preview.status == 200, preview.body
    assert preview.json["subject"] == "Hurra A. Customer" and preview.json["text"].startswith("* Tea <green>")
    order = place(shop, "MAILED-TEA", customer={"email": "a@example.org", "name": "<i>x</i>", "language": "de-AT"})
    preview = shop.call("POST", TEMPLATE + "de/preview", {"template": mine, "order_id": order["id"]}).json
    assert preview["html"] == "<b>&lt;i&gt;x&lt;/i&gt;</b>" and preview["text"] == f"* MAILED-TEA\nNr. {order['number']}"
    assert shop.call("GET", TEMPLATE + "de").json["source"] == "built_in", "a preview changes nothing"

    stored = shop.call("PUT", TEMPLATE + "de", mine)
    assert stored.status == 200 and stored.json["revision"] == 1 and stored.json["source"] == "merchant"
    assert shop.call("PUT", TEMPLATE + "de", mine).json["revision"] == 1
    about = lambda order: notifications(shop, order_id=order["id"])[0]
    assert about(order)["subject"] == "Hurra <i>x</i>"
    shop.kill()
    shop.start()
    assert shop.call("GET", TEMPLATE + "DE").json["subject"] == mine["subject"]
    french = {**mine, "subject": "Merci"}
    assert shop.call("PUT", TEMPLATE + "fr", french).status == 200
    order = place(shop, "MAILED-TEA", customer={"email": "a@example.org", "language": "fr-CA"})
    assert about(order)["subject"] == "Merci"
    order = place(shop, "MAILED-TEA", customer={"email": "a@example.org", "language": "pt"})
    assert about(order)["language"] == "en"
    assert shop.call("DELETE", TEMPLATE + "de").status == 204
    assert shop.call("GET", TEMPLATE + "de").json["revision"] == 0
    listed = shop.call("GET", "/v1/notifications/templates").json
    assert len(listed["data"]) == 2 * (7 + 3) + 1 and any(v["name"] == "tracking_url" for v in listed["variables"])


def test_a_wrong_template_is_named_with_its_place(own_shop):
    answer = own_shop.call("PUT", TEMPLATE + "en", {"subject": "{{nobody}}", "text": "a\n{{#lines}}", "html": "{{{total}}}"})
    assert answer.status == 422
    errors = {e["pointer"]: e["message"] for e in answer.json["errors"]}
    assert errors["/subject"] == "line 1, column 1: there is no variable nobody here."
    assert errors["/text"].startswith("line 2, column 1: ") and "unescaped" in errors["/html"]
    assert own_shop.call("POST", TEMPLATE + "en/preview", {"template": {"subject": "x", "text": "{{"}}).status == 422
    assert own_shop.call("PUT", TEMPLATE + "en", {"text": "no subject"}).json["errors"][0]["pointer"] == "/subject"
    sms = "/v1/notifications/templates/order_confirmed/sms/en"
    assert own_shop.call("PUT", sms, {"text": "x", "html": "y"}).json["errors"][0]["pointer"] == "/html"
    for path in ("order_confirmed/pigeon/en", "odd/email/en", "order_refunded/sms/en"):
        assert own_shop.call("GET", "/v1/notifications/templates/" + path).status == 404
    assert own_shop.call("GET", TEMPLATE + "e1").status == 422


@pytest.mark.parametrize("settings, named", [
    ({"Smtp__Host": "x"}, "Smtp:From"), ({"Smtp__Host": "x", "Smtp__From": "nobody"}, "Smtp:From"),
    ({"Smtp__From": "a@example.org"}, "Smtp:Host"), ({"Smtp__Port": 0}, "Smtp:Port"), ({"Smtp__Port": 70000}, "Smtp:Port"),
    ({"Sms__AccountSid": "AC1"}, "Sms:From"), ({"Sms__From": "x"}, "Sms:AccountSid"), ({"Sms__BaseUrl": "ftp://x"}, "Sms:BaseUrl"),
    ({"Sms__Provider": "other"}, "Sms:Provider"),
    ({"Smtp__Security": "ssl"}, "Smtp:Security"),
    ({"Smtp__Host": "x", "Smtp__From": "a@example.org", "Smtp__Password": "p-secret"}, "Smtp:UserName"),
])
def test_a_wrong_setting_is_named_at_the_start(settings, named):
    from conftest import Shop
    shop = Shop(**settings)
    try:
        done = shop.run("config")
        assert done.returncode != 0 and named in done.stderr and "p-secret" not in done.stderr
    finally:
        shop.remove()
