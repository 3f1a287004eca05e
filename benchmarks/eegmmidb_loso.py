"""Left against right fist of a person never seen: EEGMMIDB, leave one subject out, online, beside T-TIME's table.

    python benchmarks/eegmmidb_loso.py FOLDER [--json]

FOLDER holds EEGMMIDB's S001, S007, S049, S062, S070, S094 (https://physionet.org/content/eegmmidb/1.0.0/); of each the
45 imagined trials of R04, R08 and R12, 21 channels over the sensorimotor strip, 0 to 3 s from the cue (MOABB's interval
of these recordings). Five subjects train, each aligned by the mean covariance of their own trials; the sixth comes
trial by trial, predicted before anything is learnt from the trial, in the order of the recording, and no session end is
announced between runs. Nothing is chosen on these people: decoders, bands and methods are the catalogue's, whose values
are the literature's. Alignment starts from the new person's first trial, as in T-TIME's incremental alignment, not from
a mean of the others as the catalogue's default does for recalibration; EEGNet is trained from five seeds, which are
averaged within a subject and are the members of the ensemble.

"frozen": behind the mean covariance of the other subjects, never moved. "no alignment": windows divided by one number,
the other subjects' root mean square, in training as in use. Intervals: bootstrap over subjects. p: Wilcoxon's signed
rank over subjects, exact, at least .031 with six. A pair of T-TIME's table holds here where the sign of the mean
difference is the table's; with six people of 45 trials most intervals contain 0, which says that the order is not
settled either way.
"""

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from neurodrift.adaptation import registry
from neurodrift.adaptation.contract import Decoder, Trials, Variables
from neurodrift.adaptation.preprocessing import Preprocessing
from neurodrift.adaptation.spd import covariance, inv_sqrtm, regularised, riemannian_mean, sqrtm, weighted_mean
from neurodrift.scenarios.decoding import Stream, decode_stream, reveal
from neurodrift.scenarios.statistics import bootstrap, paired_wilcoxon, resample
from neurodrift.scenarios.statistics import weighted_mean as mean_of_units
from neurodrift.sim.keys import stream_key
from neurodrift.sim.recordings.eegbci import load_eegbci

SUBJECTS = (1, 7, 49, 62, 70, 94)
CHANNELS = tuple(f"{row}{column}" for row in ("FC", "C", "CP") for column in ("5", "3", "1", "z", "2", "4", "6"))
SECONDS = 3.0
NETWORK_RATE = 80.0  # Hz, the lowest that the catalogue's EEGNet takes and that divides the recordings' 160
N_SEEDS = 5

Row = dict[str, Any]


class Arm(NamedTuple):
    """A method of the registry on a decoder whose past is aligned by ``kind``; published: T-TIME's accuracy on
    BNCI2014001, %, session 1 of nine people, 144 trials each, leave one subject out (Li 2024)."""

    name: str
    title: str
    decoder: str
    kind: str
    method: str
    published: float | None = None


ARMS = (
    Arm("none", "EEGNet, no alignment", "eegnet", "none", "frozen", 70.19),
    Arm("frozen", "EEGNet, frozen behind the others' mean", "eegnet", "euclidean", "frozen"),
    Arm("csp_ea", "CSP + LDA, incremental alignment", "csp_lda", "euclidean", "ea", 72.76),
    Arm("tangent", "Tangent space + logistic regression, recentring", "tangent_lr", "riemannian", "riemann"),
    Arm("ea", "EEGNet, incremental alignment", "eegnet", "euclidean", "ea", 73.52),
    Arm("tent", "EEGNet, alignment + TENT", "eegnet", "euclidean", "tent", 74.32),
    Arm("alpha_bn", "EEGNet, alignment + alpha-BN", "eegnet", "euclidean", "alpha_bn", 74.54),
    Arm("ttime", "EEGNet, T-TIME", "eegnet", "euclidean", "ttime", 76.44),
    Arm("ttime_ens", "EEGNet, T-TIME, ensemble of 5", "eegnet", "euclidean", "ttime_ens", 79.30),
    Arm("cft", "EEGNet, alignment + fine-tuning, all labels", "eegnet", "euclidean", "ea_cft"),
)
PAIRS = (
    ("ea", "none"), ("csp_ea", "none"), ("ea", "csp_ea"), ("tent", "ea"), ("alpha_bn", "ea"), ("ttime", "ea"),
    ("ttime", "tent"), ("ttime", "alpha_bn"), ("ttime_ens", "ttime"), ("ttime_ens", "ea"),
    ("ea", "frozen"), ("cft", "ea"), ("cft", "ttime"),
)  # fmt: skip


def windows(folder: Path, spec: registry.DecoderSpec) -> tuple[Array, Array, float]:
    """x (n_subjects, n_trials, n_channels, n_times) V in the decoder's band, y (n_subjects, n_trials), rate Hz."""
    xs, ys, sfreq = [], [], 0.0
    for subject in SUBJECTS:
        recording = load_eegbci(subject, path=folder, tmin=0.0, tmax=SECONDS).pick(CHANNELS)
        rate = None if spec.covariance_only else NETWORK_RATE
        preprocessing = Preprocessing.create(recording.sfreq, recording.x.shape[-1], spec.l_freq, spec.h_freq, rate)
        xs.append(preprocessing.apply(jnp.asarray(recording.x)))
        ys.append(recording.y == recording.class_names.index("right"))
        sfreq = preprocessing.sfreq
    return jnp.stack(xs), jnp.asarray(np.stack(ys), jnp.int32), sfreq


def pooled(kind: str, x: Array, y: Array) -> tuple[Trials, Array]:
    """Source trials x (n_subjects, n_trials, n_channels, n_times) as one set, and the whitening to train behind.

    Each subject's windows are whitened by their own mean and coloured by the mean over subjects, so that behind the
    whitening of that mean everybody is aligned, and methods find one mean.
    """
    n_channels = x.shape[-2]
    if kind == "none":
        align = jnp.eye(n_channels) / jnp.sqrt(jnp.mean(x**2))
    else:
        mean = weighted_mean if kind == "euclidean" else riemannian_mean
        ones = jnp.ones(x.shape[1])
        means = jax.vmap(lambda w: mean(jax.vmap(lambda v: regularised(covariance(v)))(w), ones))(x)
        whole = mean(means, jnp.ones(len(means)))
        x = jnp.einsum("ij,sjk,snkt->snit", sqrtm(whole), jax.vmap(inv_sqrtm)(means), x)
        align = inv_sqrtm(whole)
    n = y.size
    return Trials(x.reshape(n, *x.shape[2:]), y.reshape(n), jnp.ones(n)), align


@functools.partial(jax.jit, static_argnames=("kind",))
def train(decoder: Decoder, kind: str, x: Array, y: Array, keys: Array) -> tuple[Trials, Variables]:
    """The source trials as calibration, and decoders (n_seeds, ...) of them."""
    trials, align = pooled(kind, x, y)

    def one(key: Array) -> Variables:
        start = decoder.init(stream_key(key, "init"))._replace(align=align)
        return decoder.fit(start, trials, stream_key(key, "fit"))

    return trials, jax.vmap(one)(keys)


def from_first_trial(adapter: Any) -> Any:
    """The method with alignments that keep nothing of the source when a session begins."""
    if hasattr(adapter, "adapter"):
        return dataclasses.replace(adapter, adapter=from_first_trial(adapter.adapter))
    parts = (dataclasses.replace(p, session_weight=0.0) if hasattr(p, "session_weight") else p for p in adapter.parts)
    return dataclasses.replace(adapter, parts=tuple(parts))


@functools.partial(jax.jit, static_argnames=("make",))
def online(
    make: Callable[[], Any], decoder: Decoder, variables: Variables, source: Trials, x: Array, y: Array, keys: Array
) -> Array:
    """Class (n_seeds, n_trials) that each seed's decoder, or all in one ensemble (1, n_trials), gives to each trial."""
    # The cap goes on: a window that is not finite teaches nothing, but that a session ended is heard.
    empty = jnp.full((1, *x.shape[1:]), jnp.nan)
    x, y = jnp.concatenate([empty, x]), jnp.concatenate([jnp.zeros(1, y.dtype), y])
    labels = reveal(keys[0], y, decoder.n_classes)
    labels = labels._replace(available=labels.available.at[0].set(False))
    stream = Stream(x, labels, jnp.arange(len(y)) == 0)
    adapter = from_first_trial(make())

    def one(variables: Variables, key: Array, adapter: Any = adapter) -> Array:
        return decode_stream(adapter, decoder, variables, source, stream, key)[0].argmax(-1)[1:]

    if hasattr(adapter, "members"):
        first, others = (jax.tree.map(lambda a, i=i: a[i], variables) for i in (0, slice(1, None)))
        return one(first, keys[0], dataclasses.replace(adapter, members=others))[None]
    return jax.vmap(one)(variables, keys)


def measure(folder: Path, notify: Callable[[str], None]) -> dict[str, np.ndarray]:
    """Whether each trial was right: name of the arm -> (n_subjects, n_seeds, n_trials) bool."""
    right: dict[str, list[np.ndarray]] = {arm.name: [] for arm in ARMS}
    for decoder_name in dict.fromkeys(arm.decoder for arm in ARMS):
        spec = registry.decoder(decoder_name)
        x, y, sfreq = windows(folder, spec)
        decoder = spec.make(*x.shape[2:], 2, sfreq)
        n_seeds = 1 if spec.covariance_only else N_SEEDS
        arms = [arm for arm in ARMS if arm.decoder == decoder_name]
        for held, subject in enumerate(SUBJECTS):
            others = np.delete(np.arange(len(SUBJECTS)), held)
            keys = jax.vmap(lambda s, held=held: stream_key(jax.random.key(s), "subject", held))(jnp.arange(n_seeds))
            for kind in dict.fromkeys(arm.kind for arm in arms):
                notify(f"S{subject:03d}: {decoder_name}, aligned: {kind}")
                source, variables = train(decoder, kind, x[others], y[others], keys)
                for arm in arms:
                    if arm.kind == kind:
                        make = registry.method(arm.method).make
                        found = online(make, decoder, variables, source, x[held], y[held], keys)
                        right[arm.name].append(np.asarray(found == y[held]))
    return {name: np.stack(found) for name, found in right.items()}


def table(right: dict[str, np.ndarray]) -> dict[str, list[Row]]:
    """arms: accuracy in % with its interval, by subject, beside the published; pairs: differences in points."""
    weights = resample(len(SUBJECTS), 0)
    by_subject = {name: 100.0 * found.mean((1, 2)) for name, found in right.items()}
    arms, pairs = [], []
    for arm in ARMS:
        interval = bootstrap(mean_of_units(by_subject[arm.name]), weights)
        arms.append(
            {"name": arm.name, "title": arm.title, "accuracy": interval.value, "lo": interval.lo, "hi": interval.hi}
            | {"by_subject": dict(zip((f"S{s:03d}" for s in SUBJECTS), by_subject[arm.name].tolist()))}
            | {"n_seeds": right[arm.name].shape[1], "published": arm.published}
        )
    published = {arm.name: arm.published for arm in ARMS}
    titles = {arm.name: arm.title for arm in ARMS}
    for one, other in PAIRS:
        difference = by_subject[one] - by_subject[other]
        interval = bootstrap(mean_of_units(difference), weights)
        known = [published[name] for name in (one, other)]
        theirs = None if known[0] is None or known[1] is None else known[0] - known[1]
        pairs.append(
            {"pair": [one, other], "titles": [titles[one], titles[other]], "published": theirs}
            | {"difference": interval.value, "lo": interval.lo, "hi": interval.hi, "p": paired_wilcoxon(difference)}
            | {"holds": None if theirs is None else bool(np.sign(theirs) == np.sign(interval.value))}
        )
    return {"arms": arms, "pairs": pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="that holds S001, S007, ...")
    parser.add_argument("--json", action="store_true", help="rows as JSON instead of a table")
    chosen = parser.parse_args()
    rows = table(measure(chosen.folder, lambda line: print(line, file=sys.stderr, flush=True)))
    if chosen.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':50}{'accuracy, %':>24}{'BNCI2014001':>14}")
    for row in rows["arms"]:
        published = "-" if row["published"] is None else f"{row['published']:.2f}"
        print(f"{row['title']:50}{row['accuracy']:10.1f} [{row['lo']:.1f}, {row['hi']:.1f}]{published:>14}")
    print()
    for row in rows["pairs"]:
        published = "" if row["published"] is None else f", published {row['published']:+.2f}"
        order = {True: ": holds", False: ": does not hold", None: ""}[row["holds"]]
        interval = f"{row['difference']:+.1f} [{row['lo']:+.1f}, {row['hi']:+.1f}]"
        print(f"{' - '.join(row['pair'])}: {interval}, p {row['p']:.3f}{published}{order}")


if __name__ == "__main__":
    main()
