"""How the inner loops of this room become machine code, and the instructions that Python lacks."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

LINE = 64  # bytes of a cache line, of most processors

Kernel = TypeVar("Kernel", bound=Callable[..., object])

# Every float16 as float32, by its 16 bits: reading a table of 256 kB is faster than converting.
HALVES = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def compiled(function: Kernel) -> Kernel:
    """The function in machine code, without the GIL; sums are taken in the order they are written.

    Kept on the disk beside the module where that may be written to, so that only the first process waits a second. What
    is kept is made anew when the function's own file changes, and no other: a function that is compiled into another
    one (`compiled` ones call each other) belongs into the same file.
    """
    return _compiled(function, False)


def loosely_compiled(function: Kernel) -> Kernel:
    """The same for products that only choose candidates: sums may be split over vector registers."""
    return _compiled(function, {"reassoc", "contract"})


def _compiled(function: Kernel, fastmath: Any) -> Kernel:
    try:
        return cast(Kernel, njit(nogil=True, error_model="numpy", fastmath=fastmath, cache=True)(function))
    except RuntimeError:  # no folder to keep it in: an installation that nobody may write to
        return cast(Kernel, njit(nogil=True, error_model="numpy", fastmath=fastmath)(function))


@intrinsic  # type: ignore[untyped-decorator]
def ones_in(_: Any, word: Any) -> Any:
    """How many bits of a uint64 are set, as uint64."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def lowest_one(_: Any, word: Any) -> Any:
    """The number of the lowest set bit of a uint64, as uint64; 64 for 0."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_: Any, array: Any, place: Any) -> Any:
    """Asks for the piece of memory (a cache line) that holds one number of an array; nothing waits for it."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, arguments[0])
        number = builder.gep(made.data, [arguments[1]])
        bit = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), bit, bit, bit])
        function = builder.module.declare_intrinsic("llvm.prefetch", (ir.IntType(8).as_pointer(),), kind)
        # to read, to be kept in all caches, data and not code
        builder.call(function, [builder.bitcast(number, ir.IntType(8).as_pointer()), bit(0), bit(3), bit(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate
