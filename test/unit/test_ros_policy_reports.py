# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the policy node says about itself.
"""
from __future__ import annotations

import pytest

from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import RUNNING
from vaa_ros.core.input_findings import Finding
from vaa_ros.core.input_findings import Judgement
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.policy_reports import control_report
from vaa_ros.ros.policy_reports import inputs_report


@pytest.mark.parametrize(('clamped', 'level'), [(30, OK), (31, WARN)])
def test_a_policy_that_is_clamped_for_long_is_a_warning(clamped: int, level: bytes) -> None:
    found, text, _ = control_report(GateDecision(RUNNING, True, ''), 'p', '',
                                    {'clamped_in_a_row': clamped}, {}, 30.0)
    assert found == level
    assert ('31 commands in a row were clamped' in text) == (level == WARN)


def test_what_was_clamped_before_a_hold_is_no_news() -> None:
    level, text, _ = control_report(GateDecision(HOLDING, False, 'dark'), 'p', '',
                                    {'clamped_in_a_row': 99}, {}, 30.0)
    assert (level, text) == (WARN, 'holding: dark')


def test_findings_are_told_worst_first_with_their_limits() -> None:
    late = Finding('vision/front', 'age_s', 0.12, 0.2, 'it is late')
    leap = Finding('joint_states', 'speed', 9.0, 2.0, 'a moved')
    fine = Finding('vision/wrist', 'age_s', 0.01, 0.2, 'unsaid')
    level, text, values = inputs_report(Judgement([late, leap, fine]), {'repeated': 3})
    assert level == ERROR
    assert text == ('holding: joint_states: a moved, limit 2; '
                    'warning: vision/front: it is late, limit 0.2')
    assert values == {'vision/front age_s': 0.12, 'joint_states speed': 9.0,
                      'vision/wrist age_s': 0.01, 'repeated': 3}
    assert inputs_report(Judgement([fine]), {})[:2] == (OK, 'fine')
