# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What faults.py works with: the processes, what the policy node says and does, and judging it.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import json
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time
from typing import Any

from fault_observer import ANSWER_S
from fault_observer import Failed
from fault_observer import NS
from fault_observer import Observer
from fault_world import ARM
from fault_world import CAMERA
import numpy as np
from std_srvs.srv import Trigger

RATE_HZ = 30.0
TICK_S = 1.25 / RATE_HZ
"""The longest regular time between two ticks [s]."""
PATIENT = {'max_image_age_s': 1.0, 'max_joint_age_s': 1.0, 'max_clock_skew_s': 0.0,
           'max_clock_jump_s': 0.0, 'discovery_s': 0.0}
"""Parameters of the policy node for a computer that is busy with other things."""
WATCH_S = 0.4
"""How long an arm that holds is watched."""


class Process:
    """
    A process whose output is kept.

    :param command: its command line after the interpreter.
    :param orders: whether it takes orders on stdin.
    :param before: the command that runs it somewhere else, or otherwise.
    """

    def __init__(self, *command: str, orders: bool = False, before: Sequence[str] = ()) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._popen = subprocess.Popen(
            [*before, sys.executable, *command],
            stdin=subprocess.PIPE if orders else subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, bufsize=1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._popen.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def send(self, number: int) -> int:
        """
        Send a signal; gives when [ns].
        """
        self._popen.send_signal(number)
        return time.monotonic_ns()

    def set(self, **values: Any) -> dict[str, Any]:
        """
        Change a world process, and give its answer.
        """
        with self._changed:
            count = len(self.lines)
            self._popen.stdin.write(json.dumps(values) + '\n')
            self._popen.stdin.flush()
            if not self._changed.wait_for(lambda: len(self.lines) > count, ANSWER_S):
                raise Failed(f'a world process gave no answer to {values}')
            return json.loads(self.lines[count])

    @property
    def alive(self) -> bool:
        """
        Tell whether it runs.
        """
        return self._popen.poll() is None

    def wait(self) -> int:
        """
        Wait for its end, and give the exit status.
        """
        try:
            return self._popen.wait(ANSWER_S)
        except subprocess.TimeoutExpired:
            raise Failed('the process does not end') from None

    def end(self) -> None:
        """
        End it, gently first.
        """
        if self.alive:
            self.send(signal.SIGCONT)
            # Whoever takes orders ends with them, and tells DDS so.
            (self._popen.stdin.close if self._popen.stdin else self._popen.terminate)()
        try:
            self._popen.wait(5.0)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()


class Rig:
    """
    Everything that runs, and how it is judged.

    :param folder: where the models are.
    :param patient: whether the computer may be so busy that everything is late.
    :param before: gives the command that runs a role (``arm``, ``cameras``, ``policy``,
        ``guard``) somewhere else, or otherwise.
    """

    def __init__(self, folder: Path, patient: bool = False,
                 before: Callable[[str], Sequence[str]] = lambda role: ()) -> None:
        self.folder = folder
        self._before = before
        self.world = {role: self.be(role) for role in ('arm', 'cameras')}
        self.hears = Observer()
        self.policy: Process | None = None
        self.hears.printed = lambda: [
            line for each in (self.policy, self.guard) if each for line in each.lines[-3:]]
        self._usual = PATIENT if patient else {}
        self.guard = self.start_guard()
        self._with: dict[str, Any] = {}
        self._publishers: dict[str, Any] = {}

    def be(self, role: str, *more: str) -> Process:
        """
        Start a process of fault_world.py.
        """
        return Process(str(Path(__file__).with_name('fault_world.py')), role, *more, orders=True,
                       before=self._before(role))

    def start_guard(self, role: str = 'guard') -> Process:
        """
        Start a guard.

        :param role: says where.
        """
        return Process('-m', 'vaa_ros.nodes.guard', *(
            ('--ros-args', '-p', 'timeout_s:=2.0') if self._usual else ()),
            before=self._before(role))

    def run_policy(self, **parameters: Any) -> None:
        """
        Have a policy node with these parameters that moves the arm, and nothing wrong.
        """
        if self.policy is None or not self.policy.alive or self._with != parameters:
            self.start_policy(**parameters)
        for process in self.world.values():
            process.set()
        begin_ns = time.monotonic_ns()
        if parameters.keys() & {'deadman', 'e_stop_silence_s'}:
            # Somebody has to be there first.
            self.hears.said('waiting|holding|stopped', begin_ns)
            return
        self.hears.said('running', begin_ns, '^$')
        # Good for a while, so that nothing is left of the fault before.
        while True:
            begin_ns = time.monotonic_ns()
            try:
                self.hears.said('(?!running).*', begin_ns, timeout_s=0.6)
            except Failed:
                break
            self.hears.said('running', begin_ns, '^$')
        self.hears.commands.clear()

    def start_policy(self, **parameters: Any) -> None:
        """
        Start a policy node, and end the one before.
        """
        if self.policy is not None:
            self.policy.end()
        # How long a fault lasts depends on the computer; long_hold is the one that tries it.
        given = {'model_path': self.folder / 'round.onnx', 'rearm_after_s': 0.0, **self._usual,
                 **parameters}
        self._with = parameters
        self.policy = Process('-m', 'vaa_ros.nodes.policy', '--ros-args', *(
            word for name, value in given.items()
            for word in ('-p', f'{name}:={str(value).lower() if value is True else value}')),
            before=self._before('policy'))

    def recover(self) -> None:
        """
        End what may still be wrong after a fault that did not end as it should.
        """
        self.policy.end()
        for role, usual in (('arm', ARM), ('cameras', CAMERA)):
            if not self.world[role].alive:
                self.world[role] = self.be(role)
            self.world[role].set(**usual)
        for publisher in self._publishers.values():
            self.hears.node.destroy_publisher(publisher)
        self._publishers.clear()
        self.hears.call(Trigger, 'guard/reset')

    def publisher(self, kind: type, topic: str, qos: Any) -> Any:
        """
        Give a publisher that is connected to the policy node; the same again for the same topic.
        """
        if topic not in self._publishers:
            self._publishers[topic] = self.hears.node.create_publisher(kind, topic, qos)
        made = self._publishers[topic]
        begin_s = time.monotonic()
        while made.get_subscription_count() < 1 + (topic == 'e_stop'):  # this process hears it
            if time.monotonic() > begin_s + ANSWER_S:
                raise Failed(f'nobody hears {topic}')
            time.sleep(0.01)
        return made

    def reload(self, path: Path) -> Any:
        """
        Ask for another model, and give the answer.
        """
        from rclpy.parameter import Parameter
        from rclpy.parameter_client import AsyncParameterClient
        client = AsyncParameterClient(self.hears.node, 'policy')
        client.wait_for_services(ANSWER_S)
        answer = self.hears.answer(client.set_parameters(
            [Parameter('model_path', value=str(path))]), 'model_path').results[0]
        if not answer.successful:
            answer.success, answer.message = False, answer.reason
            return answer
        return self.hears.call(Trigger, 'policy/reload_policy')

    def still(self, since_ns: int, silent: bool = False) -> float:
        """
        Watch the arm hold; gives how far it moved meanwhile [rad].

        :param since_ns: since when it holds.
        :param silent: whether nothing commands it.
        :raises Failed: if a command is another one than that before, or too few come.
        """
        time.sleep(max(0.0, 2 * TICK_S - (time.monotonic_ns() - since_ns) / NS))
        before = np.array(self.world['arm'].set()['position'])
        count = len(self.hears.commands)
        time.sleep(WATCH_S)
        after = np.array(self.world['arm'].set()['position'])
        if not silent:
            # However busy the computer is, they come.
            self.hears.wait(lambda: len(self.hears.commands) >= count + 3, 'commands that hold')
        held = [command for at_ns, command in list(self.hears.commands) if at_ns > since_ns]
        if any(not np.array_equal(held[0], command) for command in held):
            way = np.abs(np.diff(held, axis=0)).max(axis=1)
            raise Failed('commands move the arm although it should hold: by '
                         f'{way.max():.4f} at {np.argmax(way > 0) + 1} of {len(held)}')
        moved = float(np.abs(after - before).max())
        if moved > 1e-3:
            raise Failed(f'the arm moved by {moved:.4f} although it should hold')
        return moved

    def moving(self) -> None:
        """
        See to it that the arm moves.

        :raises Failed: if it does not.
        """
        before = np.array(self.world['arm'].set()['position'])
        time.sleep(0.3)
        after = np.array(self.world['arm'].set()['position'])
        if np.abs(after - before).max() < 0.01:
            raise Failed('the arm does not move')

    def within_limits(self) -> float:
        """
        Judge every command since the arm was ready; gives the largest step of what is allowed.

        :raises Failed: if a limit is broken.
        """
        from vaa_ros.core.robot import load_robot
        joints = load_robot('vaa_arm').joints
        track = [command for _, command in self.hears.commands]
        if len(track) < 2:
            return 0.0
        times = np.array([at_ns for at_ns, _ in self.hears.commands]) / NS
        positions = np.array(track)
        if not np.isfinite(positions).all():
            raise Failed('a command is not finite')
        lower, upper = np.array([(joint.lower, joint.upper) for joint in joints]).T
        if ((positions < lower - 1e-9) | (positions > upper + 1e-9)).any():
            raise Failed('a command is outside of the range of a joint')
        speed = np.array([joint.velocity for joint in joints])
        allowed = speed * np.maximum(np.diff(times), TICK_S)[:, None]
        step = float((np.abs(np.diff(positions, axis=0)) / allowed).max())
        if step > 1.0:
            raise Failed(f'a step is {step:.2f} times as large as the velocity limit allows')
        return step

    def close(self) -> None:
        """
        End everything.
        """
        for process in (self.policy, self.guard, *self.world.values()):
            if process is not None:
                process.end()
        self.hears.close()


@contextmanager
def rig(folder: Path, patient: bool = False,
        before: Callable[[str], Sequence[str]] = lambda role: ()) -> Iterator[Rig]:
    """
    Run the processes, and end them.

    :param folder: where the models are.
    :param patient: whether the computer may be so busy that everything is late.
    :param before: as of :class:`Rig`.
    """
    made = Rig(folder, patient, before)
    try:
        yield made
    finally:
        made.close()


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
