"""The page of documentation that federated_sites.py writes from its rows."""

from collections.abc import Callable, Mapping
from typing import Any

from federated_audit import (  # beside this file
    CLIENTS,
    DELTA,
    N_SHADOWS,
    N_TRIALS,
    ORDINARY,
    OVERFIT,
    PER_SITE,
    SECURE_CLIP,
    Plan,
    fedavg,
    steps,
    with_all,
)
from virtual_people import settled

from neurodrift.scenarios.statistics import Interval

MINUS = "\N{MINUS SIGN}"
COLLUDING = ("a little is enough", "min-max")
POOLED_LIMIT, HOSTILE_LIMIT = 0.03, 0.02


def percent(values: Interval, sign: str = "") -> str:
    """``"80.4 [77.8, 83.0]"`` of fractions."""
    return "{0:{s}.1f} [{1:{s}.1f}, {2:{s}.1f}]".format(*(100 * v for v in values), s=sign).replace("-", MINUS)


def area(values: Any) -> str:
    return "{:.3f} [{:.3f}, {:.3f}]".format(*values)


def table(head: list[str], body: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *body])


_Section = Callable[[Mapping[str, Any], str, Plan], tuple[list[str], str]]
"""(rows of a part, who was held out, FedAvg as it was trained) -> verdicts and the section."""


def page(rows: Mapping[str, Mapping[str, Any]], found: Mapping[str, Any]) -> str:
    """rows: by part and arm, with intervals; found: how each part was made."""
    parts: dict[str, _Section] = {"plain": _plain, "hostile": _hostile, "private": _private}
    verdicts, sections, commands = [], [], []
    for part, told in parts.items():
        if part not in rows:
            continue
        who = found[part]["who"]
        plan = fedavg(found[part]["rounds"], found[part]["epochs"])
        verdict, section = told(rows[part], f"{len(who[0])} people held out, {len(who)} repetitions", plan)
        verdicts += verdict
        sections.append(section)
        commands.append(
            f"python benchmarks/federated_sites.py --part {part} --seeds {len(who)} --rounds {found[part]['rounds']} "
            f"--epochs {found[part]['epochs']} --json > {part}.json"
        )
    files = " ".join(f"{part}.json" for part in rows)
    commands.append(f"python benchmarks/federated_sites.py --rows {files} --page docs/results/federated.md")
    commands.append("python benchmarks/federated_sites.py --choose    # rounds by epochs, and when a decoder leaks")
    body, findings, made = "\n".join(sections), "\n\n".join(verdicts), "\n".join(commands)
    return f"""\
# Federated training

Simulated: ten sites in one process, each three virtual people with real local training of its own. It shows what
federation does to a decoder, not what a network between hospitals does. Motor imagery, left against right, the channels
over motor cortex, 3 s at 83 Hz, 60 trials a person, a small EEGNet. Held-out people are aligned by their first 20
windows, without labels, and decoded on 40 others; where feature statistics stay at the sites, those of the same windows
take their place. Each repetition divides the same people anew and draws first weights. Rounds by epochs, and how long
is trained to overfit, were chosen on other people; no other setting was tuned. Intervals are 95 % bootstrap intervals
over people, of whom each counts once: the mean over the repetitions that held them out. They do not hold what another
draw of training people would change.

## Verdict

{findings}

{body}
## How it was made

`--rounds` counts rounds of {CLIENTS} sites, `--epochs` a site's passes in each; of part private only FedAvg takes them.

```bash
{made}
```
"""


def _plain(rows: Mapping[str, Any], made: str, plan: Plan) -> tuple[list[str], str]:
    lost = rows["FedAvg"]["difference"]
    word = {
        "yes": "is within 3 points of pooled training", "no": "is **not within** 3 points of pooled training",
        "not settled": "may or may not be within 3 points of pooled training (**not settled**)",
    }[settled(lost, POOLED_LIMIT)]  # fmt: skip
    arms = [
        [n, percent(r["accuracy"]), "" if n == "pooled" else percent(r["difference"], "+")] for n, r in rows.items()
    ]
    n_rounds, each = plan.federation.n_rounds, steps(plan.training, PER_SITE * N_TRIALS)
    section = f"""\
## Against pooled training

Percent ({made}); chance is 50.
*FedAvg*: {n_rounds} rounds of {CLIENTS} sites, {each} steps at each in a round. *pooled*: all trials in one place,
as many passes over them. *one site alone*: three people, as many steps as FedAvg makes one after another.
*FedBS-like*: statistics of the norms stay at the sites, sharpness-aware steps. *secure sum*: masked updates, which the
sites shorten to a norm of {SECURE_CLIP:g}; the same training otherwise.

{table(["", "accuracy", "against pooled"], arms)}
"""
    return [f"FedAvg {word}: {percent(lost, '+')} points."], section


def _hostile(rows: Mapping[str, Any], made: str, plan: Plan) -> tuple[list[str], str]:
    by: dict[str, dict[str, Interval]] = {}
    for name, row in rows.items():
        attack, rule = name.split(" / ")
        if attack != "none":
            by.setdefault(rule, {})[attack] = row["difference"]
    verdict = []
    for rule, attacks in by.items():
        told = []
        for kind, colluding in (("each for itself", False), ("colluding", True)):
            mine = {name: lost for name, lost in attacks.items() if (name in COLLUDING) == colluding}
            if mine:
                worst = min(mine, key=lambda name: mine[name].value)
                words = {settled(lost, HOSTILE_LIMIT) for lost in mine.values()}
                word = "no" if "no" in words else "not settled" if "not settled" in words else "yes"
                told.append(f"{kind} **{word}** (the worst is {worst}, {percent(mine[worst], '+')} points)")
        verdict.append(f"- {rule}: {', '.join(told)}")
    listed = "\n".join(verdict)
    body = [[*n.split(" / "), percent(r["accuracy"]), percent(r["difference"], "+")] for n, r in rows.items()]
    n_rounds, each = with_all(plan.federation.n_rounds), steps(plan.training, PER_SITE * N_TRIALS)
    section = f"""\
## Two hostile sites of ten

Every site trains in every round, so the two are in each: {n_rounds} rounds, as a site
has on average in {plan.federation.n_rounds} of {CLIENTS} sites, {each} steps at each in a round ({made}).
*screened*: what is not finite, replayed or ten times as long as usual is refused before the rule. *a little is enough*
(Baruch et al. 2019, z 1.5) and *min-max* (Shejwalkar and Houmansadr 2021, unit vector) are made anew each round by two
sites that collude and know every honest update; min-max goes as far as a rule of distances cannot tell. Neither is made
for one rule: an attack that is may cost that rule more. **Multi-Krum is told that two sites are bad**, the trimmed mean
that a fifth may be at either end; the median is told nothing.

{table(["attack", "rule", "accuracy", "against no attack, mean"], body)}
"""
    return [f"Do two hostile sites of ten cost at most 2 points, whatever they do?\n\n{listed}"], section


def _private(rows: Mapping[str, Any], made: str, plan: Plan) -> tuple[list[str], str]:
    verdict = []
    for title in dict.fromkeys(name.split(" / ")[0] for name in rows):
        mine = {name.split(" / ")[1]: row for name, row in rows.items() if name.split(" / ")[0] == title}
        told = ", ".join(
            f"{_best(row)[1]} at epsilon {'infinite' if name == 'none' else name}" for name, row in mine.items()
        )
        named = {
            "FedAvg": "FedAvg", "ordinary": "Ordinary DP-SGD",
            "to overfit": "DP-SGD that overfits",
        }[title]  # fmt: skip
        verdict.append(f"{named}: the better of two attacks tells members with an area of {told}.")
    finds = [name for name, row in rows.items() if _best(row)[0] > 0.5]
    words = "; ".join(name.replace(" / none", ", no noise").replace(" / ", ", epsilon ") for name in finds)
    verdict.append(f"Members are told from outsiders, the interval above .5: {words or 'nowhere'}.")
    budgets = [
        [
            *n.split(" / "), f"{r['noise']:.2f}", percent(r["accuracy"]), f"{100 * r['members right']:.1f}",
            f"{100 * r['outsiders right']:.1f}", area(r["loss"]), area(r["ratio"]),
        ]
        for n, r in rows.items()
    ]  # fmt: skip
    head = ["training", "epsilon", "noise", "accuracy", "members", "outsiders", "area, by loss", "area, by ratio"]
    n_rounds, each = plan.federation.n_rounds, steps(plan.training, PER_SITE * plan.n_trials // 2)
    section = f"""\
## Differential privacy and membership

{made}, {N_SHADOWS} federations each with another half of the trials; the others are
outsiders. *FedAvg*: as against pooled training, but of twice as many trials a person, so that half are as many:
{n_rounds} rounds of {CLIENTS} sites, {each} steps at each in a round, neither clipped nor noised. *ordinary*: DP-SGD
at every site on {ORDINARY.n_trials // 2} trials a person, {_length(ORDINARY)}.
*to overfit*: the same with {OVERFIT.n_trials // 2} trials a person, {_length(OVERFIT)}, to show that the
audit finds a leak where there is one.

What DP-SGD protects is one trial of a site, delta {DELTA:g}. **The alignment is outside of epsilon**: it is made of all
windows of a person, members and outsiders alike, before the training that the accountant counts, so that these attacks
cannot find what it tells.
*members*, *outsiders*: percent right of trials of the same people that were and were not in the training. *area*: how
well the two are told apart; .5 is a guess. *by ratio*: by likelihood ratio, with {N_SHADOWS - 2} decoders of the
attacker's own. "none" has no noise; but for FedAvg it is clipped as the others.

{table(head, budgets)}
"""
    return verdict, section


def _length(plan: Plan) -> str:
    n_rounds = plan.federation.n_rounds
    return f"{n_rounds} rounds and {n_rounds * steps(plan.training, PER_SITE * plan.n_trials // 2)} steps a site"


def _best(row: Mapping[str, Any]) -> tuple[float, str]:
    """Lower end and text of the better attack's area."""
    best = max((row["loss"], row["ratio"]), key=lambda values: values[0])
    return best[1], area(best)
