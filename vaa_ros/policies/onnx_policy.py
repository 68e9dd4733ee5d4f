# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that is one ONNX file: network, normalisation and policy spec together.

The only file that imports onnxruntime.
"""
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import METADATA_KEY as FAMILIARITY_KEY
from vaa_ros.core.freed_memory import give_back
from vaa_ros.core.history import seen_frames
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import check_images
from vaa_ros.policies.base import check_observation
from vaa_ros.policies.onnx_file import inspect_model
from vaa_ros.policies.onnx_file import MAX_BYTES
from vaa_ros.policies.onnx_file import read_model_bytes

if TYPE_CHECKING:
    import onnxruntime

UINT8, FLOAT, INT64 = 'tensor(uint8)', 'tensor(float)', 'tensor(int64)'
EXTRA_OUTPUTS = ('scale', 'z_vision', 'z_action')


class OnnxPolicy:
    """
    Runs an exported policy on the CPU.

    :param path: the ``.onnx`` file.
    :param threads: threads for one answer; one is fastest where anything else runs.
    :param max_bytes: the largest file accepted.
    :param data: the contents of the file, where they were read and judged already.
    :raises ModelError: if the file cannot be trusted, read or run, or is not what its spec says.
    """

    def __init__(self, path: str | Path, threads: int = 1, max_bytes: int = MAX_BYTES,
                 data: bytes | None = None) -> None:
        if threads < 1:
            raise ModelError(f'threads is {threads}, expected 1 or more')
        self._path = Path(path).expanduser()
        if data is None:
            data = read_model_bytes(self._path, max_bytes)
        contents = inspect_model(data, str(self._path))
        contents.check(str(self._path))
        self._spec = read_spec(contents.metadata, str(self._path))
        self._familiarity = read_familiarity(contents.metadata, self._spec, str(self._path))
        self._instruction: tuple[str, np.ndarray] | None = None
        self._run: onnxruntime.RunOptions | None = None
        self._sha256 = hashlib.sha256(data).hexdigest()
        self._session = make_session(data, threads, str(self._path))
        check_inputs(self._session, self._spec, str(self._path))
        self._outputs = check_outputs(self._session, self._spec, str(self._path))

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """
        return self._spec

    @property
    def path(self) -> Path:
        """
        Give the file that it came from.
        """
        return self._path

    @property
    def sha256(self) -> str:
        """
        Give the SHA-256 of the file, in hexadecimal.
        """
        return self._sha256

    @property
    def familiarity(self) -> Familiarity | None:
        """
        Give what scenes the policy knows, or None where it was never calibrated.
        """
        return self._familiarity

    def reset(self) -> None:
        """
        Do nothing: what the policy sees of the past comes with each observation.
        """

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now.
        :return: the actions from ``observation.stamp_ns`` on.
        :raises ModelError: if the observation does not fit, the network fails, or an answer is
            not finite or of the wrong shape.
        :raises InstructionError: if the policy knows several instructions, and the observation has
            none of them; lists them.
        """
        check_observation(self._spec, observation)
        feed = {}
        for age, images in enumerate(seen_frames(self._spec, observation)):
            if images is not observation.images:
                check_images(self._spec, images)
            feed |= {self._spec.picture_input(key, age): np.ascontiguousarray(images[key])[None]
                     for key in self._spec.camera_keys}
        feed['state'] = np.asarray(observation.state, dtype=np.float32)[None]
        if self._spec.conditioned:
            feed['instruction'] = self._asked(observation.instruction)
        self._run = run_options()
        try:
            values = self._session.run(list(self._outputs), feed, self._run)
        except Exception as problem:
            raise ModelError(f'{self._path}: inference failed: {first_line(problem)}') from problem
        answers = {name: self._checked(name, value)
                   for name, value in zip(self._outputs, values, strict=True)}
        extras = {name: answers.get(name) for name in EXTRA_OUTPUTS}
        return ActionChunk(observation.stamp_ns, answers['actions'], self._spec.dt_s, **extras)

    def interrupt(self) -> None:
        """
        End the answer under way, if there is one, from another thread: it raises ``ModelError``.
        """
        if self._run is not None:
            self._run.terminate = True

    def _asked(self, text: str) -> np.ndarray:
        if self._instruction is None or self._instruction[0] != text:
            index = instruction_index(text, self._spec.instructions)
            self._instruction = text, np.array([index])
        return self._instruction[1]

    def _checked(self, name: str, value: np.ndarray) -> np.ndarray:
        if value.shape != self._outputs[name]:
            raise ModelError(f'{self._path}: output {name} has shape {value.shape}, expected '
                             f'{self._outputs[name]}')
        if not np.isfinite(value).all():
            place = tuple(int(index) for index in np.argwhere(~np.isfinite(value))[0][1:])
            raise ModelError(f'{self._path}: output {name} is not finite: element {place} is '
                             f'{value[0][place]}')
        return value[0]


def read_spec(metadata: dict[str, str], where: str) -> PolicySpec:
    """
    Read the policy spec that a model carries.

    :param metadata: the model's metadata texts.
    :param where: the file's name, for errors.
    :return: the spec.
    :raises ModelError: if there is none, or it is of another version or malformed.
    """
    if METADATA_KEY not in metadata:
        listed = ', '.join(sorted(metadata)) or 'none'
        raise ModelError(f'{where}: no policy spec; expected the metadata key {METADATA_KEY!r}, '
                         f'found: {listed}. Only whole models made by `vaa export` can be run')
    try:
        return PolicySpec.from_json(metadata[METADATA_KEY], where)
    except SpecError as problem:
        raise ModelError(str(problem)) from problem


def read_familiarity(
    metadata: dict[str, str], spec: PolicySpec, where: str,
) -> Familiarity | None:
    """
    Read what scenes a policy knows.

    :param metadata: the model's metadata texts.
    :param spec: the policy's spec.
    :param where: the file's name, for errors.
    :return: the statistics, or None where there are none.
    :raises ModelError: if they are malformed or belong to another network.
    """
    if FAMILIARITY_KEY not in metadata:
        return None
    known = Familiarity.from_json(metadata[FAMILIARITY_KEY], where)
    known.check_spec(spec, where)
    return known


def runtime_version() -> str:
    """
    Load ONNX Runtime, and give its version.
    """
    import onnxruntime
    return onnxruntime.__version__


def run_options() -> onnxruntime.RunOptions:
    """
    Make the options of one answer, by which it can be ended.
    """
    import onnxruntime
    options = onnxruntime.RunOptions()
    # Errors come as exceptions.
    options.log_severity_level = 4
    return options


def make_session(data: bytes, threads: int, where: str) -> onnxruntime.InferenceSession:
    """
    Make an ONNX Runtime session that leaves the other cores alone.

    :param data: the model file's contents.
    :param threads: threads for one answer.
    :param where: the file's name, for errors.
    :return: the session.
    :raises ModelError: if ONNX Runtime refuses the model.
    """
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Errors come as exceptions; the log would repeat them on the terminal.
    options.log_severity_level = 4
    # Waiting threads would otherwise spin and take most of a core between two frames.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.add_session_config_entry('session.load_model_format', 'ONNX')
    give_back()  # what the model before left behind: here every swap comes by
    try:
        return onnxruntime.InferenceSession(
            data, options, providers=['CPUExecutionProvider'], enable_fallback=0)
    except Exception as problem:
        raise ModelError(f'{where}: ONNX Runtime {onnxruntime.__version__} refuses the model: '
                         f'{first_line(problem)}') from problem


def check_inputs(session: onnxruntime.InferenceSession, spec: PolicySpec, where: str) -> None:
    """
    Compare the network's inputs with the spec.

    :param session: the loaded network.
    :param spec: the spec from the same file.
    :param where: the file's name, for errors.
    :raises ModelError: naming the inputs that differ.
    """
    expected = {spec.picture_input(camera.key, age): (UINT8, [1, camera.height, camera.width, 3])
                for camera in spec.cameras for age in range(spec.observation_history)}
    expected['state'] = (FLOAT, [1, len(spec.joints)])
    if spec.conditioned:
        expected['instruction'] = (INT64, [1])
    found = {item.name: (item.type, list(item.shape)) for item in session.get_inputs()}
    compare(where, 'input', expected, found)


def check_outputs(
    session: onnxruntime.InferenceSession, spec: PolicySpec, where: str,
) -> dict[str, tuple[int, ...]]:
    """
    Compare the network's outputs with the spec.

    :param session: the loaded network.
    :param spec: the spec from the same file.
    :param where: the file's name, for errors.
    :return: the outputs to ask for, and the shape that each must have.
    :raises ModelError: naming the outputs that differ.
    """
    chunk = [1, spec.chunk_length, len(spec.action.names)]
    embedding = [1, spec.embedding_size]
    shapes = {'actions': chunk, 'scale': chunk, 'z_vision': embedding, 'z_action': embedding}
    found = {item.name: (item.type, list(item.shape)) for item in session.get_outputs()
             if item.name in shapes}
    expected = {name: (FLOAT, shape) for name, shape in shapes.items()
                if name == 'actions' or name in found}
    found = {name: (kind, filled(shape, shapes[name])) for name, (kind, shape) in found.items()}
    compare(where, 'output', expected, found)
    return {name: tuple(shapes[name]) for name in expected}


def filled(shape: list[int | str | None], wanted: list[int]) -> list[int | str | None]:
    """
    Take the wanted sizes where an exporter left them open; each answer is measured anyway.

    :param shape: the declared shape.
    :param wanted: the shape that the spec asks for.
    :return: the declared shape without open sizes, or as it is where the rank differs.
    """
    if len(shape) != len(wanted):
        return shape
    return [size if isinstance(size, int) else ours
            for size, ours in zip(shape, wanted, strict=True)]


def compare(
    where: str,
    what: str,
    expected: dict[str, tuple[str, list[int]]],
    found: dict[str, tuple[str, list[int]]],
) -> None:
    """
    Refuse a network whose ends are not what its spec says.

    :param where: the file's name.
    :param what: ``input`` or ``output``.
    :param expected: type and shape by name, from the spec.
    :param found: type and shape by name, from the network.
    :raises ModelError: naming everything that differs.
    """
    problems = []
    for name in sorted({*expected, *found}):
        if name not in found:
            problems.append(f'{name} is missing')
        elif name not in expected:
            problems.append(f'{name} is not in the spec')
        elif found[name] != expected[name]:
            problems.append(f'{name} is {found[name][0]} {found[name][1]}, expected '
                            f'{expected[name][0]} {expected[name][1]}')
    if problems:
        raise ModelError(f'{where}: its {what}s do not fit its policy spec: '
                         f'{"; ".join(problems)}. Found: {", ".join(sorted(found)) or "none"}')


def first_line(problem: Exception) -> str:
    """
    Give the first line of an error from below.
    """
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]
