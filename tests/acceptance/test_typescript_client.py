"""A client generated from /openapi.json compiles, refuses what the shop would refuse, and runs the tour."""
import shutil, subprocess
import pytest
from cached import node_modules
from conftest import ROOT, SECRET

pytestmark = pytest.mark.embedded("the description is the same in both, see test_fleet_gateway.py")


@pytest.fixture
def project(tmp_path, own_shop):
    """A copy of the client, with the types of this shop."""
    client = ROOT / "web" / "client"
    modules = node_modules(client)
    for name in ("package.json", "tsconfig.json"):
        shutil.copy(client / name, tmp_path)
    shutil.copytree(client / "src", tmp_path / "src", ignore=shutil.ignore_patterns("schema.d.ts"))
    (tmp_path / "node_modules").symlink_to(modules)
    (tmp_path / "openapi.json").write_bytes(own_shop.call("GET", "/openapi.json", key=None).body)
    made = node(tmp_path, "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "-o", "src/schema.d.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    return tmp_path


def node(folder, *arguments):
    return subprocess.run(["node", *arguments], cwd=folder, capture_output=True, text=True, timeout=120)


def compiled(project):
    return node(project, "node_modules/typescript/bin/tsc")


def test_the_client_compiles_and_runs_the_tour(project, own_shop):
    built = compiled(project)
    assert built.returncode == 0, built.stdout
    ran = node(project, "dist/tour.js", f"http://127.0.0.1:{own_shop.port}", SECRET)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("product prod_")
    assert lines[1:] == ["100 available", "order 1 confirmed captured", "clean: true", "refused order_not_found"]


def test_what_the_shop_would_refuse_does_not_compile(project):
    wrong = {'handle: "mug"': "handle: 7", '"/v1/audit"': '"/v1/audits"', "quantity: 2": 'quantity: "two"', "header: header()": "header: {}"}
    tour = (project / "src" / "tour.ts").read_text()
    for good, bad in wrong.items():
        assert good in tour
        (project / "src" / "tour.ts").write_text(tour.replace(good, bad))
        assert compiled(project).returncode != 0, bad
