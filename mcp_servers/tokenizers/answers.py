"""What each tokenizer tool answers, from the domain modules beside this one."""

from __future__ import annotations

from collections.abc import Sequence

from lyceum.artifacts import ArtifactStore
from lyceum.errors import ModelRetry, nearest
from mcp_servers.tokenizers import results
from mcp_servers.tokenizers.chat import Template, render, smuggled, tokenize
from mcp_servers.tokenizers.compare import Sample, compare, samples
from mcp_servers.tokenizers.loaded import LibraryTokenizer, Loaded, with_rules
from mcp_servers.tokenizers.shelf import Shelf
from mcp_servers.tokenizers.steps import walk
from mcp_servers.tokenizers.training import Kind, bpe_steps, readable, train
from mcp_servers.tokenizers.tree import as_svg, as_text, trees_of, visible
from models.prices import Prices, Tokens

FIRST_MERGES, LONGEST, WORDS_WALKED = 20, 20, 20
_COUNTED_CHARACTERS = 200_000  # of a longer text the first merges are counted in its beginning


def trained(
    shelf: Shelf, name: str, text: str, kind: Kind, vocabulary: int, min_frequency: int, *, replace: bool
) -> results.Trained:
    shelf.check_name(name, replace=replace)
    tokenizer = train(text, kind, vocabulary, min_frequency)
    card = shelf.save(name, tokenizer, kind, len(text))
    loaded = LibraryTokenizer(name, tokenizer)
    tokens = sum(len(loaded.encode(line)) for line in text.splitlines(keepends=True))
    first = bpe_steps(text[:_COUNTED_CHARACTERS], FIRST_MERGES, min_frequency) if kind == "bpe" else []
    learnt = [entry for entry in tokenizer.get_vocab() if entry not in loaded.special and not entry.startswith("<0x")]
    longest = sorted(learnt, key=lambda entry: (-len(entry), entry))[:LONGEST]
    return results.Trained(
        tokenizer=card,
        tokens=tokens,
        characters_per_token=round(len(text) / max(1, tokens), 2),
        first_merges=[
            results.Merge(
                rank=step.rank,
                left=visible(step.left),
                right=visible(step.right),
                token=visible(step.left + step.right),
                count=step.seen,
                tokens_left=step.tokens_left,
            )
            for step in first[: len(with_rules(loaded).rules.ranks)]
        ],
        longest=[visible(entry) if kind == "bpe" else entry for entry in longest],
    )


async def merges(shelf: Shelf, name: str, text: str, artifacts: ArtifactStore) -> results.Merges:
    tokenizer = with_rules(shelf.open(name))
    if tokenizer.kind != "bpe":
        raise ModelRetry(
            f"{name} is {tokenizer.kind}, which does not merge.",
            next_step="tokenizers_encode with steps shows its way.",
        )
    nodes = [node for word in tokenizer.words(text) for node in trees_of(word, tokenizer.rules.ranks)]
    svg = as_svg(nodes, f"Merges of {name} for {text}")
    drawing = await artifacts.put(svg.encode(), media_type="image/svg+xml", name=f"merges-{name.replace(':', '-')}.svg")
    symbols = sum(len(word) for word in tokenizer.words(text))
    return results.Merges(
        tokenizer=name,
        tree=as_text(nodes),
        tokens=[visible(node.token) for node in nodes],
        merges_used=symbols - len(nodes),
        deepest=max(node.height for node in nodes),
        drawing=drawing,
    )


def encoded(shelf: Shelf, name: str, text: str, *, steps: bool) -> results.Encoded:
    tokenizer = shelf.open(name)
    pieces = tokenizer.encode(text)
    return results.Encoded(
        tokenizer=name,
        count=len(pieces),
        pieces=[results.Piece(**piece._asdict(), in_bytes=piece.in_bytes) for piece in pieces],
        words=_walks(with_rules(tokenizer), text) if steps else [],
    )


def _walks(tokenizer: LibraryTokenizer, text: str) -> list[results.Word]:
    def shown(token: str) -> str:
        return readable(token) if tokenizer.byte_level else token

    def told(rule: str) -> str:  # a merge names two tokens
        return " + ".join(shown(part) for part in rule.split(" + ")) if tokenizer.byte_level else rule

    return [
        results.Word(
            word=shown(word),
            steps=[
                results.Step(
                    rule=told(step.rule),
                    tokens=[shown(token) for token in step.tokens],
                    rank=step.rank if step.rank >= 0 else None,
                )
                for step in walk(word, tokenizer.rules)
            ],
        )
        for word in tokenizer.words(text)[:WORDS_WALKED]
    ]


def decoded(shelf: Shelf, name: str, ids: Sequence[int]) -> results.Decoded:
    tokenizer = shelf.open(name)
    outside = [number for number in ids if not 0 <= number < tokenizer.size]
    if outside:
        raise ModelRetry(f"{name} has no token {outside[0]}.", next_step=f"Send ids from 0 to {tokenizer.size - 1}.")
    return results.Decoded(text=tokenizer.decode(ids))


def compared(shelf: Shelf, names: Sequence[str], chosen: Sequence[str], text: str) -> results.Comparison:
    opened, missing = shelf.open_all(list(dict.fromkeys(names)))
    if not opened:
        raise ModelRetry("; ".join(missing.values()), next_step="tokenizers_list names those that can be used.")
    if text:
        return results.Comparison(rows=compare(opened, [Sample(name="text", text=text)]), unavailable=missing)
    known = {sample.name: sample for sample in samples()}
    unknown = next((name for name in chosen if name not in known), None)
    if unknown is not None:
        raise ModelRetry(f"There is no sample {unknown!r}.", next_step=nearest(unknown, known, what="samples"))
    texts = [known[name] for name in chosen] if chosen else list(known.values())
    return results.Comparison(rows=compare(opened, texts), unavailable=missing)


def conversation(
    shelf: Shelf, name: str, messages: Sequence[results.Message], template: Template, *, reply: bool
) -> results.Conversation:
    tokenizer = shelf.open(name)
    parts = render(messages, template, reply=reply)
    whole = tokenize(parts, tokenizer)
    rendered = "".join(part.text for part in parts)
    said = sum(len(tokenizer.encode(part.text)) for part in parts if part.role)
    return results.Conversation(
        template=template,
        tokenizer=name,
        rendered=rendered,
        marked="".join(f"⟦{part.text}⟧" if part.control else part.text for part in parts),
        segments=[
            results.Segment(
                text=part.text, control=part.control, role=part.role, tokens=len(tokenize([part], tokenizer).pieces)
            )
            for part in parts
        ],
        tokens=len(whole.pieces),
        control_tokens=sum(piece.special for piece in whole.pieces),
        overhead=round(1 - said / len(whole.pieces), 3) if whole.pieces else 0.0,
        spelt=whole.spelt,
        smuggled=smuggled(parts, tokenizer),
        control_tokens_if_naive=sum(piece.special for piece in tokenizer.encode(rendered, inert=False)),
    )


def cost(
    shelf: Shelf, own: Prices, text: str, models: Sequence[str], name: str, output_tokens: int, requests: int
) -> results.Cost:
    tokenizer, missing = _counter(shelf, name)
    tokens = len(tokenizer.encode(text))
    prices: list[results.Price] = []
    for model in models:
        provider, _, bare = model.rpartition(":")
        one = own.cost(bare, provider, Tokens(input=tokens, output=output_tokens))
        prices.append(results.Price(model=model, dollars=None if one is None else round(one * requests, 6)))
    return results.Cost(
        tokenizer=tokenizer.name,
        input_tokens=tokens,
        exact_for=_owner(tokenizer.name),
        prices=prices,
        unavailable=missing,
    )


def _counter(shelf: Shelf, name: str) -> tuple[Loaded, dict[str, str]]:
    """Return who counts: the one asked for, else the newest of OpenAI's, else the best that is here."""
    if name:
        return shelf.open(name), {}
    pulled = [card.name for card in shelf.cards() if card.name.startswith("gguf:")]
    opened, missing = shelf.open_all(["tiktoken:o200k_base"])
    if not opened:
        opened, more = shelf.open_all([*pulled[:1], "minilm"])
        missing |= more
    if not opened:
        raise ModelRetry("No tokenizer can be used here.", next_step="Train one: tokenizers_train.")
    return opened[0], missing


def _owner(name: str) -> str:
    owners = {"tiktoken:o200k_base": "GPT-4o and later", "tiktoken:cl100k_base": "GPT-4 and GPT-3.5"}
    return owners.get(name, f"the model of {name}")
