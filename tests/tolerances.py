"""How close two arrays must be, by the kind of claim (absolute, on values of order one)."""

EXACT = 0.0  # the same bits
FP64 = 1e-8  # the same formula in float64
OP = 1e-5  # one operation in float32
BLOCK = 1e-4  # a block of layers in float32
MODEL = 1e-3  # a whole network in float32
BF16 = 2e-2  # anything in bfloat16
