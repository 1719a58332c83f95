"""Schemathesis asks every operation of /openapi.json what it would not expect, with a fixed seed."""
import json, re, subprocess
import pytest
from cached import python_program
from conftest import SECRET
from patience import PATIENCE

pytestmark = pytest.mark.embedded("the same routes in both, and it takes a minute")

VERSION = "4.32.5"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def undocumented(shop):
    """Statuses that were answered, as the figures count them, but stand nowhere in the description."""
    paths = shop.call("GET", "/openapi.json").json["paths"]
    figures = shop.call("GET", "/metrics").body.decode()
    seen = re.findall(r'stoa_http_requests_total\{route="([^"]*)",method="([^"]*)",status="(\d+)"\}', figures)
    assert len(seen) > 50, "the figures are not where they were"
    return [(method, route, status) for route, method, status in seen
            if route != "unknown" and status not in paths[route][method.lower()]["responses"]]


def test_no_defect_and_no_undocumented_answer(own_shop, tmp_path):
    program = python_program("schemathesis", VERSION, "schemathesis")
    # Something to find: what asks for an id or a SKU then also meets one that there is.
    own_shop.product("MUG", units=50)
    order = own_shop.order("MUG").json["id"]
    (tmp_path / "schemathesis.toml").write_text(f"""
[[operations]]
include-path-regex = "^/v1/orders/|^/v1/processes/"
parameters = {{ "path.id" = "{order}" }}
""")
    ran = subprocess.run(
        [program, "run", f"http://127.0.0.1:{own_shop.port}/openapi.json", "--header", f"Authorization:Bearer {SECRET}",
         "--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1", "--generation-database", "none",
         "--continue-on-failure", "--request-timeout", "30", "--no-color", "--exclude-path-regex", "^/swagger|/stream$"],
        cwd=tmp_path, capture_output=True, text=True, timeout=400 * PATIENCE)
    assert ran.returncode == 0, ran.stdout[-20000:] + ran.stderr[-2000:]
    unlisted = undocumented(own_shop)
    assert not unlisted, "\n".join(map(" ".join, unlisted)) + "\nadd them to the `also` of these routes"
    log = open(own_shop.data + "/log").read()
    assert not [line for line in log.splitlines() if json.loads(line)["level"] == "error"]
    assert own_shop.call("GET", "/v1/audit").json["clean"]
