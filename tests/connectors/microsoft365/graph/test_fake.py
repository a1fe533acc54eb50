"""The client against the fake Graph: a drive with trouble, and two who edit one file."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.connectors.microsoft365.graph import Backoff, Call, Graph, GraphError, Limiter, Reply
from tests.connectors.microsoft365.graph.serving import FakeClock
from tests.thinning import examples

pytest.importorskip("uvicorn")
from copilot.demo.microsoft365 import sample
from copilot.demo.microsoft365.fake import FakeGraph
from copilot.demo.microsoft365.server import running

#: 5 % throttled, 2 % failing: before and after the work was done, and while its answer is sent.
TROUBLE = [
    ("throttle", 0.05),
    ("unavailable", 0.003),
    ("unavailable_after", 0.003),
    ("error_after", 0.003),
    ("reset", 0.004),
    ("reset_after", 0.004),
    ("truncate", 0.003),
]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[FakeGraph, str]]:
    fake = FakeGraph(sample.made(), seed=5)
    with running(fake) as url:
        yield fake, url


@pytest.fixture(autouse=True)
def _calm(served: tuple[FakeGraph, str]) -> None:
    served[0].faults.clear()


class Issued:
    """Tokens of the fake; each is good for so many calls."""

    def __init__(self, fake: FakeGraph, calls: int | None = None) -> None:
        self.fake, self.calls = fake, calls
        self.current = fake.tokens.issue(f"nina.keller@{sample.DOMAIN}", calls=calls)

    async def token(self, *, refused: str = "", claims: str = "") -> str:
        if refused == self.current:
            self.current = self.fake.tokens.issue(f"nina.keller@{sample.DOMAIN}", calls=self.calls)
        return self.current


def client(served: tuple[FakeGraph, str], calls: int | None = None) -> Graph:
    fake, url = served
    clock = FakeClock()
    return Graph(url, Issued(fake, calls), clock=clock, limiter=Limiter(clock), backoff=Backoff(jitter=lambda: 1.0))


async def test_a_file_goes_up_and_comes_down_with_trouble_on_the_way(
    served: tuple[FakeGraph, str], tmp_path: Path
) -> None:
    graph = client(served, calls=3)  # and the token expires all the time
    served[0].faults.mixed([(kind, 4 * share) for kind, share in TROUBLE])
    data = random.Random(1).randbytes(700_000)
    for number in range(examples(20, 10)):
        path = f"/me/drive/root:/trouble-{number}.bin:"
        item = await graph.upload(path, data, small=1, piece=327_680)
        found = await graph.download(f"/me/drive/items/{item['id']}", tmp_path / "file")
        assert found.path.read_bytes() == data
        assert found.hash == item["file"]["hashes"]["quickXorHash"]
    listed = await graph.items("/me/drive/root/children", limit=500, top=2)
    names = [each["name"] for each in listed.items if each["name"].startswith("trouble")]
    assert len(names) == examples(20, 10)
    await graph.close()


async def test_two_who_edit_one_file(served: tuple[FakeGraph, str]) -> None:
    """Each adds its lines to what is there, against the tag that it read; none is lost, none is there twice."""
    path, lines = "/me/drive/root:/shared.txt:", examples(100, 16)
    one, two = client(served), client(served)
    await one.upload(path, b"")
    served[0].faults.mixed(TROUBLE)

    async def add(graph: Graph, line: str) -> None:
        while True:
            item = await graph.get(path)
            there = await graph.content(f"{path}/content", limit=1_000_000)
            try:
                await graph.upload(path, there + line.encode(), if_match=item["eTag"])
                return
            except GraphError as error:
                if error.code != "conflict":
                    raise

    async def work(graph: Graph, who: str) -> None:
        for number in range(lines):
            await add(graph, f"{who}{number}\n")

    await asyncio.gather(work(one, "a"), work(two, "b"))
    served[0].faults.clear()
    found = (await one.content(f"{path}/content", limit=1_000_000)).decode().splitlines()
    assert sorted(found) == sorted(f"{who}{n}" for who in "ab" for n in range(lines))
    await one.close()
    await two.close()


async def test_batches_and_deltas(served: tuple[FakeGraph, str]) -> None:
    graph = client(served)
    before = await graph.delta("/me/drive/root/delta")
    served[0].faults.mixed([("throttle", 0.2)])
    calls = [
        Call("PUT", f"/me/drive/root:/batch-{n}.txt:/content", content=b"x", headers={"Content-Type": "text/plain"})
        for n in range(30)
    ]
    results = await graph.batch(calls)
    assert all(isinstance(each, Reply) for each in results)
    served[0].faults.clear()
    after = await graph.delta("/me/drive/root/delta", before.link)
    names = {each["name"] for each in after.items if "file" in each}
    assert names >= {f"batch-{n}.txt" for n in range(30)}
    assert not after.fresh
    served[0].faults.next("resync")
    assert (await graph.delta("/me/drive/root/delta", after.link)).fresh
    await graph.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("changed", "conflict"),
        ("clash", "conflict"),
        ("locked", "locked"),
        ("full", "full"),
        ("html", "uncertain"),
        ("forbidden", "denied"),
        ("expired", ""),
        ("claims", ""),
        ("truncate", ""),
        ("gateway", ""),
    ],
)
async def test_each_trouble_by_its_name(served: tuple[FakeGraph, str], fault: str, code: str) -> None:
    graph = client(served)
    served[0].faults.next(fault)
    call = Call("PUT", "/me/drive/root:/named.txt:/content", content=b"x", what="the file named.txt")
    if code:
        with pytest.raises(GraphError) as caught:
            await graph.send(call)
        assert caught.value.code == code
    else:
        await graph.send(call)
    await graph.close()
