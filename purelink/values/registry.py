"""A connection's own types: what was fetched of the catalog, and the program's codecs.

Floor 1, pure; loaded when a program first speaks of types. What is not built in (composites, enums,
domains, extensions' types) has no fixed OID: a conversation asks the catalog for it by name, and
what that hears is kept here. Decoders are made of it when a column of the type is first met. Enum
labels, names of fields and of types are the server's and hostile: no code is made of them.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Sequence

from ..errors import DataError, InterfaceError, ProgrammingError
from . import oids
from .faults import malformed
from .scalars import OwnWriters, said_as
from .styles import DEFAULT_STYLES
from .text import PATTERNS, Registry, guarded
from .typeinfo import Codec, TypeInfo, label_decoder, members

if TYPE_CHECKING:
    from collections.abc import Callable

    from .scalars import Said
    from .styles import Styles
    from .text import TextDecoder

    BinaryDecoder = Callable[[bytes], object]

__all__ = ["EVERYONE", "OwnTypes"]

#: types whose binary form is their text
_TEXTUAL = frozenset((25, 1043, 1042, 19, 142, 114, 705))
#: types within each other, at most; one that is made of itself, by a lying catalog, ends at once
_DEEPEST = 40


class OwnTypes(Registry):
    """The decoders and writers of one connection, or, as `EVERYONE`, of all that open later."""

    __slots__ = (
        "_arrays",
        "_binary",
        "_by_name",
        "_codecs",
        "_fetched",
        "_made_binary",
        "_making",
        "_rows",
        "_told",
    )

    def __init__(self) -> None:
        super().__init__()
        self._fetched: dict[int, TypeInfo] = {}
        self._arrays: dict[int, int] = {}
        self._binary: dict[int, BinaryDecoder] = {}
        #: codecs of fetched types by OID, and of types that are not fetched yet by name
        self._codecs: dict[int, Codec] = {}
        self._by_name: dict[str, Codec] = {}
        #: classes made for composites that the program has none for
        self._rows: dict[int, type] = {}
        self._made_binary: dict[tuple[int, str, str, Styles], BinaryDecoder] = {}
        #: OIDs of the types whose decoders are under way; of a binary form negative
        self._making: set[int] = set()
        self._told: OwnWriters | None = None

    def copy(self) -> OwnTypes:
        """Return an independent registry that knows the same."""
        twin = OwnTypes()
        for name in ("_own", "_fetched", "_arrays", "_binary", "_codecs", "_by_name", "_rows"):
            getattr(twin, name).update(getattr(self, name))
        if self._told is not None:
            twin._told = self._told.copy()
        return twin

    @property
    def writers(self) -> OwnWriters | None:
        """Of the program's own classes; None while there are none."""
        return self._told

    # -- what is known ----------------------------------------------------------------------

    @property
    def untouched(self) -> bool:
        """True where every type is served by a built-in decoder."""
        return not self._own and not self._fetched

    def overlaid(self, oid: int) -> bool:
        """True where the type, or what it is made of, is not served by a built-in decoder."""
        return oid in self._fetched or oid in self._arrays or super().overlaid(oid)

    def info(self, type: str | int) -> TypeInfo | None:  # noqa: A002 - PostgreSQL's word
        """Return what was fetched about a type, by its OID or name; None if nothing was."""
        if isinstance(type, int):
            return self._fetched.get(type)
        for one in reversed(list(self._fetched.values())):
            if type in (one.name, one.shown):
                return one
        return None

    def kind_name(self, oid: int) -> str:
        """Return a type's name for errors."""
        one = self._fetched.get(oid) or self._fetched.get(self._arrays.get(oid, 0))
        if one is None:
            return oids.kind_name(oid)
        return one.shown + ("[]" if oid in self._arrays else "")

    # -- what is told -----------------------------------------------------------------------

    def add(self, info: TypeInfo, python: type | None = None) -> None:
        """Take what the catalog says about a type, and the program's class for it.

        A class or codec that was registered for the type before, or for its name, stays.

        Raises:
            InterfaceError: the class does not fit the type.
        """
        before = self._codecs.get(info.oid) or self._by_name.get(info.name)
        before = before or self._by_name.get(info.shown) or Codec()
        codec = before if python is None else before._replace(python=python)
        self._check(info, codec)
        self._fetched[info.oid] = info
        self._rows.pop(info.oid, None)
        if info.array_oid:
            self._arrays[info.array_oid] = info.oid
            self._writers().arrays[info.oid] = info.array_oid
        if info.sort in ("r", "m"):
            pair = list(self._writers().ranges.get(info.part, (0, 0)))
            pair[info.sort == "m"] = info.oid
            self._writers().ranges[info.part] = (pair[0], pair[1])
        self._install(info.oid, info, codec)

    def register(self, type: str | int | TypeInfo, codec: Codec, *, early: bool = False) -> None:  # noqa: A002
        """Let the program's codec serve a type from now on.

        Args:
            type: a built-in type's name or OID, or a fetched one's.
            early: a name that is not known is remembered until its type is fetched.

        Raises:
            InterfaceError: the type is not known, or the codec does not fit it.
        """
        if codec.encode is not None and codec.python is None:
            raise InterfaceError("encode needs python=: the class whose objects it writes")
        oid = self._oid(type)
        if oid is None:
            if not early:
                raise InterfaceError(
                    f"type {str(type)[:60]!r} is not known on this connection: fetch it first, with"
                    " connection.types.fetch"
                )
            self._by_name[str(type)] = codec
            return
        info = self._fetched.get(oid)
        if info is not None:
            self._check(info, codec)
        elif codec.python is not None and not (codec.decode or codec.encode):
            raise InterfaceError(
                f"a class alone says nothing about type {self.kind_name(oid)}: give decode, encode"
            )
        self._install(oid, info, codec)

    def _oid(self, type: str | int | TypeInfo) -> int | None:  # noqa: A002
        if isinstance(type, TypeInfo):
            return type.oid
        if isinstance(type, int):
            return type
        found = self.info(type)
        if found is not None:
            return found.oid
        from .types import type_named

        try:
            return type_named(type).oid
        except (ProgrammingError, DataError):
            return None

    def _check(self, info: TypeInfo, codec: Codec) -> None:
        """Refuse a class that does not fit a type, unless functions say how it does."""
        kind = codec.python
        if kind is None or codec.decode is not None or codec.encode is not None:
            return
        if info.sort == "c":
            from .composites import maker_of

            maker_of(kind, info.shown, [name for name, _ in info.fields])
        elif info.sort == "e":
            if not issubclass(kind, Enum):
                raise InterfaceError(f"{kind.__qualname__} is no enum.Enum for {info.shown}")
            members(kind, info)
        elif not (info.input == "hstore_in" and issubclass(kind, dict)):
            raise InterfaceError(
                f"a class alone says nothing about type {info.shown}: give decode, encode"
            )

    def _install(self, oid: int, info: TypeInfo | None, codec: Codec) -> None:
        self._codecs[oid] = codec
        if codec.decode is not None:
            self.overlay(oid, codec.decode)
        if codec.decode_binary is not None:
            self._binary[oid] = guarded(codec.decode_binary, self.kind_name(oid))
        if codec.python is not None:
            write = self._writer(oid, info, codec)
            if write is not None:
                self._writers()[codec.python] = write
        if info is not None and info.sort == "c" and codec.python is None:
            self._writers()[self._row_class(info)] = self._row_writer(oid, None)
        if info is not None and info.input == "hstore_in":
            from .hstore import Hstore, hstore_writer

            self._writers()[Hstore] = hstore_writer(oid)
        self._made.clear()
        self._made_binary.clear()

    def _writers(self) -> OwnWriters:
        if self._told is None:
            self._told = OwnWriters()
        return self._told

    # -- writing ----------------------------------------------------------------------------

    def _writer(self, oid: int, info: TypeInfo | None, codec: Codec) -> Any:
        encode = codec.encode
        if encode is not None:

            def write(value: Any, place: str, own: object) -> Said:  # noqa: ARG001
                try:
                    text = encode(value)
                except Exception as error:
                    raise InterfaceError(
                        f"cannot send {place}: the program's writer of"
                        f" {type(value).__qualname__} failed: {type(error).__name__}"
                    ) from error
                return said_as(value, oid, text, place)

            return write
        if info is None or codec.python is None:
            return None
        if info.sort == "e":
            labels = {member: label for label, member in members(codec.python, info).items()}

            def write_label(value: Any, place: str, own: object) -> Said:  # noqa: ARG001
                label = labels.get(value)
                if label is None:
                    raise InterfaceError(
                        f"cannot send {place}: {info.shown} has no label for {value!r}"
                    )
                return said_as(value, oid, label, place)

            return write_label
        if info.sort == "c":
            return self._row_writer(oid, [name for name, _ in info.fields])
        if info.input != "hstore_in":
            return None
        from .hstore import hstore_writer

        return hstore_writer(oid)

    def _row_writer(self, oid: int, names: Sequence[str] | None) -> Any:
        """Return the writer of a composite: by the names of the fields, None: a tuple in order."""
        from .composites import composite_literal
        from .parameters import text_form

        def write_row(value: Any, place: str, own: Any) -> Said:
            values = value if names is None else [getattr(value, name) for name in names]
            text = composite_literal(values, lambda one: text_form(one, place, own))
            return said_as(value, oid, text, place)

        return write_row

    # -- reading ----------------------------------------------------------------------------

    def _row_class(self, info: TypeInfo) -> type:
        """Return the class of a composite's values: the program's, or one made for it."""
        found = self._codecs[info.oid].python or self._rows.get(info.oid)
        if found is None:
            from .composites import row_class

            found = row_class(info.name, [name for name, _ in info.fields])
            self._rows[info.oid] = found
        return found

    def _make(self, oid: int, styles: Styles) -> TextDecoder:
        if oid in self._own:
            return self._own[oid]
        info, element = self._fetched.get(oid), self._arrays.get(oid)
        if info is None and element is None:
            return super()._make(oid, styles)
        if oid in self._making or len(self._making) > _DEEPEST:
            return str
        self._making.add(oid)
        try:
            if element is not None:
                from .arrays import array_decoder, delimits

                delimiter = self._fetched[element].delimiter
                if not delimits(delimiter):
                    return str
                return array_decoder(
                    self.text_decoder(element, styles),
                    self.kind_name(oid),
                    delimiter,
                    exact=styles.odd_values == "exact",
                )
            assert info is not None
            return self._of_text(info, styles)
        finally:
            self._making.discard(oid)

    def _of_text(self, info: TypeInfo, styles: Styles) -> TextDecoder:
        """Return the decoder of a fetched type's text."""
        if info.sort == "c":
            from . import composites

            names = [name for name, _ in info.fields]
            return composites.composite_decoder(
                info.shown,
                [self.text_decoder(oid, styles) for _, oid in info.fields],
                composites.maker_of(self._row_class(info), info.shown, names),
            )
        if info.sort == "e":
            kind = self._codecs[info.oid].python
            return str if kind is None else label_decoder(kind, info, styles.odd_values)
        if info.sort == "d":
            return self.text_decoder(info.part, styles)
        if info.sort in ("r", "m"):
            from . import ranges

            maker = ranges.range_decoder if info.sort == "r" else ranges.multirange_decoder
            return maker(self.text_decoder(info.part, styles), info.shown)
        if info.input == "hstore_in":
            from .hstore import decode_hstore

            kind = self._codecs[info.oid].python
            return decode_hstore if kind is None else lambda text: kind(decode_hstore(text))
        return str

    def own_binary(
        self, oid: int, encoding: str, errors: str, styles: Styles = DEFAULT_STYLES
    ) -> BinaryDecoder | None:
        """Return the decoder of a type's binary form; None where the built-in one serves."""
        if oid in self._binary:
            return self._binary[oid]
        info, element = self._fetched.get(oid), self._arrays.get(oid)
        if oid in self._own:
            textual = oid in _TEXTUAL or (info is not None and info.sort == "e")
            return self._by_text(oid, encoding, errors, styles) if textual else None
        if info is None and element is None:
            return None
        key = (oid, encoding, errors, styles)
        made = self._made_binary.get(key)
        # Each is made once: there is no end of ways through types that are made of each other.
        if made is None and -oid not in self._making and len(self._making) <= _DEEPEST:
            self._making.add(-oid)
            try:
                made = self._make_binary(info, element, *key)
            finally:
                self._making.discard(-oid)
            if made is not None:
                if len(self._made_binary) >= 1000:  # styles come from the server
                    self._made_binary.clear()
                self._made_binary[key] = made
        return made

    def _make_binary(
        self,
        info: TypeInfo | None,
        element: int | None,
        oid: int,
        encoding: str,
        errors: str,
        styles: Styles,
    ) -> BinaryDecoder | None:
        from .binary import binary_decoder

        def decoder_of(part: int) -> BinaryDecoder:
            return binary_decoder(
                part, encoding=encoding, errors=errors, styles=styles, registry=self
            )

        if element is not None:
            from .arrays import binary_array_decoder

            exact = styles.odd_values == "exact"
            part = decoder_of(element)
            return binary_array_decoder(self.kind_name(oid), element, part, exact=exact)
        assert info is not None
        return self._of_bytes(info, decoder_of, encoding, errors, styles)

    def _of_bytes(
        self,
        info: TypeInfo,
        decoder_of: Callable[[int], BinaryDecoder],
        encoding: str,
        errors: str,
        styles: Styles,
    ) -> BinaryDecoder | None:
        """Return the decoder of a fetched type's binary form; None: its bytes."""
        if info.sort == "c":
            from . import composites

            names = [name for name, _ in info.fields]
            return composites.binary_composite_decoder(
                info.shown,
                [(oid, decoder_of(oid)) for _, oid in info.fields],
                composites.maker_of(self._row_class(info), info.shown, names),
            )
        if info.sort == "d":
            return decoder_of(info.part)
        if info.sort in ("r", "m"):
            from . import ranges

            single = ranges.binary_range_decoder(info.shown, decoder_of(info.part))
            if info.sort == "r":
                return single
            return ranges.binary_multirange_decoder(info.shown, single)
        if info.sort == "e":
            return self._by_text(info.oid, encoding, errors, styles)
        if info.input == "hstore_in":
            from .hstore import binary_hstore_decoder

            decode = binary_hstore_decoder(_characters(info.shown, encoding, errors))
            kind = self._codecs[info.oid].python
            return decode if kind is None else lambda value: kind(decode(value))
        if info.input == "citextin":
            return self._by_text(info.oid, encoding, errors, styles)
        return None

    def _by_text(self, oid: int, encoding: str, errors: str, styles: Styles) -> BinaryDecoder:
        characters = _characters(self.kind_name(oid), encoding, errors)
        decode = self.text_decoder(oid, styles)
        return lambda value: decode(characters(value))


def _characters(kind: str, encoding: str, errors: str) -> Callable[[bytes], str]:
    def characters(value: bytes) -> str:
        try:
            return value.decode(encoding, errors)
        except UnicodeError:
            raise malformed(kind, value) from None

    return characters


#: what every connection that is opened from now on begins with
EVERYONE = OwnTypes()
PATTERNS.append(EVERYONE)
