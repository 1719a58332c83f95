"""What breaks inside is said at once, and the shop goes on."""
import sqlite3, time
import pytest
from patience import PATIENCE

pytestmark = pytest.mark.embedded("looks into the file of the shop")


def test_a_query_that_fails_is_answered_at_once(own_shop):
    broken = sqlite3.connect(own_shop.data + "/shop.db", timeout=10)
    broken.execute("ALTER TABLE payment_payments RENAME TO payment_gone")
    broken.commit()
    begun = time.monotonic()
    answer = own_shop.call("GET", "/v1/payments")
    assert answer.status == 500 and answer.json["code"] == "internal_error", answer.body
    assert time.monotonic() - begun < 5 * PATIENCE
    assert "payment_payments" not in answer.body.decode()

    broken.execute("ALTER TABLE payment_gone RENAME TO payment_payments")
    broken.commit()
    broken.close()
    assert own_shop.call("GET", "/v1/payments").status == 200
