"""The lab file, version 1: `mcp_servers/<server>/labs/LNN.yaml`.

    id: L04
    title: Train a BPE tokenizer
    lesson: What one knows afterwards.
    smaller: How it runs smaller than the syllabus asks, or nothing.
    needs: [charts, local_model]      # extras of pyproject.toml, `local_model`, `service`
    slow: true                        # more than a few seconds
    files:                            # written to ${work} before the first step
      corpus.txt: low lower lowest
    steps:
      - say: Prose that leads to the call.
        call: tokenizers_train        # a tool of any server, or `ask:` a question of the team
        with: {name: tiny, path: "${work}/corpus.txt"}
        save: trained                 # later steps write ${trained.merges.0.left}
        show: [merges]                # what of the result the reader sees
        expect:
          - path: vocabulary_size     # see `paths.py`; left out, the whole result
            at_least: 260             # one or more checks; see `expect.py`

`${lab}` is the folder of the file, `${work}` a folder of the run's own, `${result.path}` this step's result.
`ask` takes `agent`, `attach` (paths), `approve` (tools that need no approval) and `thread: new`; otherwise a lab's
questions share one thread. Its result has `answer`, `role`, `declined`, `citations`, `tools` (names called, in order),
`calls` (`tool`, `arguments`, `ok`), `tokens`, `model` and `output`, the agents' typed output.
`refused: true` says that the call must fail; its result is `{error: text}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from evals.labs.expect import Expect
from lyceum.errors import UserError, nearest


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Step(_Strict):
    say: str = Field(min_length=1)
    call: str | None = None
    arguments: dict[str, JsonValue] = Field(default_factory=dict, alias="with")
    ask: str | None = None
    agent: str | None = None
    attach: list[str] = []
    thread: Literal["same", "new"] = "same"
    approve: list[str] = []
    save: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    show: list[str] = []
    refused: bool = False
    expect: list[Expect] = []

    @model_validator(mode="after")
    def _calls_or_asks(self) -> Step:
        if (self.call is None) == (self.ask is None):
            raise ValueError("a step has either `call` or `ask`")
        if self.call is None and (self.arguments or self.refused):
            raise ValueError("`with` and `refused` belong to `call`")
        if self.ask is None and (self.agent or self.attach or self.approve or self.thread == "new"):
            raise ValueError("`agent`, `attach`, `approve` and `thread` belong to `ask`")
        if self.save in RESERVED:
            raise ValueError(f"`{self.save}` is a name of the runner's own; save under another")
        return self


RESERVED = ("lab", "work", "result")


class Lab(_Strict):
    """`folder` is where the file is and `server` the package it belongs to; the loader fills both."""

    id: str = Field(pattern=r"^L\d\d[a-z]?$")
    title: str
    lesson: str
    smaller: str = ""
    needs: list[str] = []
    slow: bool = False
    files: dict[str, str] = {}
    steps: list[Step] = Field(min_length=1)
    folder: Path = Path()
    server: str = ""


def find_labs(servers: Path) -> list[Path]:
    """Return every lab file below a folder of tool servers, in the order of their ids."""
    return sorted(servers.glob("*/labs/L*.yaml"), key=lambda path: path.name)


def load_lab(path: Path) -> Lab:
    """Read one lab; raises UserError that names file and place, and the nearest key for an unknown one."""
    import yaml  # heavy for a module that the command line may import

    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"{path.name} cannot be read: {error}", next_step="Correct the file.") from None
    if not isinstance(raw, dict):
        raise UserError(f"{path.name} holds no lab.", next_step="Begin it with `id:`; see evals/labs/lab.py.")
    given = cast("dict[str, Any]", raw)
    try:
        lab = Lab.model_validate({**given, "folder": path.parent, "server": path.parent.parent.name})
    except ValidationError as error:
        raise UserError(f"{path.name}: {_problem(error)}", next_step="Correct the file.") from None
    if lab.id != path.stem:
        raise UserError(f"{path.name} says id: {lab.id}.", next_step="Name the file as its lab.")
    return lab


def choose(paths: Sequence[Path], lab_id: str) -> Path:
    """Return the file of a lab by its id, in any case; raises UserError with the nearest id."""
    by_id = {path.stem.upper(): path for path in paths}
    if lab_id.upper() not in by_id:
        raise UserError(f"There is no lab {lab_id!r}.", next_step=nearest(lab_id.upper(), by_id, what="labs"))
    return by_id[lab_id.upper()]


def _problem(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_input=False)
    first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])  # a misspelt key says most
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        model = Expect if "expect" in first["loc"] else Step if "steps" in first["loc"] else Lab
        known = [field.alias or name for name, field in model.model_fields.items() if name not in ("folder", "server")]
        return f"{place} is no key here. {nearest(str(first['loc'][-1]), known, what='keys')}"
    return f"{place}: {first['msg']}"
