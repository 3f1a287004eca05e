"""``neurodrift list``: everything there is to choose from."""

import dataclasses

from .parsing import Flag


@dataclasses.dataclass
class Options:
    """Scenarios, control tasks, recalibration methods, decoders, checkpoints, drifts and sources, a line each."""

    json: Flag = False
    """print JSON instead of tables"""


def execute(options: Options) -> int:
    """Print them."""
    from ...sim.tasks.registry import TASKS
    from ..components import everything
    from ..infos import INFOS, OWN_METHODS

    kinds = everything()
    if options.json:
        import json

        rows = {kind: [{"name": n, "summary": s} for n, s in found.items()] for kind, found in kinds.items()}
        for row in rows["scenarios"]:
            info = INFOS[row["name"]]
            row |= {
                "title": info.title,
                "kind": info.kind,
                "severity": f"{info.severity_name} {info.severity_unit}".strip(),
                "severities": list(info.severities),
                "methods": list(info.methods),
                "decoder": info.decoder,
                "decoders": list(info.decoders),
            }
        for row in rows["tasks"]:
            task = TASKS[row["name"]]
            row |= {"title": task.title, "marker": task.marker, "n_windows": task.n_windows}
        print(json.dumps(rows, indent=1))
        return 0
    width = max(len(name) for found in (*kinds.values(), OWN_METHODS) for name in found)
    for kind, found in kinds.items():
        print(kind)
        for name, summary in found.items():
            print(f"  {name:<{width}}  {summary}")
        print()
        if kind == "methods":
            print("methods of single scenarios")
            for name, own in OWN_METHODS.items():
                where = ", ".join(info.name for info in INFOS.values() if name in info.methods)
                print(f"  {name:<{width}}  {own['summary']} ({where})")
            print()
    return 0
