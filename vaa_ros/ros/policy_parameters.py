# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node policy, and the control options that they stand for.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vaa_ros.core.chunking import DEFAULT_COEFFICIENT
from vaa_ros.core.control_setup import AUTO
from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.control_setup import ENSEMBLE_CHOICES
from vaa_ros.core.pacing import Pacing
from vaa_ros.core.replanning import REPLAN_CHOICES
from vaa_ros.core.scene_watch import FROZEN_FRAMES
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.input_parameters import INPUT_PARAMETERS
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.swap_parameters import SWAP_PARAMETERS

PARAMETERS = (
    Parameter('model_path', 'hold', 'Policy: a model in models/, the path of an .onnx file, or '
              'hold (stays where it is); ~/reload_policy takes a new value to work.'),
    Parameter('instruction', '', 'What is asked for, in words, until another one comes over the '
              'topic instruction; for policies that know several.'),
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.',
              read_only=True),
    Parameter('command_type', 'joint_trajectory', 'Type and topic of the commands.',
              choices=tuple(SOURCE_KINDS), read_only=True),
    Parameter('trajectory_points', 1, 'Points of a joint trajectory, a control period apart: what '
              'the arm does when the next messages are late. The first is never at time 0.',
              minimum=1, maximum=100, read_only=True),
    Parameter('start_speed', 0.2, 'Fraction of the speed limits for ~/go_to_start.', '', 0.01, 1.0,
              read_only=True),
    Parameter('control_rate_hz', 0.0, 'Rate of commands; 0 takes the policy\'s own. Where it is '
              'higher, setpoints are interpolated to it with continuous velocity; not in '
              'lockstep.', 'Hz', 0.0, 500.0, read_only=True),
    Parameter('replan', AUTO, 'When the policy is asked again: always (with every observation), '
              'chunks (each is followed, seams are blended), or auto: by how long its answers '
              'take.', choices=REPLAN_CHOICES, read_only=True),
    Parameter('inference_deadline_s', 0.0, 'Longest time that an answer may take; then it is '
              'ended and dropped. 0 for as long as its actions last.', 's', 0.0, 60.0,
              read_only=True),
    Parameter('realtime_priority', 0, 'Real-time priority (SCHED_FIFO) of the thread that '
              'commands the arm, and nice -10 for the node\'s other threads; 0 for none. Without '
              'the right to it the node says so and goes on.', minimum=0, maximum=99,
              read_only=True),
    Parameter('control_cpu', -1, 'CPU on which that thread stays; -1 for any.', minimum=-1,
              maximum=4095, read_only=True),
    Parameter('lockstep', False, 'Answer every observation of a simulation in lockstep once.',
              read_only=True),
    Parameter('stamp_commands', False, 'Stamp commands with the observation that they answer; '
              'otherwise a trajectory starts on receipt.', read_only=True),
    Parameter('autostart', True, 'Configure and activate by itself at start.', read_only=True),
    Parameter('ensemble', AUTO, 'How overlapping action chunks are combined: temporal (all '
              'vote), none (the newest decides), or auto: none for decoders that know several '
              'ways (mixture, flow), else temporal; chosen anew for each policy that takes over.',
              choices=ENSEMBLE_CHOICES, read_only=True),
    Parameter('ensemble_coefficient', DEFAULT_COEFFICIENT, 'Decay of the votes from the oldest '
              'chunk to the newest; negative favours the newest.', '', -1.0, 1.0, read_only=True),
    *INPUT_PARAMETERS,
    Parameter('max_skew_s', 0.016, 'Largest time between the pictures of one observation; less '
              'than half a camera period.', 's', 0.0, 1.0, read_only=True),
    Parameter('resume_after_s', 0.1, 'How long every input must be good before a hold ends.', 's',
              0.0, 10.0, read_only=True),
    Parameter('rearm_after_s', 2.0, 'How long a motion may be held and still go on by itself; '
              'after a longer hold it waits for ~/reset_policy, a pause that ends, or another '
              'instruction or policy. 0 for ever; not with a deadman switch, nor in lockstep.',
              's', 0.0, 3600.0, read_only=True),
    Parameter('speed', 1.0, 'Fraction of the robot\'s speed limits to allow.', '', 0.01, 1.0,
              read_only=True),
    Parameter('ramp_s', 0.3, 'How long each motion takes to begin, after activation and after '
              'every hold: the speed limits rise from a tenth, and what is wanted blends in from '
              'where the arm is.', 's', 0.0, 10.0, read_only=True),
    Parameter('max_jump', 0.5, 'Part of a joint\'s range, at most of a turn (of the workspace\'s '
              'diagonal), that a wish of the policy may lie from the last command, at the start '
              'from where the arm is; of half a turn, for orientations. What lies beyond is '
              'refused. Grippers may jump: for them it is the part of the range that a wish may '
              'lie outside of it.', '', 0.01, 1.0, read_only=True),
    Parameter('warn_clamped_s', 1.0, 'How long every command may be clamped by the limits before '
              '/diagnostics warns: one motion asks for more now and then, a policy that does so '
              'for longer does not know the arm.', 's', 0.0, 60.0, read_only=True),
    Parameter('deadman', False, 'Move only while true comes on the topic deadman (Bool), at least '
              'every 0.2 s; not in lockstep.', read_only=True),
    Parameter('e_stop_silence_s', 0.0, 'Longest silence on e_stop; then the node stops as if it '
              'were pressed. For buttons that say false again and again, so that one that is '
              'unplugged, or not there yet, stops the arm too. 0 minds no silence.', 's', 0.0,
              60.0, read_only=True),
    Parameter('allow_other_publishers', False, 'Command the arm although others publish on the '
              'command topic or on that of the gripper.', read_only=True),
    Parameter('discovery_s', 3.0, 'How long after it was configured the node looks for others '
              'that publish on the command topic before it may command the arm: DDS took '
              'up to 2.3 s to find them.', 's', 0.0, 60.0, read_only=True),
    Parameter('watch_scene', True, 'Slow the arm, then hold it, when a camera is frozen or the '
              'scene is unlike those that the model was calibrated with.', read_only=True),
    Parameter('watch_false_alarms_per_hour', 0.001, 'How often clean running may be taken for an '
              'unknown scene; extrapolated from the calibration, so stay far below what you can '
              'bear.', '1/h', 1e-6, 3600.0, read_only=True),
    Parameter('watch_slow_factor', 0.2, 'Fraction of the allowed speed while the scene, or '
              'an input, is unusual.', '', 0.01, 1.0, read_only=True),
    Parameter('watch_hold_after_s', 0.2, 'How long the scene must stay unusual before the arm '
              'holds.', 's', 0.0, 10.0, read_only=True),
    Parameter('watch_recover_after_s', 0.5, 'How long the scene must be usual again before the '
              'arm goes on.', 's', 0.0, 60.0, read_only=True),
    Parameter('watch_frozen_frames', FROZEN_FRAMES, 'How often a picture may come again bit by '
              'bit, while a joint moves by 0.05 rad, before it counts as frozen; noise makes '
              'every picture of a live camera another one.', '', 1, 1000, read_only=True),
    *SWAP_PARAMETERS,
)


def pacing_options(value: Callable[[str], Any], spec: PolicySpec) -> Pacing:
    """
    Read how time is kept.

    :param value: gives the value of a parameter.
    :param spec: the policy's spec.
    :return: the pacing.
    """
    pacing = Pacing.for_policy(spec, value('control_rate_hz'), value('lockstep'),
                               value('inference_deadline_s'), value('replan'))
    return replace(
        pacing, realtime_priority=value('realtime_priority'), cpu=value('control_cpu'))


def control_options(value: Callable[[str], Any], pacing: Pacing) -> ControlOptions:
    """
    Read the control options.

    :param value: gives the value of a parameter.
    :param pacing: how time is kept.
    :return: the options.
    """
    watch = WatchOptions(
        value('watch_scene'), value('watch_false_alarms_per_hour'), value('watch_slow_factor'),
        value('watch_hold_after_s'), value('watch_recover_after_s'),
        value('watch_frozen_frames'))
    return ControlOptions(
        pacing.period_s, value('ensemble'), value('ensemble_coefficient'),
        value('max_image_age_s'), value('max_joint_age_s'), value('resume_after_s'),
        0.0 if pacing.lockstep else value('rearm_after_s'),
        value('speed'), value('ramp_s'), value('max_jump'), value('deadman'), watch,
        pacing.steady)
