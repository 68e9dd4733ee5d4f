# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the node policy says about itself: its state, and the policy at work.
"""
from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from datetime import timezone
import math
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.serialization import deserialize_message

from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import WAITING
from vaa_ros.core.input_findings import FINE
from vaa_ros.core.input_findings import GRADES
from vaa_ros.core.input_findings import HELD
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import SLOWED
from vaa_ros.core.input_findings import told
from vaa_ros.core.input_findings import WARNED
from vaa_ros.core.spec import PolicySpec
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.diagnostics import WARN


def without_scenes(policy: Any, blind: str) -> str:
    """
    Say what it means where a policy was not calibrated with the scenes that it knows, or nothing.

    :param policy: the policy.
    :param blind: name of the policy that looks at nothing.
    """
    if policy.spec.name == blind or getattr(policy, 'familiarity', None) is not None:
        return ''
    return (f'policy {policy.spec.name!r} knows no scenes: unknown ones are not noticed, frozen '
            'cameras are; `vaa calibrate` adds what is missing')


def control_report(
    decision: GateDecision, policy: str, instruction: str, figures: Mapping[str, object],
    ages_s: Mapping[str, float | None], most_clamped: float = math.inf,
) -> tuple[bytes, str, dict[str, object]]:
    """
    Say what the control thread does.

    :param decision: what the gate says.
    :param policy: name of the policy at work.
    :param instruction: what is asked for.
    :param figures: counts and times of the control loop.
    :param ages_s: age of every input [s], None where nothing came.
    :param most_clamped: how many commands in a row may be clamped before it warns.
    :return: level, text and values of a status.
    """
    level = {HOLDING: WARN, WAITING: WARN, STOPPED: ERROR}.get(
        decision.state, WARN if decision.reason and decision.may_move else OK)
    values = {'state': decision.state, 'reason': decision.reason, 'policy': policy,
              'instruction': instruction, **figures}
    values.update({f'age_s {topic}': 'never received' if age is None else
                   'released' if age == math.inf else age for topic, age in ages_s.items()})
    text = f'{decision.state}: {decision.reason}' if decision.reason else decision.state
    clamped = figures.get('clamped_in_a_row', 0)
    if decision.may_move and clamped > most_clamped:
        level, text = max(level, WARN), (
            f'{text}; {clamped} commands in a row were clamped: the policy wants more than the '
            'limits allow')
    return level, text, values


def inputs_report(judged: Judgement, counts: Mapping[str, object],
                  ) -> tuple[bytes, str, dict[str, object]]:
    """
    Say what is found about the inputs.

    :param judged: what the judge found.
    :param counts: what it counted.
    :return: level, text and values of a status.
    """
    texts = [f'{GRADES[grade]}: {text}' for grade in (HELD, SLOWED, WARNED)
             if (text := told(judged.findings, grade))]
    level = ERROR if judged.grade == HELD else WARN if texts else OK
    return level, '; '.join(texts) or GRADES[FINE], {**judged.values(), **counts}


def policy_status(spec: PolicySpec, robot: str, facts: Mapping[str, object]) -> DiagnosticStatus:
    """
    Describe the policy at work.

    :param spec: its spec.
    :param robot: name of the robot.
    :param facts: where it came from, and how it compared with the one before.
    :return: the status.
    """
    return status_message('policy: active policy', OK, spec.name, {
        'name': spec.name, 'task': spec.task, 'kind': spec.action.kind, 'robot': robot,
        'instructions': '; '.join(spec.instructions),
        'loaded': datetime.now(timezone.utc).isoformat(), **facts})


def loaded_policy(data: bytes) -> dict[str, str]:
    """
    Read what a policy node says of the policy that it has loaded.

    :param data: a serialised ``~/active_policy``.
    :return: its name, path and SHA-256, where they are told.
    """
    values = status_values(deserialize_message(data, DiagnosticStatus))
    return {key: values[key] for key in ('name', 'path', 'sha256') if key in values}
