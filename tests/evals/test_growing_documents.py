"""Documents become cases, whatever their format, and cases are added to a file however it was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.cli import main
from evals.growing.appending import append_cases, cases_in
from evals.growing.documents import from_document
from evals.suite import Case, load_cases


def test_documents_become_questions_whose_answers_are_in_their_passages() -> None:
    passages = [("Pool", "The pool has six lanes of 25 metres."), ("Nothing", "We are open to all.")]
    [case] = from_document("page.md", passages)
    assert case.input == "Complete from the source (Pool): The pool has six lanes of …"
    assert case.expected["answer"] == {"$regex": r"\b25\b"}
    assert case.tags == ["from-document", "attach:page.md", "passage:The pool has six lanes of 25 metres."]


def test_a_document_of_any_format_is_read_as_it_is_for_retrieval(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = "The city baths were built by <b>Otto Wagner</b> in 1908."
    (tmp_path / "page.html").write_text(
        f"<style>a 1 {{}}</style><h1>Baths</h1><p>{said}</p><script>x = 17 + 4</script>"
    )
    (tmp_path / "page.pdf").write_bytes(pdf("The town library lends 12500 books to all."))
    (tmp_path / "notes.txt").write_text("- our first branch opened in 1987\n- the second branch followed in 1999\n")
    cases = tmp_path / "cases.yaml"
    assert main(["eval", "add", *(str(tmp_path / f"{n}") for n in ("page.html", "page.pdf")), "--to", str(cases)]) == 0
    html, paper = load_cases(cases)
    assert (html.id, html.input) == ("page-1", "Complete from the source (Baths): The city baths were built by …")
    assert html.expected["answer"] == {"$contains": "Otto Wagner"}
    assert (paper.id, paper.expected["answer"]) == ("page-2", {"$regex": r"\b12500\b"})
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "empty.md").touch()
    (folder / ".git").mkdir()
    (folder / ".git" / "note.txt").write_text("This repository was made by Ada Lovelace in 1843.")
    (folder / "a.txt").write_text("Our first branch was opened in 1987 by the owner.")
    capsys.readouterr()
    assert main(["eval", "add", str(folder), "--to", str(cases)]) == 0
    assert "left out empty.md" in capsys.readouterr().err
    assert [case.tags[1] for case in load_cases(cases)[2:]] == ["attach:a.txt"]


def pdf(text: str) -> bytes:
    """Return a page that says a text, in the PDF a person could type."""
    shown = f"BT /F1 12 Tf 40 700 Td ({text}) Tj ET".encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(shown), shown),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    held, places = b"%PDF-1.4\n", list[int]()
    for number, part in enumerate(parts, 1):
        places.append(len(held))
        held += b"%d 0 obj%s endobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return b"%sxref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        held,
        table,
        len(held),
    )


def test_a_long_document_is_asked_about_from_beginning_to_end() -> None:
    passages = [("", f"Room number {n} on the upper floor holds {n * 3 + 7} chairs.") for n in range(1000)]
    cases = from_document("rooms.txt", passages, most=10)
    assert len(cases) == 10
    assert "number 900" in cases[-1].input


@pytest.mark.parametrize(
    ("name", "held", "said"),
    [
        ("empty.md", b"", "It is empty"),
        ("picture.bin", bytes(range(256)) * 9, "It is not text"),
        ("torn.pdf", b"%PDF-1.4\n1 0 obj", "not a readable PDF"),
    ],
)
def test_a_document_that_cannot_be_read_is_named_and_no_file_is_touched(
    name: str, held: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_bytes(held)
    assert main(["eval", "add", str(tmp_path / name), "--to", str(tmp_path / "cases.yaml")]) == 2
    told = capsys.readouterr().err
    assert name in told
    assert said in told
    assert not (tmp_path / "cases.yaml").exists()


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# none yet\n",
        "- {id: a, input: Who}",
        "- id: a\n  input: Who?",
        "  - id: a\n    input: Who?\n  # the end",
        "- id: a\r\n  input: Who?\r\n",
        "- id: a\n  input: |\n    Who?\n    What?",
        '[{"id": "a", "input": "Who?"}]',
        '[\n {"id": "a", "input": "Who?"} # one\n]\n',
        "[]\n",
        "---\n- {id: a, input: Who}\n",
    ],
)
def test_cases_are_added_to_a_file_however_it_was_written(before: str, tmp_path: Path) -> None:
    path = tmp_path / "cases.yaml"
    path.write_bytes(before.encode())
    known = [(case.id, case.input) for case in cases_in(path)]
    new = Case(
        id="é-1", input="Two\nlines: # [with] \x85 'signs'", expected={"answer": {"$regex": "\\d"}}, split="heldout"
    )
    append_cases(path, [new])
    append_cases(path, [new.model_copy(update={"id": "second"})])
    *old, first, second = load_cases(path)
    assert [(case.id, case.input.removesuffix("\n")) for case in old] == known
    assert (first.model_dump(), second.id) == (new.model_dump(), "second")
    assert path.read_bytes().startswith(before.encode().rstrip(b"\n] "))
    assert [each.name for each in tmp_path.iterdir()] == ["cases.yaml"]


@pytest.mark.parametrize("before", ["- {id: a, input: Who}\n...\n", "cases: []\n", "- [unclosed", "- {id: a}\n"])
def test_a_file_that_nothing_can_be_added_to_stays_as_it_is(
    before: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page = tmp_path / "cases.yaml", tmp_path / "page.md"
    path.write_text(before)
    page.write_text("# Pool\n\nThe pool has six lanes of 25 metres.\n")
    assert main(["eval", "add", str(page), "--to", str(path)]) == 2
    assert "cases.yaml" in capsys.readouterr().err
    assert path.read_text() == before
