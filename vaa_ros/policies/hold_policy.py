# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that stays where it is: the safe default, and a stand-in for tests.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import check_observation

GRIPPER = 'gripper'


class HoldPolicy:
    """
    Answers with the present joint positions, or with no twist.

    :param spec: what it pretends to see and do.
    :raises ModelError: for end-effector poses: an observation does not hold the present pose, and
        any other pose would be a motion.
    """

    def __init__(self, spec: PolicySpec) -> None:
        if spec.action.kind == 'end_effector_pose':
            raise ModelError('hold cannot answer with end-effector poses: observations hold joint '
                             'positions, not the tool pose. Use joint_position or '
                             'end_effector_twist commands to hold')
        self._spec = spec
        sources = {name: index for index, name in enumerate(spec.joint_names)}
        if spec.action.kind == 'end_effector_twist':
            sources = {name: index for name, index in sources.items() if name == GRIPPER}
        self._pairs = [(element, sources[name]) for element, name in enumerate(spec.action.names)
                       if name in sources]

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """
        return self._spec

    def reset(self) -> None:
        """
        Do nothing: the policy has no past.
        """

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer with staying in place.

        :param observation: what is seen now.
        :return: the same action for the whole chunk.
        :raises ModelError: if the observation does not fit the spec.
        """
        check_observation(self._spec, observation)
        action = np.zeros(len(self._spec.action.names), dtype=np.float32)
        for element, joint in self._pairs:
            action[element] = observation.state[joint]
        actions = np.tile(action, (self._spec.chunk_length, 1))
        return ActionChunk(observation.stamp_ns, actions, self._spec.dt_s)
