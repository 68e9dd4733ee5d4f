# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What goes wrong in front of the cameras, and that nothing else does.
"""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.sim.disturbances import APART
from vaa_ros.sim.disturbances import COVERED
from vaa_ros.sim.disturbances import DISTURBANCES
from vaa_ros.sim.disturbances import DisturbedSimulation
from vaa_ros.sim.disturbances import foreign_object
from vaa_ros.sim.disturbances import FROZEN
from vaa_ros.sim.disturbances import LIGHTING
from vaa_ros.sim.disturbances import Plan
from vaa_ros.sim.simulation import Simulation

SEED, ONSET_TICK = 5, 2


@pytest.fixture(scope='module')
def simulation() -> Iterator[DisturbedSimulation]:
    made = DisturbedSimulation('pick_place')
    yield made
    made.close()


@pytest.fixture(scope='module')
def clean() -> list[dict[str, np.ndarray]]:
    made = Simulation('pick_place')
    made.reset(SEED)
    seen = look(made)
    made.close()
    return seen


def look(simulation: Simulation, ticks: int = 5) -> list[dict[str, np.ndarray]]:
    seen = []
    for _ in range(ticks):
        seen.append({key: simulation.render(key) for key in simulation.cameras})
        simulation.set_targets(simulation.joint_position + 0.03)
        simulation.step()
    return seen


def disturbed(simulation: DisturbedSimulation, name: str | None) -> list[dict[str, np.ndarray]]:
    simulation.plan = Plan(name, ONSET_TICK / 30, seed=1)
    simulation.reset(SEED)
    return look(simulation)


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> list[bool]:
    return [np.array_equal(one[key], other[key]) for key in one]


def test_without_a_plan_it_is_the_simulation_itself(simulation, clean) -> None:
    assert all(all(same(*pair)) for pair in zip(disturbed(simulation, None), clean, strict=True))


@pytest.mark.parametrize('name', DISTURBANCES)
def test_pictures_change_at_the_onset_and_physics_never_do(simulation, clean, name) -> None:
    seen = disturbed(simulation, name)
    joints = simulation.joint_position
    for tick, (ours, theirs) in enumerate(zip(seen, clean, strict=True)):
        if tick < ONSET_TICK:
            assert all(same(ours, theirs))
        else:
            assert not all(same(ours, theirs))
    disturbed(simulation, None)
    assert np.array_equal(simulation.joint_position, joints)


def test_a_covered_lens_is_dark_and_noisy(simulation) -> None:
    seen = disturbed(simulation, COVERED)
    covered = [key for key in simulation.cameras if seen[-1][key].mean() < 20]
    assert len(covered) == 1
    dark = [seen[tick][covered[0]] for tick in (-1, -2)]
    assert 1 < dark[0].std() < 5 and not np.array_equal(*dark)


def test_a_frozen_camera_repeats_its_last_good_picture(simulation) -> None:
    seen = disturbed(simulation, FROZEN)
    still = [key for key in simulation.cameras if np.array_equal(seen[-1][key], seen[-2][key])]
    assert len(still) == 1
    assert np.array_equal(seen[-1][still[0]], seen[ONSET_TICK - 1][still[0]])


def test_a_lamp_that_goes_out_darkens_every_camera(simulation, clean) -> None:
    seen = disturbed(simulation, LIGHTING)
    assert all(seen[-1][key].mean() < 0.8 * clean[-1][key].mean() for key in seen[-1])


def test_the_next_episode_is_clean_again(simulation, clean) -> None:
    for name in DISTURBANCES:
        disturbed(simulation, name)
        assert all(same(disturbed(simulation, None)[-1], clean[-1]))


def test_an_episode_can_be_cut_off_or_go_on_for_a_while(simulation) -> None:
    simulation.plan = Plan(until_s=0.1)
    simulation.reset(SEED)
    look(simulation, 2)
    assert not simulation.done()
    look(simulation, 1)
    assert simulation.done()
    simulation.plan = Plan(linger_s=0.2)
    simulation.reset(SEED)
    simulation.advance(round(600 * simulation.max_time_s))
    assert simulation.timed_out() and not simulation.done()
    simulation.advance(120)
    assert simulation.done()


def test_a_foreign_object_keeps_away_from_what_is_there() -> None:
    random = np.random.default_rng(0)
    taken = [np.array([0.38, 0.0])]
    for _ in range(100):
        thing = foreign_object(random, taken)
        assert np.linalg.norm(np.array(thing.position[:2]) - taken[0]) > APART
        assert thing.position[2] == thing.size[2] > 0


def test_unknown_disturbances_are_refused() -> None:
    with pytest.raises(ConfigError, match=FROZEN):
        Plan('earthquake')
