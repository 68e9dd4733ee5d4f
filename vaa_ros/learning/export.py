# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A trained policy to one ONNX file: network, normalisation and policy spec together.
"""
from __future__ import annotations

import base64
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from dataclasses import dataclass
from dataclasses import replace
import io
import logging
import os
from pathlib import Path
import warnings

import numpy as np
import torch

from vaa_ros.alignment.graphs import ChunkGraph
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.errors import ExportError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.history import seen_frames
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.core.types import Past
from vaa_ros.learning.checkpoint import load_policy
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.policies.onnx_policy import OnnxPolicy

OPSET = 18
ENCODER_KEY = 'vaa_action_encoder'
"""Metadata key of the action encoder: an ONNX model in base64, for retrieval on new data."""
TOLERANCE = 1e-5
PARITY_SEEDS = (0, 1, 2, 3, 4)
OUTPUTS = ('actions', 'scale', 'z_vision', 'z_action')


@dataclass(frozen=True)
class ExportResult:
    """
    What an export came to.

    :param path: the ONNX file.
    :param bytes: its size.
    :param parity: largest absolute difference from torch, over all outputs and seeds.
    :param parity_each: the same for each output.
    :param spec: the spec inside the file.
    """

    path: Path
    bytes: int
    parity: float
    parity_each: dict[str, float]
    spec: PolicySpec


def export(run: str | Path, output: str | Path, name: str | None = None,
           samples: int | None = None) -> ExportResult:
    """
    Export the trained policy of a run, and check the file against torch.

    The file appears only if it passes.

    :param run: the run folder.
    :param output: the ``.onnx`` file to write.
    :param name: name of the policy, or None for that of its configuration.
    :param samples: chunks that a sampling decoder chooses from, or None for as many as in its
        configuration.
    :return: what came of it.
    :raises ModelError: if the run has no usable checkpoint.
    :raises ExportError: if the file cannot be written, does not agree with torch, or the decoder
        does not sample.
    """
    policy, config, state = load_policy(run)
    if samples is not None:
        try:
            policy.set_samples(samples)
        except ValueError as problem:
            raise ExportError(f'{run}: {problem}') from problem
        config = replace(config, model=policy.config)
    provenance = {**policy.spec.provenance, 'run': Path(run).name, 'steps': state['step'],
                  'minutes': round(state['elapsed_s'] / 60, 2),
                  'dataset_sha256': state['dataset_hash'],
                  'vaa_version': state['vaa_version'], 'config': config_to_yaml(config),
                  'held_out': state['metrics'],
                  **({'improved_by': state['improve']} if 'improve' in state else {})}
    spec = replace(policy.spec, name=name or config.name, calibration=state['calibration'],
                   provenance=provenance)
    return export_policy(policy, spec, output)


def export_policy(policy: AlignedPolicy, spec: PolicySpec, output: str | Path) -> ExportResult:
    """
    Export a policy under a spec, and check the file against torch.

    :param policy: the policy.
    :param spec: the spec to store; its parity is filled in here.
    :param output: the ``.onnx`` file to write.
    :return: what came of it.
    :raises ExportError: if the file cannot be written, or does not agree with torch.
    """
    path = Path(output)
    if path.suffix != '.onnx':
        raise ExportError(f'cannot export to {path}: the name must end in .onnx')
    spec = told_of(policy, spec)
    graph = PolicyGraph(policy.to(memory_format=torch.contiguous_format)).eval()
    model, encoder = policy_to_onnx(graph, spec), encoder_to_onnx(graph.policy, spec)
    partial = path.with_name(f'.{path.stem}.partial.onnx')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Once to measure parity through the runtime, once more with the figure inside.
        write(model, encoder, spec, partial)
        each = parity(graph, partial, spec)
        worst = max(each.values())
        if not worst <= TOLERANCE:
            raise ExportError(f'{path}: not written, the ONNX graph differs from torch by '
                              f'{worst:.2e} (allowed {TOLERANCE:.0e}): {each}')
        spec = replace(spec, parity={
            'max_abs_difference': worst, 'tolerance': TOLERANCE, 'seeds': len(PARITY_SEEDS),
            'torch': torch.__version__, 'opset': OPSET, **each})
        write(model, encoder, spec, partial)
        OnnxPolicy(partial)
        os.replace(partial, path)
    except OSError as problem:
        raise ExportError(f'cannot write {path}: {problem}') from problem
    except ModelError as problem:
        raise ExportError(f'{path}: not written, the exported file is not usable: {problem}') \
            from problem
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return ExportResult(path, path.stat().st_size, worst, each, spec)


def told_of(policy: AlignedPolicy, spec: PolicySpec) -> PolicySpec:
    """
    Give a spec that names the policy's decoder: by it whoever runs the file combines its chunks.
    """
    return replace(spec, provenance={**spec.provenance, 'decoder': policy.config.decoder})


def policy_to_onnx(graph: PolicyGraph, spec: PolicySpec,
                   outputs: Sequence[str] = OUTPUTS) -> object:
    """
    Trace the deployed graph with fixed batch 1: an ``onnx.ModelProto``.
    """
    example = [torch.zeros(1, camera.height, camera.width, 3, dtype=torch.uint8)
               for camera in spec.cameras for _ in range(spec.observation_history)]
    example.append(torch.zeros(1, len(spec.joints)))
    names = [spec.picture_input(key, age) for key in spec.camera_keys
             for age in range(spec.observation_history)] + ['state']
    if spec.conditioned:
        example.append(torch.zeros(1, dtype=torch.int64))
        names.append('instruction')
    return trace(graph, example, names, outputs)


def encoder_to_onnx(policy: AlignedPolicy, spec: PolicySpec) -> object:
    """
    Trace the action encoder with fixed batch 1: an ``onnx.ModelProto``.
    """
    steps, elements = spec.chunk_length, len(spec.action.names)
    example = [torch.zeros(1, steps, elements), torch.ones(1, steps),
               torch.zeros(1, len(spec.joints))]
    return trace(ChunkGraph(policy).eval(), example, ('actions', 'mask', 'state'), ('z_action',))


def trace(graph: torch.nn.Module, example: Sequence[torch.Tensor], inputs: Sequence[str],
          outputs: Sequence[str]) -> object:
    """
    Trace a module.

    :param graph: the module, in evaluation mode.
    :param example: inputs of the right shapes.
    :param inputs: their names.
    :param outputs: names of the outputs.
    :return: an ``onnx.ModelProto``.
    :raises ExportError: if the exporter fails.
    """
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    try:
        # The exporter reports its progress on standard output, whatever verbose says.
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter('ignore')
            program = torch.onnx.export(
                graph, tuple(example), dynamo=True, opset_version=OPSET, optimize=True,
                input_names=list(inputs), output_names=list(outputs), verbose=False)
    except Exception as problem:
        raise ExportError(f'torch cannot export this policy: {problem}') from problem
    model = program.model_proto
    # Traces of the Python source would only make the file larger.
    for item in (*model.graph.node, *model.graph.value_info):
        del item.metadata_props[:]
        item.doc_string = ''
    return model


def write(model: object, encoder: object | None, spec: PolicySpec, path: Path) -> None:
    """
    Write a model with its spec, and with the action encoder for evaluation.

    :param model: the policy, an ``onnx.ModelProto``.
    :param encoder: the action encoder, an ``onnx.ModelProto``, or None to leave it out.
    :param spec: the spec to store.
    :param path: the file.
    """
    import onnx
    del model.metadata_props[:]
    extra = {} if encoder is None else {
        ENCODER_KEY: base64.b64encode(encoder.SerializeToString()).decode()}
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json(), **extra})
    path.write_bytes(model.SerializeToString())


class Refillable:
    """
    An exported file whose weights and metadata can be replaced.

    :param path: the file.
    :param weights: the weights that it holds, by name, no two alike: each is found by its values.
    :raises ExportError: if it does not hold each of them once.
    """

    def __init__(self, path: Path, weights: Mapping[str, np.ndarray]) -> None:
        import onnx
        self._model = onnx.load(path)
        there = [(item, onnx.numpy_helper.to_array(item))
                 for item in self._model.graph.initializer]
        self._places = {}
        for name, value in weights.items():
            # Linear layers may be stored turned.
            found = [(item, turned) for item, array in there
                     for turned in (False, True)[:value.ndim]
                     if np.array_equal(array, value.T if turned else value)]
            if len(found) != 1:
                raise ExportError(f'{path}: the weights {name} are in it {len(found)} times, '
                                  'expected once')
            self._places[name] = found[0]

    def describe(self, metadata: Mapping[str, str]) -> None:
        """
        Replace entries of the metadata.
        """
        import onnx
        kept = {item.key: item.value for item in self._model.metadata_props}
        del self._model.metadata_props[:]
        onnx.helper.set_model_props(self._model, {**kept, **metadata})

    def filled(self, weights: Mapping[str, np.ndarray]) -> bytes:
        """
        Give the file with other weights.
        """
        import onnx
        for name, (item, turned) in self._places.items():
            value = weights[name].T if turned else weights[name]
            item.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(value), item.name))
        return self._model.SerializeToString()


def parity(graph: PolicyGraph, path: Path, spec: PolicySpec,
           seeds: Sequence[int] = PARITY_SEEDS) -> dict[str, float]:
    """
    Compare an exported file with torch on random input.

    :param graph: the graph in torch.
    :param path: the exported file.
    :param spec: the policy's spec.
    :param seeds: seeds of the input.
    :return: largest absolute difference of each output.
    """
    policy = OnnxPolicy(path)
    worst = dict.fromkeys(OUTPUTS, 0.0)
    for seed in seeds:
        observations = random_observations(spec, seed)
        for observation in observations + [
                replace(observations[0], instruction=text) for text in spec.instructions[1:]]:
            chunk = policy.infer(observation)
            found = (chunk.actions, chunk.scale, chunk.z_vision, chunk.z_action)
            for name, ours, wanted in zip(OUTPUTS, found, ask(graph, observation), strict=True):
                difference = float(np.abs(ours - wanted).max())
                worst[name] = max(worst[name], difference)
    return worst


def ask(graph: PolicyGraph, observation: Observation) -> list[np.ndarray]:
    """
    Run the torch graph on one observation.

    :param graph: the graph.
    :param observation: the observation.
    :return: actions, scale, z_vision and z_action, without the batch axis.
    """
    spec = graph.policy.spec
    seen = seen_frames(spec, observation)
    pictures = [torch.from_numpy(np.array(images[key]))[None]
                for key in spec.camera_keys for images in seen]
    state = torch.from_numpy(np.array(observation.state, dtype=np.float32))[None]
    asked = [torch.tensor([instruction_index(observation.instruction, spec.instructions)])] \
        if spec.conditioned else []
    with torch.no_grad():
        return [value[0].numpy() for value in graph(*pictures, state, *asked)]


def random_observations(spec: PolicySpec, seed: int) -> list[Observation]:
    """
    Make observations at random joint positions: pictures of noise, and of random patches.

    :param spec: what the policy sees.
    :param seed: seed.
    :return: two observations, with the first instruction that the policy knows.
    """
    random = np.random.default_rng(seed)
    lower = np.array([joint.lower for joint in spec.joints])
    upper = np.array([joint.upper for joint in spec.joints])

    def images(side: int) -> dict[str, np.ndarray]:
        made = {}
        for camera in spec.cameras:
            coarse = random.integers(
                0, 256, (camera.height // side + 1, camera.width // side + 1, 3), dtype=np.uint8)
            fine = coarse.repeat(side, 0).repeat(side, 1)[:camera.height, :camera.width]
            made[camera.key] = np.ascontiguousarray(fine)
        return made

    observations = []
    for side in (1, 8):
        present, state = images(side), random.uniform(lower, upper).astype(np.float32)
        before = tuple((seed - age * spec.history_stride_ns, images(side))
                       for age in reversed(range(1, spec.observation_history)))
        past = Past(before[0][0] if before else seed, before)
        observations.append(Observation(seed, present, state, past,
                                        (*spec.instructions, '')[0]))
    return observations
