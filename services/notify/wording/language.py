"""The part of Jinja that templates of messages may use: enough to write a letter, and nothing that grows or hangs.

Without assignments, calls, includes, collections and arithmetic that makes texts longer, a value is never larger than
what was handed in, so only loops can make much of little; each round of every loop counts towards one limit, and what
is written is counted while it is written. So the worst template ends in microseconds per round, in this process.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from types import CodeType
from typing import Any

from jinja2 import BaseLoader, StrictUndefined, Template, TemplateError, TemplateNotFound, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from services.notify.wording.words import filters_of
from services.notify.wording.written import WordingFailed

SOURCE_CHARACTERS_MAX = 64_000
OUTPUT_CHARACTERS_MAX = 1_000_000
ROUNDS_MAX = 10_000
LAYOUT = "layout"

_ALLOWED = (
    nodes.Template, nodes.TemplateData, nodes.Output, nodes.If, nodes.For, nodes.Block, nodes.Extends, nodes.Name,
    nodes.Const, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Sub,
)  # fmt: skip
_OWN_FILTERS = frozenset({"default", "upper", "lower", "capitalize", "trim", "length", "first", "last", "escape", "e"})
_OWN_TESTS = frozenset({"defined", "none"})
_COUNTED = "counted"
_rounds_left: ContextVar[int] = ContextVar("rounds_left")


class TemplateWrong(Exception):
    """A template is not written in our part of the language; one line per error."""

    def __init__(self, errors: list[str]) -> None:
        """`errors`: what is wrong, each with its line."""
        super().__init__("\n".join(errors))
        self.errors = errors


class Speech:
    """Templates of one language, as text or as HTML (where all that is filled in is escaped)."""

    def __init__(self, language: str, html: bool) -> None:
        """Know no template yet."""
        self._language, self._html = language, html
        self._codes: dict[str, CodeType] = {}
        self._environment = environment = _Environment(
            loader=_Compiled(self._codes),
            autoescape=html,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        environment.globals.clear()
        for kind, own in ((environment.filters, _OWN_FILTERS), (environment.tests, _OWN_TESTS)):
            for name in set(kind) - own:
                del kind[name]
        self._known = {**filters_of(language), **{name: environment.filters[name] for name in _OWN_FILTERS}}
        environment.filters.update(self._known)
        environment.filters[_COUNTED] = _counted

    def learn(self, name: str, source: str) -> None:
        """Compile a template; TemplateWrong names everything that is wrong in it."""
        if len(source) > SOURCE_CHARACTERS_MAX:
            raise TemplateWrong([f"longer than {SOURCE_CHARACTERS_MAX} characters"])
        try:
            tree = self._environment.parse(source, name)
            errors = [*self._breaches(tree)]
            if errors:
                raise TemplateWrong(errors)
            for loop in list(tree.find_all(nodes.For)):
                loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
            tree.set_environment(self._environment)
            self._codes[name] = self._environment.compile(tree, name, name)
        except TemplateSyntaxError as error:
            raise TemplateWrong([f"line {error.lineno}: {error.message}"]) from None
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise TemplateWrong([f"nested too deeply ({type(error).__name__})"]) from None

    def copy(self) -> "Speech":
        """Return another one that knows the same templates, to learn on."""
        other = Speech(self._language, self._html)
        other._codes.update(self._codes)
        return other

    def render(self, name: str, values: Mapping[str, Any], block: str = "") -> str:
        """Return a template, or one of its blocks, filled in; WordingFailed when it does not come to a good end."""
        began = _rounds_left.set(ROUNDS_MAX)
        try:
            template = self._environment.get_template(name)
            root = template.blocks[block] if block else template.root_render_func
            return _bounded(root(template.new_context(dict(values))))
        except TemplateError as error:
            raise WordingFailed(f"{name}: {type(error).__name__}: {error.message}") from None
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # The text of these may hold what was filled in.
            raise WordingFailed(f"{name}: {type(error).__name__}") from None
        finally:
            _rounds_left.reset(began)

    def _breaches(self, tree: nodes.Template) -> Iterator[str]:
        for node in tree.find_all(nodes.Node):
            where = f"line {node.lineno}"
            if not isinstance(node, _ALLOWED):
                yield f"{where}: {type(node).__name__} is not part of the language of message templates"
            elif isinstance(node, nodes.Filter) and node.name not in self._known:
                yield f"{where}: there is no filter {node.name!r}"
            elif isinstance(node, nodes.Test) and node.name not in _OWN_TESTS:
                yield f"{where}: there is no test {node.name!r}"
            elif isinstance(node, nodes.Extends) and node.template != nodes.Const(LAYOUT):
                yield f"{where}: only {LAYOUT!r} can be extended"


class _Environment(ImmutableSandboxedEnvironment):
    def join_path(self, template: str, parent: str) -> str:
        """A layout is looked for beside the template that extends it: clients' never lead to staff's."""
        return f"{parent.rpartition('/')[0]}/{template}"


class _Compiled(BaseLoader):
    def __init__(self, codes: Mapping[str, CodeType]) -> None:
        self._codes = codes

    def load(self, environment: Any, name: str, globals: Any = None) -> Template:
        if name not in self._codes:
            raise TemplateNotFound(name)
        return Template.from_code(environment, self._codes[name], environment.make_globals(globals))


def _counted(items: Iterable[Any]) -> list[Any]:
    """Return what a loop goes over, and count it."""
    kept = list(items)
    left = _rounds_left.get() - len(kept)
    if left < 0:
        raise WordingFailed(f"loops go round more than {ROUNDS_MAX} times")
    _rounds_left.set(left)
    return kept


def _bounded(parts: Iterable[str]) -> str:
    written, length = list[str](), 0
    for part in parts:
        length += len(part)
        if length > OUTPUT_CHARACTERS_MAX:
            raise WordingFailed(f"more than {OUTPUT_CHARACTERS_MAX} characters are written")
        written.append(part)
    return "".join(written)
