"""Registration with Gymnasium: names only, so that it imports neither JAX nor the simulator."""

import gymnasium

from ..tasks.registry import TASKS


def register_all() -> None:
    """Register ``neurodrift/MotorImagery-v0``, ``neurodrift/Replay-v0`` and the id of every task of
    :data:`~neurodrift.sim.tasks.TASKS`; a second call changes nothing.

    Importing ``neurodrift.sim.envs`` calls it, and so does
    ``gymnasium.make("neurodrift.sim.envs:neurodrift/MotorImagery-v0")``.
    """
    for name, function in (("MotorImagery", "motor_imagery"), ("Replay", "replay")):
        if f"neurodrift/{name}-v0" not in gymnasium.registry:
            gymnasium.register(
                id=f"neurodrift/{name}-v0",
                entry_point=f"neurodrift.sim.envs.make:make_{function}",
                vector_entry_point=f"neurodrift.sim.envs.make:make_{function}_vector",
            )
    for task, spec in TASKS.items():
        if f"neurodrift/{spec.gym_id}-v0" not in gymnasium.registry:
            gymnasium.register(
                id=f"neurodrift/{spec.gym_id}-v0",
                entry_point="neurodrift.sim.envs.make:make_task_env",
                vector_entry_point="neurodrift.sim.envs.make:make_task_vector",
                kwargs={"task": task},
            )
