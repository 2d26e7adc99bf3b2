"""Compiles batch_classify/c with the C compiler that comes from PyPI, so that nobody needs one.

All else about the package is in pyproject.toml. The result is a plain shared library without Python in it.
"""

import os
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCES = [
    f"batch_classify/c/{name}.c" for name in ("clean", "files", "fit", "ink", "paper", "pieces", "rules")
]
FLAGS = (
    *("-std=c11", "-O3", "-fno-math-errno", "-ffp-contract=off"),
    *("-Wall", "-Wextra", "-Werror"),
    *("-shared", "-fPIC", "-fvisibility=hidden"),
)
X86 = ("-mcpu=x86_64_v2",)  # what NumPy asks of a processor as well


class Zig(build_ext):
    """Runs Zig's C compiler on all sources of an extension at once."""

    def build_extension(self, ext: Extension) -> None:
        """Compile it to where setuptools wants it."""
        target = Path(self.get_ext_fullpath(ext.name)).absolute()
        target.parent.mkdir(parents=True, exist_ok=True)
        processor = X86 if platform.machine().lower() in ("x86_64", "amd64") else ()
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        command = [*compiler, *FLAGS, *processor, "-o", target, *ext.sources, "-lm"]
        with TemporaryDirectory() as cache:
            caches = {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}
            subprocess.run(command, check=True, env={**os.environ, **caches})


setup(
    ext_modules=[Extension("batch_classify._compiled", SOURCES, depends=["batch_classify/c/planes.h"])],
    cmdclass={"build_ext": Zig},
)
