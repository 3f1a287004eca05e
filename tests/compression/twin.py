"""EEGNet's integer program in NumPy's 64-bit integers, sample by sample; it counts its products."""

import numpy as np


class Twin:
    """``macs``: multiply-accumulates done, by the name of the kernel."""

    def __init__(self):
        self.macs = {}

    def dot(self, name, a, b):
        a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
        self.macs[name] = self.macs.get(name, 0) + a.size
        total = int(np.sum(a * b))
        assert abs(total) < 2**31
        return total

    def correlate(self, name, x, kernel):
        taps = len(kernel)
        x = np.pad(np.asarray(x, np.int64), taps // 2)
        return np.array([self.dot(name, x[t : t + taps], kernel) for t in range(len(x) - taps + 1)])

    def run(self, program, counts, net):
        """Accumulators (n_classes,) of the converter's integers (n_channels, n_times)."""
        p = {name: np.asarray(value) for name, value in zip(program._fields, program) if not isinstance(value, tuple)}
        counts = np.asarray(counts, np.int64)
        spatial = [[self.dot("spatial", row, counts[:, t]) for t in range(counts.shape[1])] for row in p["spatial"]]
        y = rescale(spatial, program.to_mixed, net.n_channels * 127 * 2047)
        y = [self.correlate("temporal", row, p["temporal"][i // net.depth]) for i, row in enumerate(y)]
        y = elu(rescale(y, program.to_normed, net.kernel_length * 127**2), p["elu"])
        y = rescale(pool(y, net.pool1), program.to_pooled, net.pool1 * 127)
        y = [self.correlate("depthwise", row, kernel) for row, kernel in zip(y, p["depthwise"])]
        y = rescale(y, program.to_filtered, net.separable_length * 127**2)
        y = [[self.dot("pointwise", row, y[:, t]) for t in range(y.shape[1])] for row in p["pointwise"]]
        y = elu(rescale(y, program.to_normed2, net.n_temporal * net.depth * 127**2), p["elu2"])
        features = rescale(pool(y, net.pool2), program.to_features, net.pool2 * 127).reshape(-1)
        return np.array([self.dot("readout", row, features) for row in p["readout"]]) + p["readout_bias"]


def rescale(acc, by, bound):
    """round((round(acc / 2^before) multiplier + bias) / 2^after) within 8 bits, halves up."""
    before = max(0, int(np.floor(np.log2(bound))) + 1 - 15)
    acc = np.asarray(acc, np.int64)
    short = np.floor(acc / 2.0**before + 0.5).astype(np.int64)
    wide = short * np.asarray(by.multiplier, np.int64)[:, None] + np.asarray(by.bias, np.int64)[:, None]
    assert np.abs(wide).max() < 2**31 - 2**19
    return np.clip(np.floor(wide / 2.0 ** np.asarray(by.after)[:, None] + 0.5), -127, 127).astype(np.int64)


def elu(x, table):
    return np.array([[int(v) if v > 0 else int(table[-v]) for v in row] for row in x])


def pool(x, size):
    return np.array([[sum(row[i : i + size]) for i in range(0, len(row) - size + 1, size)] for row in x])
