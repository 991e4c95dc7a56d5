"""Eight simulated devices, shapes checked at every public function, float64 on request.

Nearly all that tests do is compile, so LLVM does not optimise what they compile and gets it in one
piece, from XLA's older emitters where it has them; XLA's own passes all run. `optimised` compiles
as users do. Processes that tests start inherit all this.
"""

import atexit
import gc
import importlib.metadata
import os
import shutil
import sys
import tempfile

if sys.dont_write_bytecode:  # else each of many processes compiles all modules of jax anew
    bytecode = tempfile.mkdtemp(prefix="vinf_jax_bytecode_")
    atexit.register(shutil.rmtree, bytecode, ignore_errors=True)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix = bytecode
    sys.dont_write_bytecode = False

# Threads of numpy's linear algebra only wait for each other where two workers are busy. A worker
# inherits this; in a process of its own numpy is there before, with jaxtyping's plugin.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_NUM_CPU_DEVICES"] = "8"
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
os.environ["JAX_TRACEBACK_IN_LOCATIONS_LIMIT"] = "0"

FLAGS = {"xla_cpu_parallel_codegen_split_count": (1, 32)}
"""Flags of XLA: as tests have them, and as they are where nothing is said."""
if importlib.metadata.version("jaxlib").startswith("0.10."):  # later ones have no other emitters
    FLAGS["xla_cpu_use_fusion_emitters"] = (False, True)
os.environ["XLA_FLAGS"] = " ".join(f"--{name}={quick}" for name, (quick, _) in FLAGS.items())

from jaxtyping import install_import_hook

from tests.shapes import checked

install_import_hook("vinf_jax", f"{checked.__module__}.{checked.__name__}")

import jax
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "small",
    deadline=None,
    derandomize=True,
    max_examples=15,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("small")


@pytest.fixture(scope="session", autouse=True)
def seldom_collected():
    """Tracing makes many objects that live on; looking through all of them again and again takes
    up to a tenth of a test's time."""
    gc.freeze()
    before = gc.get_threshold()
    gc.set_threshold(50_000, 20, 100)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def compiled_once(tmp_path_factory):
    """A training that goes on, or a model made anew, compiles what was compiled before: that is
    kept while the tests run. Each worker keeps its own, as files are not written in one go."""
    jax.config.update("jax_compilation_cache_dir", str(tmp_path_factory.mktemp("compiled")))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


@pytest.fixture
def optimised(monkeypatch):
    """What one test compiles ahead of time, as a video's step and decoder, is compiled as users
    do."""
    compile_, options = (
        jax.stages.Lowered.compile,
        {name: said for name, (_, said) in FLAGS.items()},
    )
    monkeypatch.setattr(jax.stages.Lowered, "compile", lambda self: compile_(self, options))
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture
def x64():
    """float64 for one test; jax is back in float32 afterwards."""
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)
