"""The semantic layer: what a database means, in a YAML file, and all that an agent sees of the database then.

A model stands for a table: its dimensions are the columns that may be asked for, its metrics the numbers with an
agreed definition (over its dimensions), its joins the ways to other models. docs/sql.md shows one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lyceum.errors import UserError, nearest

NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,60}$"
JoinKind = Literal["many_to_one", "one_to_one", "one_to_many"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Dimension(_Part):
    """A column of a model: a column of its table, or an expression over them in the database's dialect."""

    name: str = Field(pattern=NAME)
    expression: str = Field(default="", description="Default: the column of the same name.")
    description: str | None = None
    synonyms: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value


class MetricDefinition(_Part):
    """An aggregate over the model's dimensions, e.g. `sum(amount)`; `MEASURE(name)` in a query stands for it."""

    name: str = Field(pattern=NAME)
    expression: str
    description: str | None = None
    synonyms: tuple[str, ...] | None = None


class JoinDefinition(_Part):
    """How rows of a model meet rows of another: `keys` maps its own dimensions to the other's.

    It is not called `on`, which YAML reads as `true`.
    """

    model: str
    keys: dict[str, str] = Field(min_length=1)
    kind: JoinKind = "many_to_one"


class Model(_Part):
    name: str = Field(pattern=NAME)
    table: str
    description: str = ""
    synonyms: tuple[str, ...] | None = None
    primary_key: tuple[str, ...] = ()
    where: str = Field(default="", description="Rows that belong to the model; default all.")
    dimensions: tuple[Dimension, ...] = Field(min_length=1)
    metrics: tuple[MetricDefinition, ...] = ()
    joins: tuple[JoinDefinition, ...] = ()


class Layer(_Part):
    """All models; names are unique without regard to case."""

    description: str = ""
    models: tuple[Model, ...] = Field(min_length=1)

    def model(self, name: str) -> Model | None:
        return next((model for model in self.models if model.name.lower() == name.lower()), None)

    def reached_from(self, name: str) -> set[str]:
        """Names of the models whose rows a row of this one meets at most once, itself included, in lower case."""
        one: dict[str, set[str]] = {model.name.lower(): set() for model in self.models}
        for model in self.models:
            for join in model.joins:
                own, other = model.name.lower(), join.model.lower()
                if join.kind in ("many_to_one", "one_to_one"):
                    one[own].add(other)
                if join.kind in ("one_to_many", "one_to_one"):
                    one[other].add(own)
        reached, waiting = set[str](), [name.lower()]
        while waiting:
            here = waiting.pop()
            if here not in reached:
                reached.add(here)
                waiting += one.get(here, ())
        return reached


def load_layer(path: Path) -> Layer:
    """Read and check a semantic layer by itself; raises UserError that names the place and what is wrong there."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).", next_step="Check the path.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}.") from None
    try:
        layer = Layer.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UserError(
            f"{path}: {_place(content, first['loc'])}: {first['msg'][0].lower()}{first['msg'][1:]}.",
            next_step=_advice(first["loc"], first["type"]),
        ) from None
    problem = next(_problems(layer), None)
    if problem:
        raise UserError(f"{path}: {problem[0]}.", next_step=problem[1])
    return layer


def _problems(layer: Layer) -> Iterator[tuple[str, str]]:
    yield from _repeated("model", [model.name for model in layer.models], "")
    known = [model.name for model in layer.models]
    for model in layer.models:
        dimensions = [dimension.name for dimension in model.dimensions]
        names = [*dimensions, *(metric.name for metric in model.metrics)]
        yield from _repeated("dimension or metric", names, f"models.{model.name}: ")
        for key in model.primary_key:
            if key not in dimensions:
                yield (
                    f"models.{model.name}.primary_key: there is no dimension {key!r}",
                    nearest(key, dimensions, what="dimensions"),
                )
        for join in model.joins:
            place = f"models.{model.name}.joins.{join.model}"
            other = layer.model(join.model)
            if other is None:
                yield (f"{place}: there is no such model", nearest(join.model, known, what="models"))
                continue
            theirs = [dimension.name for dimension in other.dimensions]
            for own, their in join.keys.items():
                for name, valid, whose in ((own, dimensions, model.name), (their, theirs, other.name)):
                    if name not in valid:
                        yield (
                            f"{place}: {whose} has no dimension {name!r}",
                            nearest(name, valid, what=f"dimensions of {whose}"),
                        )


def _repeated(what: str, names: Sequence[str], place: str) -> Iterator[tuple[str, str]]:
    folded = [name.lower() for name in names]
    twice = next((name for name in names if folded.count(name.lower()) > 1), None)
    if twice:
        yield (f"{place}the {what} {twice!r} is there twice", "Give each a name of its own.")


def _place(content: Any, location: Sequence[int | str]) -> str:
    """Say a place by the names in the file where it has them: `models.sales.metrics.revenue.expression`."""
    words: list[str] = []
    here = content
    for part in location:
        here = _inside(here, part)
        named = _inside(here, "name") or _inside(here, "model") if isinstance(part, int) else None
        words.append(str(named or part))
    return ".".join(words) or "the file"


def _inside(content: Any, part: int | str) -> Any:
    try:
        return content[part]
    except (KeyError, IndexError, TypeError):
        return None


def _advice(location: Sequence[int | str], kind: str) -> str:
    if kind != "extra_forbidden":
        return "docs/sql.md shows a whole file."
    parts = {"dimensions": Dimension, "metrics": MetricDefinition, "joins": JoinDefinition, "models": Model}
    owner = next((parts[str(part)] for part in reversed(location[:-1]) if str(part) in parts), Layer)
    return nearest(str(location[-1]), owner.model_fields, what="keys here")
