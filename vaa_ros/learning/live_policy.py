# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Policies for a policy node to run one after the other: they differ in their residual alone.

Export takes many seconds, and between two episodes a person waits. So one file is exported and
checked, and each policy is that file with other weights, checked against torch again. The file
stays for a run that is gone on with.
"""
from __future__ import annotations

from collections.abc import Mapping
import copy
from dataclasses import dataclass
from dataclasses import replace
import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.residual import Residual
from vaa_ros.core.errors import ExportError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import METADATA_KEY as SCENES_KEY
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.export import export_policy
from vaa_ros.learning.export import parity
from vaa_ros.learning.export import Refillable
from vaa_ros.learning.export import told_of
from vaa_ros.learning.export import TOLERANCE

TEMPLATE = 'template.onnx'


@dataclass(frozen=True, eq=False)
class LivePolicy:
    """
    A policy that acts an episode.

    :param index: place of the episode in the run.
    :param noise: how far it explores, as part of the bound; 0 for not at all.
    :param residual: what it does beside the frozen policy.
    :param name: its name, in traces and statuses.
    :param path: its file.
    :param sha256: of that file.
    """

    index: int
    noise: float
    residual: Residual
    name: str
    path: Path
    sha256: str


class LiveFiles:
    """
    Writes the policies of a run.

    :param policy: the frozen policy.
    :param residual: of the sizes and bounds of the run.
    :param spec: the spec that they have in common.
    :param folder: where they go.
    :raises ExportError: if the policy cannot be exported.
    """

    def __init__(self, policy: AlignedPolicy, residual: Residual, spec: PolicySpec,
                 folder: Path) -> None:
        self._spec, self._folder = told_of(policy, spec), folder
        deployed = copy.deepcopy(policy)
        deployed.residual = copy.deepcopy(residual)
        self._graph = PolicyGraph(deployed).eval()
        self._residual: Residual = deployed.residual
        # Weights that are all different, so that each is found in the file by its values.
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for value in self._residual.body.parameters():
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))
        self._template = folder / TEMPLATE
        if not self._template.exists():
            export_policy(deployed, spec, self._template)
        self._file = Refillable(self._template, self._weights())

    @property
    def template(self) -> Path:
        """
        Give the file that they are made of.
        """
        return self._template

    def know(self, scenes: Familiarity) -> None:
        """
        Have all of them know which scenes are usual; that depends on what is frozen alone.
        """
        self._file.describe({SCENES_KEY: scenes.to_json()})

    def write(self, end: str, index: int, noise: float, residual: Residual,
              told: Mapping[str, Any]) -> LivePolicy:
        """
        Write a policy.

        :param end: end of its name.
        :param index: place of its episode in the run.
        :param noise: how far it explores, as part of the bound.
        :param residual: what it does beside the frozen policy.
        :param told: what its provenance says.
        :return: the policy.
        :raises ExportError: if the file does not do what torch does, or cannot be written.
        """
        self._residual.load_state_dict(residual.state_dict())
        name = f'{self._spec.name}_{end}'
        spec = replace(self._spec, name=name, provenance={**self._spec.provenance, **told})
        self._file.describe({METADATA_KEY: spec.to_json()})
        path = self._folder / f'{name}.onnx'
        partial = path.with_name(f'.{name}.partial.onnx')
        data = self._file.filled(self._weights())
        try:
            partial.write_bytes(data)
            worst = max(parity(self._graph, partial, spec, (index,)).values())
            if not worst <= TOLERANCE:
                raise ExportError(f'{path}: not written, it differs from torch by {worst:.2e} '
                                  f'(allowed {TOLERANCE:.0e})')
            os.replace(partial, path)
        except OSError as problem:
            raise ExportError(f'cannot write {path}: {problem}') from problem
        finally:
            partial.unlink(missing_ok=True)
        return LivePolicy(index, noise, residual, name, path.absolute(),
                          hashlib.sha256(data).hexdigest())

    def _weights(self) -> dict[str, np.ndarray]:
        return {name: value.detach().numpy()
                for name, value in self._residual.body.named_parameters()}
