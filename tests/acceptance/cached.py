"""Tools for the tests that come from package registries: kept beside the servers, never in the tree."""
import hashlib, os, pathlib, shutil, subprocess, sys
import pytest

CACHE = pathlib.Path(os.environ.get("STOA_CACHE", pathlib.Path.home() / ".cache" / "stoa"))


def python_program(package, version, program):
    """The path of a program of a PyPI package in an environment of its own, or a skip with the reason."""
    folder = CACHE / "python" / f"{package}-{version}"
    path = folder / "bin" / program
    if not path.exists():
        shutil.rmtree(folder, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True, text=True)
        if made.returncode != 0:
            pytest.skip(f"no Python environment for {package} (python3-venv?): {made.stdout[-300:]}{made.stderr[-300:]}")
        got = subprocess.run([folder / "bin" / "pip", "install", "-q", "--disable-pip-version-check", f"{package}=={version}"],
                             capture_output=True, text=True)
        if got.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"PyPI does not give {package} {version}: {got.stderr.strip().splitlines()[-1:]}")
    return path


def node_modules(project):
    """The modules of a package-lock.json, installed once for each of its versions, or a skip."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("there is no Node or npm")
    lock = (project / "package-lock.json").read_bytes()
    folder = CACHE / "node" / hashlib.sha256(lock).hexdigest()[:16]
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copy(project / name, folder)
        got = subprocess.run(["npm", "ci", "--no-progress"], cwd=folder, capture_output=True, text=True)
        if got.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            pytest.skip(f"the npm registry does not give the client's packages: {got.stderr.strip()[-300:]}")
        (folder / "complete").touch()
    return folder / "node_modules"
