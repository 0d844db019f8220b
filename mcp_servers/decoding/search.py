"""Writing with a model: greedy, beam search, and drawing from a warped distribution with a seed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mcp_servers.decoding import warps
from mcp_servers.decoding.distribution import Distribution, LanguageModel
from mcp_servers.decoding.results import Method


@dataclass
class Written:
    """A text as it grows: ids, the log-probability the model gives it, and the choice at every step."""

    ids: list[int] = field(default_factory=list[int])
    log_probability: float = 0.0
    ended: bool = False
    choices: list[Choice] = field(default_factory=list["Choice"])

    @property
    def steps(self) -> int:
        return len(self.ids) + self.ended


@dataclass(frozen=True)
class Choice:
    """One step: the token, its probability by the model, how many tokens could be drawn, and the entropy in bits."""

    token: int
    probability: float
    kept: int
    entropy: float


def write(model: LanguageModel, prompt: str, method: Method, tokens: int) -> Written:
    """Continue a prompt by at most `tokens` tokens."""
    if method.kind == "beam":
        return _beams(model, prompt, method, tokens)[0]
    return _draw(model, prompt, method, tokens)


def warped(distribution: Distribution, written: Sequence[int], method: Method) -> Distribution:
    """Apply a method's penalty, temperature and filters; greedy and temperature 0 leave the likeliest alone."""
    distribution = _penalised(distribution, written, method)
    if method.kind == "greedy" or method.temperature == 0:
        return warps.top_k(distribution, 1)
    if method.temperature != 1:
        distribution = warps.temperature(distribution, method.temperature)
    if method.top_k:
        distribution = warps.top_k(distribution, method.top_k)
    if method.typical_p < 1:
        distribution = warps.typical(distribution, method.typical_p)
    if method.top_p < 1:
        distribution = warps.top_p(distribution, method.top_p)
    if method.min_p:
        distribution = warps.min_p(distribution, method.min_p)
    return distribution


def _penalised(distribution: Distribution, written: Sequence[int], method: Method) -> Distribution:
    if method.repetition_penalty == 1:
        return distribution
    return warps.repetition_penalty(distribution, written, method.repetition_penalty)


def _draw(model: LanguageModel, prompt: str, method: Method, tokens: int) -> Written:
    """Draw token by token from what the method leaves."""
    chance = np.random.default_rng(method.seed)
    mirostat = warps.Mirostat(method.mirostat_tau) if method.mirostat_tau else None
    done = Written()
    while len(done.ids) < tokens and not done.ended:
        said = model.next(prompt, done.ids)
        left = warped(said, done.ids, method)
        cut = mirostat.warp(left) if mirostat else left
        place = int(chance.choice(len(cut.ids), p=cut.probabilities))
        token = int(cut.ids[place])
        if mirostat:
            mirostat.told(-math.log2(float(left.probabilities[left.ids == token][0])))
        _add(model, done, token, said, kept=len(cut.ids))
    return done


def _add(model: LanguageModel, done: Written, token: int, said: Distribution, *, kept: int) -> None:
    probability = float(said.probabilities[said.ids == token][0]) * said.covered
    done.log_probability += math.log(probability)
    done.choices.append(Choice(token, probability, kept, said.entropy))
    if model.ends(token):
        done.ended = True
    else:
        done.ids.append(token)


def _beams(model: LanguageModel, prompt: str, method: Method, tokens: int) -> list[Written]:
    """Beam search: keep the `beams` best beginnings; the score is log P / length^length_penalty, best first.

    Temperature and filters are for drawing and have no part in it; the repetition penalty says who may grow.
    """

    def score(beam: Written) -> float:
        return beam.log_probability / max(1, beam.steps) ** method.length_penalty

    beams = [Written()]
    while any(not beam.ended and len(beam.ids) < tokens for beam in beams):
        grown: list[Written] = []
        for beam in beams:
            if beam.ended or len(beam.ids) >= tokens:
                grown.append(beam)
                continue
            said = model.next(prompt, beam.ids)
            for token in _penalised(said, beam.ids, method).ids[: method.beams]:
                longer = Written(list(beam.ids), beam.log_probability, beam.ended, list(beam.choices))
                _add(model, longer, int(token), said, kept=method.beams)
                grown.append(longer)
        beams = sorted(grown, key=lambda beam: (-score(beam), beam.ids))[: method.beams]
    return beams
