"""Small mistakes in a written query, corrected against the schema: a column of another table, an id for a name."""

from __future__ import annotations

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lyceum.tables import Schema
from models.tables.graph import display_of, keys_of
from models.text_to_sql.meant import Asked
from models.text_to_sql.scope import Scope
from models.text_to_sql.values import fixed_columns, keep_missing_out, keep_one_alternative, misplaced, read_time

Tree = exp.Select | exp.SetOperation


def read(sql: str, schema: Schema) -> Tree | None:
    """Parse one query; None when it is none."""
    try:
        tree = sqlglot.parse_one(sql, dialect=schema.dialect)
    except SqlglotError:
        return None
    return tree if isinstance(tree, (exp.Select, exp.SetOperation)) else None


def rewrite(tree: Tree, schema: Schema, asked: Asked | None = None) -> Tree | None:
    """Place columns in the tables that have them, joining one that is missing; name things and group by their keys.

    None when a column or table is nowhere to be found, or a join goes astray.
    """
    tree, asked = tree.copy(), asked or Asked()
    for select in list(tree.find_all(exp.Select)):
        keep_one_alternative(select, asked.values)
        scope = Scope(select, schema)
        if scope.unknown or not all(scope.place(column) for column in scope.own_columns()) or scope.joins_astray():
            return None
        read_time(select, scope.described)
        for compared, value in misplaced(select, asked.values):
            scope.move(compared, value)
        _count_once(select, scope, asked.counted)
    keep_missing_out(tree)
    if isinstance(tree, exp.Select):
        scope = Scope(tree, schema)
        _spell_out_places(tree)
        _name_what_is_listed(tree, scope)
        _group_by_keys(tree, scope)
        _list_once(tree, scope, asked.listed)
        _show_what_orders(tree, scope)
    return tree


def _spell_out_places(select: exp.Select) -> None:
    """Write `ORDER BY 2` as what stands second, before the list changes."""
    for clause in (select.args.get("order"), select.args.get("group")):
        for each in list(clause.expressions) if clause else []:
            place = each.this if isinstance(each, exp.Ordered) else each
            if isinstance(place, exp.Literal) and place.is_int and 1 <= int(place.name) <= len(select.expressions):
                place.replace(select.expressions[int(place.name) - 1].unalias().copy())


def _name_what_is_listed(select: exp.Select, scope: Scope) -> None:
    """Put names where a key or a reference is listed: people ask for genres, not for genre ids."""
    listed = {each.name.casefold() for each in select.expressions if isinstance(each, exp.Column)}
    fixed = fixed_columns(select)
    shown: list[exp.Expr] = []
    for projection in select.expressions:
        column = projection.unalias()
        names = _names_for(column, scope, fixed) if isinstance(column, exp.Column) else []
        if not names:
            shown.append(projection)
        elif not any(name.name.casefold() in listed for name in names):
            shown += names
    select.set("expressions", shown)


def _names_for(column: exp.Column, scope: Scope, fixed: set[str]) -> list[exp.Column]:
    """The name columns of the row that a key stands for, joined where need be; none for other columns.

    A column that the WHERE holds to one value says nothing, so its row's name stands in for it too.
    """
    source = scope.source_of(column)
    if source is None or source.table is None:
        return []
    edge = scope.edge_of(source, column.name)
    owner = scope.table(edge.parent) if edge else source.table
    names = display_of(owner)
    stands_for_row = edge or (column.name,) == keys_of(owner) or column.name.casefold() in fixed
    if not stands_for_row or column.name in names or not names or names == keys_of(owner):
        return []
    alias = scope.join(source.alias, edge) if edge else source.alias
    return [exp.column(name, table=alias, quoted=True) for name in names]


def _group_by_keys(select: exp.Select, scope: Scope) -> None:
    """Group by the key beside the name: two customers of one name are two customers."""
    group = select.args.get("group")
    if group is None:
        return
    for each in list(group.expressions):
        column = each if isinstance(each, exp.Column) else None
        source = scope.source_of(column) if column is not None else None
        if column is None or source is None or source.table is None:
            continue
        keys = keys_of(source.table)
        if len(keys) == 1 and column.name in display_of(source.table) and column.name not in keys:
            key = exp.column(keys[0], table=source.alias, quoted=True)
            if key not in group.expressions:
                group.append("expressions", key)


def _list_once(select: exp.Select, scope: Scope, listed: str) -> None:
    """List each thing once where a join to its many would repeat it, or where a column's values are asked for."""
    if select.args.get("group") or select.args.get("distinct") or select.args.get("limit") or select.find(exp.AggFunc):
        return
    columns = [column for each in select.expressions for column in each.find_all(exp.Column)]
    tables = {source.alias for column in columns if (source := scope.source_of(column))}
    values = [column.name.casefold() for column in columns] == [listed.casefold()]
    if values or (len(tables) == 1 and select.args.get("joins")):
        select.distinct(copy=False)


def _count_once(select: exp.Select, scope: Scope, counted: str) -> None:
    """Count each row of the counted table once where a join to its many would repeat it."""
    source = next((each for each in scope.own_sources() if each.table is not None and each.table.name == counted), None)
    if source is None or source.table is None or len(keys := keys_of(source.table)) != 1:
        return
    if not scope.repeats(source):
        return
    for count in list(select.find_all(exp.Count)):
        of = count.this
        own = isinstance(of, exp.Column) and scope.source_of(of) is source
        if count.find_ancestor(exp.Select) is select and (own or isinstance(of, exp.Star)):
            key = exp.column(keys[0], table=source.alias, quoted=True)
            count.replace(exp.Count(this=exp.Distinct(expressions=[key])))


def _show_what_orders(select: exp.Select, scope: Scope) -> None:
    """Show the figure that picks the first rows: the longest track comes with its length."""
    order, limit = select.args.get("order"), select.args.get("limit")
    figures = any(each.find(exp.AggFunc) for each in select.expressions)
    if not order or not limit or select.args.get("distinct") or (figures and not select.args.get("group")):
        return
    figure = order.expressions[0].this
    shown = [each.unalias() for each in select.expressions]
    aliases = {each.alias for each in select.expressions}
    if figure in shown or (
        isinstance(figure, exp.Column) and (figure.name in aliases or scope.source_of(figure) is None)
    ):
        return
    if isinstance(figure, (exp.Column, exp.AggFunc)):
        select.append("expressions", figure.copy())
