"""The catalogue: every figure that a pull relies on, in a form that can be checked."""

from __future__ import annotations

import re

import pytest

from lyceum.errors import UserError
from models.catalog import CATALOG, CatalogModel, HubFile, PackageParts, catalogued, shown_size


@pytest.mark.parametrize("model", CATALOG.values(), ids=CATALOG)
def test_a_model_has_a_hash_a_licence_and_the_official_file_first(model: CatalogModel) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", model.sha256)
    assert model.licence
    assert model.licence_url.startswith("https://")
    assert isinstance(model.sources[0], HubFile)
    assert model.file.endswith(".gguf")


@pytest.mark.parametrize("model", CATALOG.values(), ids=CATALOG)
def test_the_pieces_of_a_file_add_up_to_it(model: CatalogModel) -> None:
    for source in model.sources:
        if isinstance(source, PackageParts):
            full, last = divmod(model.size_bytes, source.part_bytes)
            assert full + (last > 0) == source.count


def test_only_a_free_licence_needs_no_consent() -> None:
    assert all(model.terms == (model.licence != "Apache-2.0") for model in CATALOG.values())


def test_a_mirror_of_the_hub_is_used_where_the_environment_names_one() -> None:
    file = HubFile("Qwen/Some-GGUF", "some.gguf")
    assert file.url({}) == "https://huggingface.co/Qwen/Some-GGUF/resolve/main/some.gguf"
    assert file.url({"HF_ENDPOINT": "http://127.0.0.1:1/"}).startswith("http://127.0.0.1:1/Qwen/")


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"qwen2\.5-coder-1\.5b"):
        catalogued("qwen2.5-coder-1.5")


def test_sizes_are_shown_as_the_hub_shows_them() -> None:
    assert shown_size(1_117_320_768) == "1.1 GB"
    assert shown_size(253_113_024) == "253 MB"
