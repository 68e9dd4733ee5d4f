# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Signatures of model files: detached ``<model>.onnx.minisig`` files, as minisign makes them.

Minisign (Ed25519 over a BLAKE2b hash, https://jedisct1.github.io/minisign/) needs one short public
key and no server, so it works on an arm's computer without a network, and its own tool can make
and check what is made here. The only file that imports ``minisign`` (the package py-minisign).
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import os
from pathlib import Path
import time
from typing import Any

from vaa_ros.core.errors import ModelError
from vaa_ros.policies.onnx_file import read_model_bytes

SUFFIX = '.minisig'
MAX_BYTES = 16384
"""Size of the largest signature or key file [bytes]; real ones have some hundred."""


@dataclass(frozen=True)
class SignedBy:
    """
    Who signed a model file.

    :param key_id: identifier of the key, as ``minisign`` prints it.
    :param comment: the trusted comment, which the signature covers too.
    """

    key_id: str
    comment: str


class TrustedKeys:
    """
    The keys whose signatures count.

    :param keys: public keys: the text that begins with ``RW``, or the path of a ``.pub`` file.
    :param required: whether every model must be signed; if not, a model without a signature is
        accepted, but one with a wrong signature is not.
    :raises ModelError: if a key cannot be read, or a signature is required and no key is given.
    """

    def __init__(self, keys: Sequence[str] = (), required: bool = False) -> None:
        given = [key for key in keys if key]
        if required and not given:
            raise ModelError('require_signature is set, but trusted_keys is empty: give the '
                             'public keys (the line that begins with RW, or a .pub file)')
        self._required = required
        self._keys = {key_id(key): key for key in map(read_public_key, given)}

    def check(self, path: Path, data: bytes) -> SignedBy | None:
        """
        Refuse a model that none of the keys signed.

        :param path: the model file; its signature lies beside it.
        :param data: the contents of the model file.
        :return: who signed it, or None for an unsigned model where none is required.
        :raises ModelError: saying what is wrong with its signature.
        """
        if not self._keys:
            return None
        place = signature_file(path)
        if not place.is_file():
            if self._required:
                raise ModelError(f'model {path} is not signed: {place.name} is missing beside it; '
                                 'make it with `vaa sign` or `minisign -S`')
            return None
        signature = read_signature(place)
        signer = key_id(signature)
        if signer not in self._keys:
            raise ModelError(f'model {path} is signed with the key {signer}; trusted_keys has: '
                             f'{", ".join(sorted(self._keys))}')
        verify(self._keys[signer], signature, path, data)
        return SignedBy(signer, signature.trusted_comment)


def signature_file(path: Path) -> Path:
    """
    Say where the signature of a model lies.
    """
    return path.with_name(path.name + SUFFIX)


def verify(key: Any, signature: Any, path: Path, data: bytes) -> None:
    """
    Compare a signature with a model.

    :param key: the public key.
    :param signature: the signature.
    :param path: the model file, for errors.
    :param data: its contents.
    :raises ModelError: if the contents, or the trusted comment, are not those that were signed.
    """
    minisign = _library()
    try:
        key.verify(data, signature)
    except minisign.VerifyError as problem:
        raise ModelError(f'model {path} is not what the key {key_id(key)} signed ({problem}): it '
                         'or its signature was changed; get both again') from problem


def read_public_key(text: str) -> Any:
    """
    Read a public key.

    :param text: the key itself, or the path of a file with it.
    :return: the key.
    :raises ModelError: if it is neither.
    """
    minisign = _library()
    path = Path(text).expanduser()
    try:
        if path.is_file():
            return minisign.PublicKey.from_bytes(_short_file(path))
        return minisign.PublicKey.from_base64(text)
    except (minisign.ParseError, ValueError) as problem:
        raise ModelError(f'public key {text!r} is no file and no minisign key ({problem}); '
                         'expected the line that begins with RW') from problem


def read_signature(path: Path) -> Any:
    """
    Read a signature file.

    :param path: the ``.minisig`` file.
    :return: the signature, not yet compared with anything.
    :raises ModelError: if it is none.
    """
    minisign = _library()
    try:
        return minisign.Signature.from_bytes(_short_file(path))
    except (minisign.ParseError, ValueError) as problem:
        raise ModelError(f'{path}: not a minisign signature ({problem})') from problem


def key_id(item: Any) -> str:
    """
    Give the identifier of a key, or of the key behind a signature, as minisign prints it.
    """
    raw = item._key_id if hasattr(item, '_key_id') else item._keynum_pk.key_id
    return f'{int.from_bytes(raw, "little"):016X}'


def sign_model(path: Path, key_file: Path, password: str = '', comment: str = '') -> SignedBy:
    """
    Sign a model file; the signature lies beside it.

    :param path: the model file.
    :param key_file: the secret key, made by :func:`make_keys` or ``minisign -G``.
    :param password: its password, empty for a key without one.
    :param comment: what the signature shall say, in one line; empty for time and file.
    :return: who signed, and what it says.
    :raises ModelError: if the key cannot be read or opened.
    """
    minisign = _library()
    data = read_model_bytes(path)
    try:
        key = minisign.SecretKey.from_bytes(_short_file(key_file))
        if key.is_encrypted():
            key.decrypt(password)
        public = key.get_public_key()
        comment = comment or f'timestamp:{int(time.time())}\tfile:{path.name}\thashed'
        signature = key.sign(data, trusted_comment=comment)
    except (minisign.Error, ValueError) as problem:
        raise ModelError(f'cannot sign with {key_file}: {problem}') from problem
    place = signature_file(path)
    partial = place.with_name(place.name + '.partial')
    partial.write_bytes(bytes(signature) + b'\n')
    os.replace(partial, place)
    return SignedBy(key_id(public), comment)


def make_keys(place: Path, password: str = '') -> tuple[Path, Path, str]:
    """
    Make a pair of keys.

    :param place: the secret key's file, such as ``arm.key``; the public one is ``arm.pub``.
    :param password: protects the secret key; empty for none.
    :return: secret key, public key, and the public key as one line.
    :raises ModelError: if one of the files is there already.
    """
    minisign = _library()
    public = place.with_suffix('.pub')
    for path in (place, public):
        if path.exists():
            raise ModelError(f'{path} is there already; a key is never overwritten')
    pair = minisign.KeyPair.generate()
    if password:
        pair.secret_key.encrypt(password)
    place.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), 'wb') as stream:
        stream.write(bytes(pair.secret_key) + b'\n')
    pair.public_key.untrusted_comment = f'minisign public key {key_id(pair.public_key)}'
    public.write_bytes(bytes(pair.public_key) + b'\n')
    return place, public, pair.public_key.to_base64().decode()


def _library() -> Any:
    try:
        import minisign
    except ModuleNotFoundError as problem:
        raise ModelError('signatures need the package py-minisign, which is not installed: '
                         'pip install py-minisign') from problem
    return minisign


def _short_file(path: Path) -> bytes:
    try:
        with path.open('rb') as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as problem:
        raise ModelError(f'cannot read {path}: {problem}') from problem
    if len(data) > MAX_BYTES:
        raise ModelError(f'{path} is larger than the {MAX_BYTES} bytes of any signature or key')
    return data
