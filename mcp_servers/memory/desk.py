"""What each memory tool does, without MCP: calls in, typed results out."""

from __future__ import annotations

from collections.abc import Sequence

from lyceum.errors import UserError
from mcp_servers.memory import results as r
from mcp_servers.memory.keeper import SAID, Keeper, moment
from memory.answers import coverage, recollect
from memory.archive import New
from memory.blocks import Edit
from memory.consolidation import MODEL, RULES, Change, Consolidated, Consolidation, Note, reasons
from memory.context import Message, plan
from memory.exchange import FORMAT, exported, imported, markdown
from memory.forgetting import Forgotten
from memory.imports import keep, read
from memory.personal import tags_of
from memory.recall import Filter, Said, Turn
from memory.rivals import rival
from memory.store import IMPORTED
from memory.summary import extractive
from models.offline.skill import content_words

AGENT = "agent"


class Desk:
    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._store = keeper.store

    def search(self, query: str, limit: int, speaker: str, since: str, until: str, without: str) -> r.Found:
        if not self._store.exists:
            return r.Found(confident=False, confidence=0.0, told=[], sources=[])
        only = Filter(speaker=speaker, since=moment(since, "since"), until=moment(until, "until"))
        if only != Filter():
            hits = self._store.recall.search(self._keeper.scope, query, limit=limit, only=only)
            return r.Found(confident=False, confidence=0.0, told=[], sources=[hit.turn.source for hit in hits])
        found = recollect(self._store, self._keeper.scope, query, limit=limit, without=without)
        return r.Found(confident=found.confident, confidence=found.confidence, told=found.told, sources=found.sources)

    def turns(self, thread: str, limit: int, around: str) -> r.Turns:
        if not self._store.exists:
            return r.Turns(sources=[])
        if around:
            turn = self._store.log.get(self._keeper.scope, around)
            near = self._store.log.around(self._keeper.scope, turn, limit // 2)
            return r.Turns(sources=[each.source for each in sorted([*near, turn], key=lambda each: each.number)])
        return r.Turns(sources=[turn.source for turn in self._latest(thread, limit)])

    def _latest(self, thread: str, limit: int) -> list[Turn]:
        return self._store.log.latest(self._keeper.scope, limit, Filter(thread=thread))

    def facts(self, believed_on: str, held_on: str, tag: str, limit: int, *, history: bool) -> r.Facts:
        if not self._store.exists:
            return r.Facts(facts=[], sources=[])
        if (day := moment(believed_on, "believed_on")) is not None:
            found = self._store.archive.believed(self._keeper.scope, day)
        elif (day := moment(held_on, "held_on")) is not None:
            found = self._store.archive.held(self._keeper.scope, day)
        else:
            found = self._store.archive.facts(self._keeper.scope, limit=limit, history=history, tag=tag)
        found = [fact for fact in found if not tag or tag in fact.tags]
        return r.Facts(facts=found[:limit], sources=[fact.source for fact in found[:limit]])

    def why(self, id: str) -> r.Turns:  # noqa: A002
        fact = self._store.archive.get(self._keeper.scope, id)
        return r.Turns(sources=[turn.source for turn in reasons(self._store.file, self._keeper.scope, fact)])

    def record(self, thread: str, turns: Sequence[r.Said], *, learn: bool) -> r.Kept:
        if self._keeper.section.saving == "off":
            return r.Kept(turns=[])
        self._keeper.retain_once()
        said = [
            Said(
                text=each.text, speaker=each.speaker, origin=each.origin, said=moment(each.said, "said"),
                key=each.key or None,
            )
            for each in turns
        ]  # fmt: skip
        kept = self._store.log.add(self._keeper.in_thread(thread), said)
        names = {turn.id for turn in kept}
        saved = self._keeper.section.saving == "auto"
        done = Consolidated()
        if learn:
            done = self._store.consolidation.run(self._keeper.scope, dry=not saved, among=kept)
        changes = [_change(change) for change in done.changes if change.turn in names]
        return r.Kept(
            turns=[turn.id for turn in kept],
            saved=saved or not learn,
            facts=[change.text for change in changes],
            changes=changes,
            quarantined=[turn for turn in done.quarantined if turn in names],
            sources=[turn.source for turn in kept],
        )

    def remember(
        self, text: str, topic: str, replaces: str, sources: Sequence[str], tags: Sequence[str], since: str
    ) -> r.Remembered:
        self._keeper.refuse_foreign(text)
        scope = self._keeper.scope
        turns = [self._store.log.get(scope, source) for source in sources]
        own = " ".join(turn.text for turn in turns if turn.origin == "user")
        origin = "user" if own and coverage(content_words(text), own) >= SAID else "assistant"
        marked = list(dict.fromkeys([*tags, *tags_of(topic, text)]))
        new = New(
            text=text, topic=topic, tags=marked, sources=list(sources), origin=origin,
            valid_from=moment(since, "since"),
        )  # fmt: skip
        archive = self._store.archive
        near = None if topic or replaces else rival(archive, scope, text)
        outcome = archive.supersede(scope, replaces, new) if replaces else archive.insert(scope, new)
        return r.Remembered(
            fact=outcome.fact,
            near=near if near and near.id != outcome.fact.id else None,
            sources=[outcome.fact.source],
        )

    def blocks(self) -> r.Blocks:
        if not self._store.exists:
            return r.Blocks(blocks=[], rendered="")
        scope = self._keeper.scope
        return r.Blocks(blocks=self._store.blocks.all(scope), rendered=self._store.blocks.render(scope))

    def define(self, label: str, description: str, limit: int, *, read_only: bool) -> r.Edited:
        known = {block.label: block for block in self._store.blocks.all(self._keeper.scope)}
        if label in known and known[label].read_only and not read_only:
            raise UserError(
                f"{label} is read-only.", next_step=f"Only its owner lifts that: lyceum memory edit {label} --writable."
            )
        block = self._store.blocks.define(
            self._keeper.scope, label, description=description, limit=limit, read_only=read_only
        )
        return r.Edited(block=block)

    def edit(
        self, label: str, how: str, text: str, old: str, line: int, why: str, expected: int | None, key: str
    ) -> r.Edited:
        self._keeper.refuse_foreign(text)
        scope, blocks = self._keeper.scope, self._store.blocks
        edit = Edit(who=AGENT, why=why, expected=expected, key=key or None)
        match how:
            case "append":
                block = blocks.append(scope, label, text, edit)
            case "replace":
                block = blocks.replace(scope, label, old, text, edit)
            case "insert":
                block = blocks.insert(scope, label, text, line, edit)
            case _:
                block = blocks.rethink(scope, label, text, edit)
        return r.Edited(block=block)

    def undo(self, label: str, why: str, expected: int | None) -> r.Edited:
        edit = Edit(who=AGENT, why=why or "undo", expected=expected)
        return r.Edited(block=self._store.blocks.undo(self._keeper.scope, label, edit))

    def history(self, label: str) -> r.Versions:
        scope, blocks = self._keeper.scope, self._store.blocks
        return r.Versions(block=blocks.get(scope, label), versions=blocks.history(scope, label))

    def context(self, thread: str, question: str, limit: int) -> r.Window:
        scope = self._keeper.scope
        recent = self._latest(thread, 200)
        summary = self._store.summaries.get(scope, thread)
        said = [
            Message(id=turn.id, role="user" if turn.origin == "user" else "assistant", text=turn.text)
            for turn in recent
        ]
        recalled = self._store.recall.search(scope, question, limit=10) if question.strip() else []
        shown = [
            (hit.turn.id, f"{hit.turn.speaker}, {hit.turn.said:%-d %B %Y}: {hit.turn.text} [{hit.turn.id}]")
            for hit in recalled
            if hit.turn.origin != "assistant" and not hit.turn.text.rstrip().endswith("?")
        ]
        window = plan(
            limit, blocks=self._store.blocks.render(scope), summary=summary.text if summary else "", messages=said,
            recalled=shown,
        )  # fmt: skip
        return r.Window(text=window.render(), used=window.used, limit=limit, kept=window.kept, left=window.left)

    def unread(self, limit: int, by: str) -> r.Unread:
        scope = self._keeper.scope
        level = MODEL if by == "model" else RULES
        turns = self._store.consolidation.unread(scope, most=limit, level=level)
        topics = dict.fromkeys(fact.topic for fact in self._store.archive.facts(scope) if fact.topic)
        return r.Unread(turns=[turn.source for turn in turns], known=list(topics))

    def consolidate(
        self, limit: int, notes: Sequence[r.Noted] | None, turns: Sequence[str], *, dry: bool, skip: bool
    ) -> r.Changes:
        among = [self._store.log.get(self._keeper.scope, turn) for turn in turns] or None
        reader = self._store.consolidation
        if skip:
            reader = Consolidation(self._store.file, self._store.archive, self._store.blocks, lambda _turn: [])
        found = None if notes is None else [Note.model_validate(each.model_dump()) for each in notes]
        retained = Forgotten() if dry else self._keeper.retain()
        done = reader.run(self._keeper.scope, most=limit, dry=dry, notes=[] if skip else found, among=among)
        changes = [_change(change) for change in done.changes]
        if not dry and not done.left:
            self._store.catch_up(self._keeper.scope)
        return r.Changes(
            turns=done.turns, left=done.left, changes=changes, quarantined=done.quarantined,
            forgotten=retained.removed, rewritten=retained.rewritten,
        )  # fmt: skip

    def summarise(self, thread: str, text: str, upto: int, *, dry: bool) -> r.Summaries:
        scope, summaries = self._keeper.scope, self._store.summaries
        due: list[r.Due] = []
        if thread and text:
            summaries.write(scope, thread, text, upto, who="model")
            return r.Summaries(due=[])
        for name in [thread] if thread else summaries.due(scope):
            turns = summaries.unread(scope, name)
            known = summaries.get(scope, name)
            before = known.text if known else ""
            if turns and not dry:
                summaries.write(scope, name, extractive(before, turns), turns[-1].number)
            due.append(r.Due(thread=name, before=before, turns=[turn.source for turn in turns]))
        return r.Summaries(due=due)

    def rebuild(self, most: int = IMPORTED) -> r.Rebuilt:
        scope = self._keeper.scope
        self._store.catch_up(scope, most=most)
        self._store.file.rebuild_index()
        turns, facts = (each.vectors.rebuild(scope) for each in (self._store.recall, self._store.archive))
        return r.Rebuilt(turns=turns, facts=facts)

    def forget(self, ids: Sequence[str]) -> r.Gone:
        done = self._store.forgetting.forget(self._keeper.scope, ids)
        return r.Gone(removed=done.removed, rewritten=done.rewritten)

    def export(self, form: str, start: int = 0, most: int | None = None) -> r.Exported:
        """Return everything as lines from number `start` on, as many as have `most` characters, and at least one."""
        if form == "markdown":
            lines = markdown(self._store.file, self._keeper.scope).split("\n")[:-1]
        else:
            lines = list(exported(self._store.file, self._keeper.scope))
        end, size = start, 0
        while end < len(lines) and (most is None or end == start or size + len(lines[end]) < most):
            size += len(lines[end]) + 1
            end += 1
        text = "".join(f"{line}\n" for line in lines[start:end])
        return r.Exported(format=form, text=text, records=end - start, next=end if end < len(lines) else 0)

    def bring(self, text: str) -> r.Imported:
        scope, store = self._keeper.scope, self._store
        own = FORMAT in text[:200]
        done = imported(store.file, scope, text.split("\n")) if own else keep(store, scope, read(text))
        store.catch_up(scope)
        return r.Imported(added=done.added, present=done.present, refused=done.refused)


def _change(change: Change) -> r.Change:
    fact, other = change.outcome.fact, change.outcome.other
    return r.Change(
        action=change.outcome.action,
        turn=change.turn,
        topic=fact.topic,
        text=fact.text,
        before=other.text if other else "",
    )
