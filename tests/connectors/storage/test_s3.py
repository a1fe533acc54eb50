"""A bucket as an opened folder, at a real server of S3's protocol, which compares versions itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from copilot.connectors.storage import connector
from copilot.documents.hunks import Hunk
from copilot.errors import PlaceConflictError
from copilot.plugins.connections import Connections
from copilot.settings import AccountSettings
from copilot.workspace.change import Change
from copilot.workspace.mounted import Mounted
from copilot.workspace.workspace import Workspace

pytest.importorskip("s3fs")
moto = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")
pytestmark = pytest.mark.filterwarnings("default")  # those libraries have warnings of their own


@pytest.fixture
def bucket() -> Iterator[tuple[str, Any]]:
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    keys = {"aws_access_key_id": "aaaaaaaa", "aws_secret_access_key": "bbbbbbbb", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=url, **keys)
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="r/sub/a.txt", Body=b"old")
    yield url, client
    server.stop()


def test_the_server_compares_in_the_same_step(bucket: tuple[str, Any], tmp_path: Path) -> None:
    url, client = bucket
    table = {
        "connector": "storage",
        "url": "s3://bucket",
        "options": {"endpoint_url": url, "client_kwargs": {"region_name": "us-east-1"}},
        "secrets": {"key": "KEY", "secret": "SECRET"},
    }
    env = {"KEY": "aaaaaaaa", "SECRET": "bbbbbbbb"}
    connections = Connections({"lake": AccountSettings.model_validate(table)}, tmp_path, env, lambda name: connector)
    mount: Any = connector.open("s3://bucket/r", connections)
    mounted = Mounted(mount, tmp_path, clock=lambda: 0.0)
    workspace = Workspace([mounted.folder], tmp_path, mounts=[mounted])

    def change(name: str, content: bytes) -> Change:
        place = workspace.resolve(name)
        return Change(place, workspace.hash(place), content, (Hunk(name, "", "new"),), "Edit")

    def there(name: str) -> bytes:
        return bytes(client.get_object(Bucket="bucket", Key=f"r/{name}")["Body"].read())

    assert [workspace.show(path) for path in workspace.files()] == ["sub/a.txt"]
    workspace.commit(change("sub/a.txt", b"new"))
    workspace.commit(change("made/b.txt", b"made"))
    assert (there("sub/a.txt"), there("made/b.txt")) == (b"new", b"made")
    looked = mount._same
    for name in ("sub/a.txt", "c.txt"):

        def meanwhile(id: str, node: Any, name: str = name) -> None:
            looked(id, node)
            client.put_object(Bucket="bucket", Key=f"r/{name}", Body=b"theirs")

        mine = change(name, b"mine")
        mount._same = meanwhile
        with pytest.raises(PlaceConflictError):
            workspace.commit(mine)
        mount._same = looked
        assert there(name) == b"theirs"
    assert workspace.read("sub/a.txt").content == b"theirs"
