"""What a sanitizer changes for the tests: the binary is slow under it, and fat. `./dev` says which one runs, and how slow."""
import os

SANITIZER = os.environ.get("STOA_SANITIZER")
PATIENCE = float(os.environ.get("STOA_PATIENCE", 1))  # how many times longer than usual the tests wait


def judge_memory(used, most):
    """Only told under a sanitizer, whose shadow memory counts too, and what it keeps of freed memory."""
    print(f"memory: {used:.0f}" + (f", not judged under {SANITIZER}" if SANITIZER else ""))
    assert SANITIZER or used < most
