"""Latency of EEGNet on two cores beside braindecode's: ``python benchmarks/decoder_latency.py [--quick] [--json]``."""

import argparse
import json
import os


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):  # before JAX counts the cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    from neurodrift.scenarios.bench.decoders import bench

    rows = bench(options.quick)
    if options.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':44}{'ours':>10}{'peer':>10}{'ratio':>8}")
    for row in rows:
        peer = "-" if row["peer"] is None else f"{row['peer']:.3f}"
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.1f}x"
        print(f"{row['name']:44}{row['ours']:10.3f}{peer:>10}{ratio:>8} {row['unit']}")


if __name__ == "__main__":
    main()
