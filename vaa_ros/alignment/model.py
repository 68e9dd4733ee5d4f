# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The aligned policy, top to bottom.

::

    pictures --> VisionEncoder each --> features ------------------------+
                                           |                            |
                                           +--> Projection --> z_vision -+--> Fusion
                                                                  :      |       |
    joint state --> ProprioEncoder --------------------- : ------+  ActionDecoder
                                                         : contrast              |
    action chunk --> ActionEncoder --> Projection --> z_action     p(chunk | scene)

``z_vision`` comes from the pictures alone, or from the pictures and the instruction where the
policy knows several, for then the right chunk depends on both: the instruction steers the eyes
(FiLM) and is read by the fusion too. The joint state stays out of it: given the joint state it
could tell which chunk belongs to which scene without looking.

With a history of frames each camera's eye looks at every frame, and the features of the earlier
ones are given as their difference from the present ones: motion, zero where nothing moved or
nothing is known. The joint state stays that of the present alone: from past joints a policy reads
off what it just did and goes on with it instead of looking (the copycat problem, de Haan et al.
2019).
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional

from vaa_ros.alignment.action_decoder import Density
from vaa_ros.alignment.action_decoder import masked_mean
from vaa_ros.alignment.action_encoder import ActionEncoder
from vaa_ros.alignment.action_space import ActionSpace
from vaa_ros.alignment.balance import GradientBalance
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.decoders import make_action_decoder
from vaa_ros.alignment.embedding import Contrast
from vaa_ros.alignment.embedding import episode_weights
from vaa_ros.alignment.embedding import Projection
from vaa_ros.alignment.fusion import Fusion
from vaa_ros.alignment.fusion import ProprioEncoder
from vaa_ros.alignment.ranks import share_of_mean
from vaa_ros.alignment.ranks import whole
from vaa_ros.alignment.residual import Residual
from vaa_ros.alignment.text_encoder import TextEncoder
from vaa_ros.alignment.vision_encoder import make_vision_encoder
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS


@dataclass(frozen=True, eq=False)
class Batch:
    """
    A training batch; pictures are cropped and about -1 to 1.

    :param pictures: camera key to (B * H, 3, h, w) float: of each sample the present frame, then
        the earlier ones, H being the policy's ``observation_history``.
    :param shifts: camera key to how far each crop lies from the centre (B * H, 2), see
        :class:`~vaa_ros.alignment.vision_encoder.ConvEncoder`; empty for centre crops.
    :param state: joint states (B, S) [rad or m].
    :param actions: the demonstrated chunks (B, T, D), physical, padded with the last real step.
    :param mask: 1 where a step is real (B, T).
    :param episode: which episode each frame is from (B,), for the hard negatives; or None.
    :param stamp: stamps of the frames (B,) int64 [ns], for the same; or None.
    :param instruction: place of the instruction among those of the spec (B,) int64; needed where
        the policy knows several.
    """

    pictures: Mapping[str, torch.Tensor]
    shifts: Mapping[str, torch.Tensor]
    state: torch.Tensor
    actions: torch.Tensor
    mask: torch.Tensor
    episode: torch.Tensor | None = None
    stamp: torch.Tensor | None = None
    instruction: torch.Tensor | None = None


def crop_size(camera: CameraSpec, crop: float) -> tuple[int, int]:
    """
    Give the rows and columns of a camera's picture that the encoder sees, even numbers.
    """
    return tuple(max(2, 2 * round(side * crop / 2)) for side in (camera.height, camera.width))


class AlignedPolicy(nn.Module):
    """
    Vision-action alignment and behaviour cloning in one network.

    :param spec: what the policy sees and does.
    :param config: sizes of the parts.
    :param loss: how the terms of the loss are formed and weighed.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig, loss: LossConfig) -> None:
        super().__init__()
        self.spec, self.config, self.loss = spec, config, loss
        steps, elements = spec.chunk_length, len(spec.action.names)
        seen = config.vision_features * len(spec.cameras) * spec.observation_history
        self.space = ActionSpace(spec, config.relative)
        text = config.text_features if spec.conditioned else 0
        shared = make_vision_encoder(config, text) if config.share_vision else None
        self.eyes = nn.ModuleDict({key: shared or make_vision_encoder(config, text)
                                   for key in spec.camera_keys})
        self.text = TextEncoder(spec.instructions, text) if text else None
        self.proprio = ProprioEncoder(len(spec.joints), config)
        self.action_encoder = ActionEncoder(spec, config)
        self.project_vision = Projection(seen, config.embedding_size)
        self.project_action = Projection(self.action_encoder.features, config.embedding_size)
        self.contrast = Contrast(loss)
        self.fusion = Fusion(
            [seen, config.proprio_features, config.embedding_size, *([text] if text else [])],
            config)
        self.decoder = make_action_decoder(spec, config)
        self.rebuild = nn.Sequential(
            nn.Linear(config.embedding_size, 2 * config.action_width), nn.SiLU(),
            nn.Linear(2 * config.action_width, steps * elements),
            nn.Unflatten(1, (steps, elements)))
        self.balance = GradientBalance(loss.align) if loss.balance == 'gradient' else None
        self.residual: Residual | None = None

    def read(self, instruction: torch.Tensor | None) -> torch.Tensor | None:
        """
        Read what is asked for.

        :param instruction: place among the instructions of the spec (B,).
        :return: its features (B, text_features); None for a policy that knows at most one.
        :raises ValueError: if it is missing.
        """
        if self.text is None:
            return None
        if instruction is None:
            raise ValueError('this policy knows several instructions, and the batch has none')
        return self.text(instruction)

    def see(self, pictures: Mapping[str, torch.Tensor],
            shifts: Mapping[str, torch.Tensor] | None = None,
            text: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Look at the scene.

        :param pictures: camera key to (B * H, 3, h, w) float, see :class:`Batch`.
        :param shifts: camera key to crop shift (B * H, 2); missing means centre crops.
        :param text: what :meth:`read` gave.
        :return: features (B, F) and embedding z_vision (B, E).
        """
        shifts = shifts or {}
        if text is not None:
            text = text.repeat_interleave(self.spec.observation_history, 0)
        features = torch.cat([
            part for key, eye in self.eyes.items()
            for part in self.motion(eye(pictures[key], shifts.get(key), text))], dim=1)
        return features, self.project_vision(features)

    def motion(self, features: torch.Tensor) -> list[torch.Tensor]:
        """
        Tell what is there from what changed.

        :param features: of the H frames of each sample, the present one first (B * H, F).
        :return: the features of the present, and how they differ from those of each earlier
            frame: H tensors (B, F).
        """
        if self.spec.observation_history == 1:
            return [features]
        present, *earlier = features.unflatten(0, (-1, self.spec.observation_history)).unbind(1)
        return [present, *(present - before for before in earlier)]

    def embed_chunk(self, chunk: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """
        Embed normalised chunks (B, T, D): z_action (B, E).
        """
        return self.project_action(
            self.action_encoder(chunk, mask, self.space.level_chunk(chunk)))

    def decide(self, features: torch.Tensor, z_vision: torch.Tensor, state: torch.Tensor,
               text: torch.Tensor | None = None) -> Density:
        """
        Give the density over normalised chunks for a scene, joint states (B, S) and instruction.
        """
        feeling = self.proprio(self.space.normal_state(state))
        asked = () if text is None else (text,)
        return self.decoder(self.fusion(features, feeling, z_vision, *asked))

    def score(self, z_vision: torch.Tensor, chunks: torch.Tensor) -> torch.Tensor:
        """
        Tell how well candidate chunks (B, K, T, D), normalised, fit the scenes: cosines (B, K).
        """
        z_action = self.embed_chunk(chunks.flatten(0, 1)).unflatten(0, chunks.shape[:2])
        return (z_action * z_vision.unsqueeze(1)).sum(-1)

    def answer(self, density: Density, z_vision: torch.Tensor,
               ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """
        Give the chunks to execute and the log of their scale (B, T, D), and z_action (B, E).

        A head that samples several has the best of them chosen by the shared space.
        """
        chunk, log_scale = density.deployed(lambda chunks: self.score(z_vision, chunks))
        return chunk, log_scale, self.embed_chunk(chunk)

    def set_samples(self, count: int, seed: int = 0) -> None:
        """
        Change how many chunks are sampled and chosen from; nothing learned depends on it.

        :param count: how many.
        :param seed: seed of the noises that they start from.
        :raises ValueError: if the decoder does not sample, or the count is out of range.
        """
        self.config = replace(self.config, samples=count)
        self.decoder.draw(count, seed)

    def pair_weights(self, batch: Batch) -> torch.Tensor | None:
        """
        Tell how much each pair of the whole batch counts as a negative (B, B); None is all alike.

        :raises ValueError: if the loss asks for hard negatives and the batch does not say where
            its frames come from.
        """
        hard = self.loss.hard_negatives
        if hard is None:
            return None
        if batch.episode is None or batch.stamp is None:
            raise ValueError('loss.hard_negatives needs the episode and stamp of every frame, and '
                             'this batch has none; give both, or set it to null')
        # Stamps jitter; half a step decides which step they mean.
        horizon_s = (self.spec.chunk_length - 0.5) * self.spec.dt_s
        return episode_weights(whole(batch.episode), whole(batch.stamp),
                               round(horizon_s * NANOSECONDS), hard)

    def forward(self, batch: Batch) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """
        Give the loss L = L_BC + align * L_align + reconstruct * L_recon of a batch.

        With ``balance`` gradient, ``align`` is scaled by the pull of the terms. Where several
        processes share a batch, the mean over them is the loss of all of it (``ranks``).

        :param batch: matching scenes and chunks, this process's share.
        :return: the loss, and every term of it without gradient.
        """
        chunk = self.space.normal_chunk(batch.actions, batch.state)
        mask = batch.mask.unsqueeze(-1).expand_as(chunk)
        text = self.read(batch.instruction)
        features, z_vision = self.see(batch.pictures, batch.shifts, text)
        z_action = self.embed_chunk(chunk, batch.mask)
        density = self.decide(features, z_vision, batch.state, text)

        share = share_of_mean(mask)
        cloning = share * density.cloning(chunk, mask, self.loss.beta)
        align = self.contrast(z_vision, z_action, chunk, self.pair_weights(batch))
        rebuilt = share * masked_mean(
            functional.l1_loss(self.rebuild(z_action), chunk, reduction='none'), mask)
        weight = self.loss.align
        if self.balance is not None:
            # Frozen eyes have no gradient; what both terms still share is the embedding.
            shared = features if features.requires_grad else z_vision
            weight = self.balance(cloning, align, shared)
        total = cloning + weight * align + self.loss.reconstruct * rebuilt
        with torch.no_grad():
            terms = {'loss': total, 'cloning': cloning, 'align': align, 'reconstruct': rebuilt,
                     **{name: share * value
                        for name, value in density.glance(chunk, mask).items()},
                     'cosine': (z_vision * z_action).sum(1).mean()}
            if self.balance is not None:
                terms['align_weight'] = weight
        return total, {name: value.detach() for name, value in terms.items()}
