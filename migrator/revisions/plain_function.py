"""Whether a function of a version file does nothing but call Alembic's operations."""

from __future__ import annotations

import ast

from migrator.syntax import parse

# What these do is send statements, and nothing that they return is worth having.
_OPERATIONS = frozenset(
    {
        "add_column",
        "alter_column",
        "create_check_constraint",
        "create_exclude_constraint",
        "create_foreign_key",
        "create_index",
        "create_primary_key",
        "create_table",
        "create_table_comment",
        "create_unique_constraint",
        "drop_column",
        "drop_constraint",
        "drop_index",
        "drop_table",
        "drop_table_comment",
        "execute",
        "rename_table",
    }
)
_LOAD = ast.Load()
# What may stand in an argument.
_NAMING = frozenset({"f", "inline_literal"})


def only_operations(source: str | bytes, function: str) -> bool:
    """Whether a function of a version file is a list of `op.*` calls with literals and `sa.*` for arguments.

    Such a function can be run twice with the same effect on a database that was rolled back in between.
    """
    try:
        tree = parse(source)
    except SyntaxError:
        return False
    names = _Names(tree)
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == function]
    return (
        len(found) == 1
        and not found[0].decorator_list
        and not names.bound_again
        and all(names.is_plain(statement) for statement in found[0].body)
    )


class _Names:
    """What a module calls Alembic's `op`, and SQLAlchemy and what is in it."""

    def __init__(self, tree: ast.Module) -> None:
        self._operations: set[str] = set()
        self._sqlalchemy: set[str] = set()
        for node in tree.body:
            match node:
                case ast.Import(names=names):
                    found = (each for each in names if each.name.partition(".")[0] == "sqlalchemy")
                    self._sqlalchemy.update(each.asname or "sqlalchemy" for each in found)
                case ast.ImportFrom(module="alembic", names=names, level=0):
                    self._operations.update(each.asname or "op" for each in names if each.name == "op")
                case ast.ImportFrom(module=str(module), names=names, level=0):
                    if module.partition(".")[0] == "sqlalchemy":
                        self._sqlalchemy.update(each.asname or each.name for each in names)
        imports: list[str] = []
        bound: set[str] = set()
        for each in ast.walk(tree):
            # Nearly every node only reads.
            if isinstance(each, ast.expr) and isinstance(getattr(each, "ctx", _LOAD), ast.Load):
                continue
            imports += _imported(each)
            if name := _bound(each):
                bound.add(name)
        known = self._operations | self._sqlalchemy
        self.bound_again = len(imports) > len(set(imports)) or "*" in imports or not known.isdisjoint(bound)

    def is_plain(self, statement: ast.stmt) -> bool:
        """Whether a statement is a call of an operation, or nothing at all."""
        match statement:
            case ast.Pass() | ast.Expr(value=ast.Constant()):
                return True
            case ast.Expr(value=ast.Call() as call):
                return self._operation(call.func) in _OPERATIONS and self._arguments(call)
        return False

    def _operation(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            return node.attr if node.value.id in self._operations else None
        return None

    def _arguments(self, call: ast.Call) -> bool:
        return all(self._is_value(each) for each in call.args) and all(
            keyword.arg is not None and self._is_value(keyword.value) for keyword in call.keywords
        )

    def _is_value(self, node: ast.expr | None) -> bool:
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.List | ast.Tuple | ast.Set):
            return all(self._is_value(each) for each in node.elts)
        if isinstance(node, ast.Dict):
            return all(self._is_value(each) for each in (*node.keys, *node.values))
        if isinstance(node, ast.UnaryOp):
            return self._is_value(node.operand)
        if isinstance(node, ast.BinOp):
            return self._is_value(node.left) and self._is_value(node.right)
        if isinstance(node, ast.Call):
            known = self._operation(node.func) in _NAMING or self._is_of_sqlalchemy(node.func)
            return known and self._arguments(node)
        return node is not None and self._is_of_sqlalchemy(node)

    def _is_of_sqlalchemy(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self._sqlalchemy


def _imported(node: ast.AST) -> list[str]:
    """Give the names that an import binds."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return []


def _bound(node: ast.AST) -> str | None:
    """Give the name that a node binds, or of which it sets an attribute."""
    if isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
        return node.value.id if isinstance(node.value, ast.Name) else None
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return node.id
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return node.name
    return node.arg if isinstance(node, ast.arg) else None
