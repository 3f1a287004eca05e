"""What the command line sets for JAX, and what it leaves to the user."""

import os
import subprocess
import sys

from neurodrift.scenarios.cli.environment import SMALL_LOOPS, cache_folder, prefer_small_loops, use_compilation_cache


def test_small_loops_are_added_to_the_users_flags_and_never_override_them(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    prefer_small_loops()
    assert os.environ["XLA_FLAGS"] == f"--xla_cpu_enable_fast_math=false {SMALL_LOOPS}"
    own = "--xla_backend_extra_options=xla_cpu_small_while_loop_byte_threshold=1"
    monkeypatch.setenv("XLA_FLAGS", own)
    prefer_small_loops()
    assert os.environ["XLA_FLAGS"] == own


def test_compiled_code_is_kept_where_the_user_says_or_not_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    monkeypatch.setenv("NEURODRIFT_NO_CACHE", "1")
    use_compilation_cache()
    assert "JAX_COMPILATION_CACHE_DIR" not in os.environ
    monkeypatch.setenv("NEURODRIFT_NO_CACHE", "0")
    use_compilation_cache()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == str(cache_folder()) == str(tmp_path / "neurodrift" / "jax")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "elsewhere")
    use_compilation_cache()
    assert os.environ["JAX_COMPILATION_CACHE_DIR"] == "elsewhere"
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")


LOST = """
import gc, os, signal, time
from neurodrift.scenarios.cli.environment import hear_interrupts

def callback(phase, info):
    if phase == "stop" and waiting:
        waiting.clear()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.1)

hear_interrupts()
waiting = [True]
gc.callbacks.append(callback)
try:
    gc.collect()
    time.sleep(3)
except KeyboardInterrupt:
    print("heard")
"""


def test_an_interrupt_within_the_garbage_collector_is_heard_after_it():
    done = subprocess.run([sys.executable, "-c", LOST], capture_output=True, text=True, timeout=60)
    assert (done.stdout.strip(), done.stderr.strip(), done.returncode) == ("heard", "", 0)
