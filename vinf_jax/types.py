"""Names of arrays, and the letters that their shapes are written in.

B videos, F frames, H W rows and columns, C channels, N tokens, D features. At every door of the
library a video is B F H W C; pixels are in [-1, 1] as floats and in 0..255 as uint8.
"""

import numpy as np
from jaxtyping import Array, Float, Int, UInt8

Video = Float[Array, "b f h w c"]
Images = Float[Array, "n h w c"]
Text = Float[Array, "b n d"] | Float[Array, "b f n d"]
Tokens = Int[Array, "b n"]
Numbers = Int[Array, "f"]
Frames = UInt8[np.ndarray, "f h w 3"]
