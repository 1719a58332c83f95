"""Planted defects: none in the binary that is shipped, each of them somewhere in the code and in the table of suites."""
import importlib.util, os, pathlib, re, subprocess
import pytest
from conftest import ROOT, STOA

HEADER = (ROOT / "src/kernel/base/planted.hpp").read_text()
DEFECTS = re.findall(r"defect\((\w+)\)", HEADER)
POINTS = re.findall(r"[^_]point\((\w+)\)", HEADER)
SOURCES = "".join(path.read_text() for path in (ROOT / "src").rglob("*.?pp") if path.stem != "planted")


def is_planted(binary):
    return "planted" in subprocess.run([binary, "version"], capture_output=True, text=True).stdout


@pytest.mark.skipif(is_planted(STOA), reason="this is the build with the defects")
def test_the_release_binary_knows_no_defect():
    program = STOA.read_bytes()
    assert b"synchronous=FULL" in program, "texts of the program can be found in it"
    # A function of UnitOfWork is called after_commit.
    known = [name for name in [*DEFECTS, *(set(POINTS) - {"after_commit"}), "STOA_PLANT", "STOA_CRASH_AT"] if name.encode() in program]
    assert not known


@pytest.mark.skipif(is_planted(STOA), reason="this is the build with the defects")
def test_what_turns_a_defect_on_is_nothing_to_the_release_binary(monkeypatch, shop_with):
    monkeypatch.setenv("STOA_PLANT", "no_idempotency_lookup")
    monkeypatch.setenv("STOA_CRASH_AT", "before_commit:1")
    shop = shop_with()
    shop.product("SAFE", units=5)
    first, again = shop.order("SAFE", idempotency="once"), shop.order("SAFE", idempotency="once")
    assert first.json["id"] == again.json["id"] and shop.stock("SAFE") == (5, 1, 4)


def test_every_defect_is_planted_and_every_point_is_passed():
    assert len(DEFECTS) == len(set(DEFECTS)) >= 30
    assert [name for name in DEFECTS if f"Defect::{name}" not in SOURCES] == []
    assert [name for name in POINTS if f"Point::{name}" not in SOURCES] == []


@pytest.fixture(scope="module")
def planted():
    spec = importlib.util.spec_from_file_location("planted", ROOT / "tests/planted/planted.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_defect_names_a_suite_that_should_catch_it(planted):
    assert planted.defects() == DEFECTS
    assert set(planted.CASES) == set(DEFECTS) and all(planted.CASES.values())


UNIT_TESTS = STOA.parent / "stoa_tests"


@pytest.mark.skipif(not UNIT_TESTS.exists(), reason="the unit tests are not built")
def test_every_unit_suite_that_a_defect_names_has_tests(planted):
    filters = {suite.removeprefix("unit:") for suites in planted.CASES.values() for suite in suites if suite.startswith("unit:")}
    listed = {each: subprocess.run([UNIT_TESTS, "--gtest_list_tests", "--gtest_filter=" + each], capture_output=True, text=True).stdout
              for each in filters}
    assert [each for each, tests in listed.items() if "\n  " not in tests] == []


PLANTED = pathlib.Path(os.environ.get("STOA_PLANTED_BINARY", ROOT / "build" / "planted" / "stoa"))


@pytest.mark.skipif(not PLANTED.exists(), reason="the build with the defects is not there: ./dev planted makes it")
def test_a_defect_that_is_not_known_is_refused():
    ran = subprocess.run([PLANTED, "version"], capture_output=True, text=True, env={**os.environ, "STOA_PLANT": "nonsense"})
    assert ran.returncode == 2 and ran.stderr.split() == DEFECTS
    listed = subprocess.run([PLANTED, "version"], capture_output=True, text=True, env={**os.environ, "STOA_PLANT": "list"})
    assert listed.returncode == 0 and listed.stdout.split() == DEFECTS
