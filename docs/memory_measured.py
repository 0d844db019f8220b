"""Write the tables of measurements in docs/memory.md from benchmarks/results: `python docs/memory_measured.py`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAGE = Path(__file__).with_name("memory.md")
RESULTS = Path(__file__).parents[1] / "benchmarks" / "results"
PLACE = re.compile(r"<!-- measured: (\w+) -->\n.*?<!-- end -->", re.DOTALL)


def table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def locomo(found: dict[str, Any]) -> str:
    def row(name: str, key: str) -> list[Any]:
        return [name, f"{found[key]['ndcg_at_10']:.4f}", f"{found[key]['recall_at_10']:.4f}"]

    rows = [
        ["published BM25", "0.4216", "0.5399"],
        ["published, best embedder of 400M parameters", "0.4904", ""],
        ["published, best embedder (8B)", "0.5651", ""],
        row("words alone, here (FTS5's BM25)", "words alone"),
        row("meaning alone, here (MiniLM, 22M)", "meaning alone"),
        row("memory, each conversation by weights chosen on the other nine", "leave one out"),
        row("memory, the frozen weights (chosen on all ten)", "frozen"),
    ]
    return table(["", "nDCG@10", "R@10"], rows)


def core(found: dict[str, Any]) -> str:
    read, update = found["core_memory_read"], found["core_memory_update"]
    half = found["core_memory_update, the half that its numbers were not chosen on"]
    junk, asked = found["what the rules store of LoCoMo"], found["declined of LoCoMo's questions"]
    cost = found["consolidation by rules"]

    def both(name: str) -> str:
        return f"{percent(update[name])} ({percent(half[name])})"

    rows = [
        ["answers that quote the facts", percent(read["answers_that_quote_the_facts"])],
        ["of these, in the rendered block", percent(read["of_these_in_the_rendered_context"])],
        ["of these, in the three facts that a search finds", percent(read["of_these_in_three_facts_found"])],
        ["a fact that a new one contradicts is named", both("a_contradicted_fact_named")],
        ["another fact is named (conflict error rate)", both("another_fact_named (conflict error rate)")],
        ["none is named", both("none_named")],
        ["a contradicted fact is still believed (stale rate)", both("a_contradicted_fact_still_believed (stale rate)")],
        ["duplicates stored of facts told twice", percent(update["duplicates_stored_of_facts_told_twice"])],
        ["facts stored per 100 turns of LoCoMo", junk["facts_stored_per_100_turns"]],
        ["of these junk, by labels given after the rules were final", percent(junk["junk_share_by_sample"]["D"])],
        ["questions of LoCoMo without evidence that are declined", percent(_declined(asked, "without evidence"))],
        ["questions with evidence that are declined (false abstention)", percent(_declined(asked, "with evidence"))],
        ["consolidation by rules, per 1,000 turns", f"0 calls, {cost['cpu_seconds_per_1000_turns']} s of CPU time"],
    ]
    return table(["", ""], rows)


def _declined(asked: dict[str, Any], kind: str) -> float:
    return next(each["declined"] for name, each in asked.items() if name.startswith(kind))


def model(found: dict[str, Any]) -> str:
    update, cost = found["core_memory_update"], found["consolidation"]
    others = [name for name in update if isinstance(update[name], dict)]
    rows = [[name, *(percent(share) for share in update[name].values())] for name in others]
    said = (
        f"\n{update['questions']} questions, a median of {update['median_seconds_a_call']:.1f} s a call. Consolidation:"
        f" {cost['model_calls_per_1000_turns']} calls and {cost['seconds_per_1000_turns']} s per 1,000 turns"
        f" ({cost['turns']} were read); of {cost['sentences_picked']} sentences picked"
        f" {cost['of_these_said_word_for_word_and_kept']} were said word for word and kept, where the rules keep"
        f" {cost['facts_by_rules_in_the_same_turns']} facts.\n"
    )
    return table(["who names", "contradicted fact named", "conflict error", "none named", "stale"], rows) + said


def robust(found: dict[str, Any]) -> str:
    ways = ("words alone", "words and meaning", "frozen")
    rows = [
        [name, each["questions"], *(f"{each[way][0]:.4f} / {each[way][1]:.4f}" for way in ways)]
        for name, each in found["corpora"].items()
    ]
    return table(["", "questions", *ways], rows)


def speed(found: dict[str, Any]) -> str:
    rows = [
        [
            f"{each['turns']:,}",
            f"{each['write_ms_p50']} ms ({each['write_cpu_ms_mean']})",
            f"{each['search_ms_p50']} ms ({each['search_cpu_ms_p50']})",
            f"{each['of_it_words_ms_p50']} / {each['of_it_vectors_ms_p50']} ms",
            f"{each['vector_recall_at_10']} / {each['word_recall_at_200']}",
            f"{each.get('graph_build_seconds', 0)} s",
            f"{each['file_megabytes']} + {each.get('graph_megabytes', 0)} MB",
            f"{each['resident_megabytes'] - each['resident_megabytes_before_searching']} MB",
        ]
        for each in found["sizes"]
    ]
    head = ["turns", "write, p50 (CPU)", "search, p50 (CPU)", "of it words / vectors", "recall of vectors / words"]
    return table([*head, "graph built in", "file + graph", "memory for searching"], rows)


def rivals(found: dict[str, Any]) -> str:
    rows: list[list[Any]] = []
    for name, each in found["systems"].items():
        if "could_not_run" in each:
            rows.append([name, f"could not run: {each['could_not_run']}", "", "", "", "", ""])
            continue
        named = each.get("with_speakers_names")
        rows.append(
            [
                each.get("version", name),
                f"{each['write_ms_p50']} ms ({each['write_cpu_ms_mean']})",
                f"{each['search_ms_p50']} ms ({each['search_cpu_ms_p50']})",
                f"{each['turns']:,}",
                f"{each['resident_megabytes_more']} MB",
                f"{each['ndcg_at_10']:.4f} / {each['recall_at_10']:.4f}",
                f"{named['ndcg_at_10']:.4f} / {named['recall_at_10']:.4f}" if named else "",
            ]
        )
    head = ["", "write, p50 (CPU)", "search, p50 (CPU)", "among", "memory", "nDCG@10 / R@10"]
    return table([*head, "the speaker's name before the text"], rows)


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "locomo": locomo, "core": core, "model": model, "robust": robust, "speed": speed, "rivals": rivals,
}  # fmt: skip


def page(text: str) -> str:
    """Return the page with its tables as the results have them now; one that has none yet says so."""

    def filled(match: re.Match[str]) -> str:
        name = match[1]
        file = RESULTS / f"memory_{name}.json"
        found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
        measured = TABLES[name](found) if found else "Not measured yet.\n"
        return f"<!-- measured: {name} -->\n{measured}<!-- end -->"

    return PLACE.sub(filled, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
