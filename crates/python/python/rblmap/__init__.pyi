import enum
import ipaddress
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Union, overload

__version__: str

Key = Union[str, bytes, int, ipaddress.IPv4Address, ipaddress.IPv6Address]

class Error(Exception): ...

class Freshness(enum.IntEnum):
    FRESH = 0
    STALE = 1
    EXPIRED = 2
    RETIRED = 3
    WAITING = 4

class Record:
    def __new__(cls, a: ipaddress.IPv4Address | None, text: bytes | None) -> Record: ...
    @property
    def a(self) -> ipaddress.IPv4Address | None: ...
    @property
    def text(self) -> bytes | None: ...

class Answer:
    def __new__(
        cls, listed: bool, records: Sequence[Record], network: str | None, reply: str
    ) -> Answer: ...
    @property
    def listed(self) -> bool: ...
    @property
    def records(self) -> list[Record]: ...
    @property
    def network(self) -> str | None: ...
    @property
    def codes(self) -> list[str]: ...
    def reply(self, prefix: str = "") -> str: ...
    def __bool__(self) -> bool: ...
    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Record: ...

class Status:
    freshness: Freshness
    problem: str | None
    held: bool
    serial: int
    created: int
    generation: int
    stale_from: int
    expired_from: int
    checked: int

class List:
    def __new__(
        cls,
        path: str | os.PathLike[str],
        zone: str | None = None,
        *,
        subzone: str | None = None,
        copy: bool = False,
        wait: bool = False,
    ) -> List: ...
    @overload
    def lookup(self, key: Key) -> Answer: ...
    @overload
    def lookup(self, key: Sequence[Key | None]) -> list[bool | None]: ...
    @overload
    def lookup(self, key: Any) -> Any: ...
    def freshness(self, now: float | None = None) -> Freshness: ...
    def status(self, now: float | None = None) -> Status: ...
    def refresh(self) -> bool: ...
    def zones(self) -> list[str]: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    def __enter__(self) -> List: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

def open(
    path: str | os.PathLike[str],
    zone: str | None = None,
    *,
    subzone: str | None = None,
    copy: bool = False,
    wait: bool = False,
) -> List: ...
