"""What the numbers of tensors are like: how many, of which dtypes, how large, finite or not."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class Statistics:
    """Of tensors that are shown one after the other."""

    tensors: int = 0
    parameters: int = 0
    dtypes: Counter[str] = field(default_factory=Counter)
    largest: float = 0.0
    nan: int = 0
    infinite: int = 0
    not_finite: list[str] = field(default_factory=list)

    def add(self, name: str, x: np.ndarray) -> float:
        """Counts one more tensor and returns its largest finite absolute value."""
        self.tensors += 1
        self.parameters += x.size
        self.dtypes[x.dtype.name] += 1
        if not _floating(x.dtype) or not x.size:
            return 0.0
        with np.errstate(invalid="ignore"):
            largest = float(max(np.max(x), -np.min(x)))  # NaN where any number is
        if not np.isfinite(largest):
            self.nan += int(np.count_nonzero(np.isnan(x)))
            self.infinite += int(np.count_nonzero(np.isinf(x)))
            self.not_finite.append(name)
            largest = float(np.max(np.abs(x), where=np.isfinite(x), initial=0))
        self.largest = max(self.largest, largest)
        return largest

    def to_dict(self) -> dict[str, Any]:
        """For a report."""
        return {
            "tensors": self.tensors,
            "parameters": self.parameters,
            "dtypes": dict(self.dtypes),
            "largest": self.largest,
            "nan": self.nan,
            "infinite": self.infinite,
            "not_finite": self.not_finite[:20],
        }

    def line(self) -> str:
        """For people."""
        dtypes = ", ".join(f"{kind} x {n}" for kind, n in self.dtypes.most_common())
        dtypes = next(iter(self.dtypes)) if len(self.dtypes) == 1 else dtypes
        strange = f"{self.nan} NaN and {self.infinite} infinite in {', '.join(self.not_finite[:3])}"
        return (
            f"{self.tensors} tensors, {self.parameters:,} parameters, {dtypes}, "
            f"max |x| {self.largest:.4g}, {strange if self.not_finite else 'all finite'}"
        )


def _floating(dtype: np.dtype) -> bool:
    return dtype.kind == "f" or dtype.name.startswith(("bfloat", "float8"))
