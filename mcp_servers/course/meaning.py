"""What passages mean: a vector for every line of the course, made once and shipped, so that a question costs one.

A section is as close to a question as its closest line: one vector for 150 words would blur what each sentence says.
`python -m mcp_servers.course.meaning` makes the file anew after the course or the embedding model has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lyceum.errors import OperatorError
from mcp_servers.course.notes import Course
from models.offline.extract import sentences

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.embeddings import Embedder

FILE = Path(__file__).with_name("vectors.npz")


def lines(course: Course) -> list[tuple[int, str]]:
    """Return each line to embed with the number of its section, in the order of sections."""
    found: list[tuple[int, str]] = []
    for number, section in enumerate(course.sections):
        name = section.heading or section.title
        texts = [f"{name}: {sentence}" for sentence in sentences(section.text)] or [f"{name}: {section.text}"]
        if section.heading:
            texts += [f"{section.title}: {name}", *section.questions]
        found += [(number, text) for text in texts]
    return found


def fingerprint(texts: Iterable[str], model: str) -> str:
    """Return the SHA-256 of what the vectors are made from: the model's name and every line."""
    return hashlib.sha256("\n".join([model, *texts]).encode()).hexdigest()


class Meaning:
    """Closeness of a question to every section; raises OperatorError where the vectors are not of this course."""

    def __init__(self, course: Course, embedder: Embedder, file: Path = FILE) -> None:
        import numpy as np

        owners, texts = zip(*lines(course), strict=True)
        with np.load(file) as held:
            if str(held["fingerprint"]) != fingerprint(texts, embedder.name):
                raise OperatorError(
                    "The course's vectors are out of date.", next_step="python -m mcp_servers.course.meaning"
                )
            self._vectors = held["vectors"].astype(np.float32)
        self._starts = [n for n, owner in enumerate(owners) if n == 0 or owner != owners[n - 1]]
        self._embedder = embedder

    def closeness(self, question: str) -> NDArray[np.float32]:
        """Return the cosine of the question with the closest line of each section, shape (sections,)."""
        import numpy as np

        cosines = self._vectors @ self._embedder.embed([question])[0]
        return np.maximum.reduceat(cosines, self._starts)


def build(embedder: Embedder, file: Path = FILE) -> None:
    """Embed every line and write the vectors in float16, which moves no cosine by more than 0.001."""
    import numpy as np

    texts = [text for _, text in lines(Course())]
    vectors = embedder.embed(texts)
    np.savez(file, vectors=vectors.astype(np.float16), fingerprint=np.array(fingerprint(texts, embedder.name)))


if __name__ == "__main__":
    from models.embeddings import default_embedder

    build(default_embedder())
