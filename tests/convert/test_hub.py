"""Models on the hub, asked for through its real client from a server here that stands in for it."""

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convert import hub, import_
from convert.hub_files import chosen
from tests.convert import sources
from vinf_jax.checkpoint.safetensors_file import write_safetensors
from vinf_jax.systems.video_infinity import folder

COMMIT = "c0ffee" * 6 + "beef"
FILES = {
    "README.md": b"words",
    "model_index.json": b"{}",
    "unet/config.json": b'{"a": 1}',
    "unet/diffusion_pytorch_model.safetensors": b"safe" * 99,
    "unet/diffusion_pytorch_model.bin": b"pickle" * 99,
    "tokenizer/vocab.json": b"[]",
}
FETCHED = ["model_index.json", "tokenizer/vocab.json", "unet/config.json"]
FETCHED += ["unet/diffusion_pytorch_model.safetensors"]


class Hub(BaseHTTPRequestHandler):
    """The four answers that the client needs; everything else is not found."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path in (f"/api/models/o/n/revision/{name}" for name in ("v1", COMMIT)):
            siblings = [{"rfilename": name} for name in FILES]
            self.answer(json.dumps({"id": "o/n", "sha": COMMIT, "siblings": siblings}).encode())
        elif path == f"/api/models/o/n/tree/{COMMIT}":
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": digest(data)}
                for name, data in FILES.items()
            ]
            self.answer(json.dumps(entries).encode())
        elif path.startswith(f"/o/n/resolve/{COMMIT}/"):
            self.answer(FILES[path.split("/", 5)[5]])
        else:
            self.send_response(404)
            known = "RevisionNotFound" if "/o/n/" in path else "RepoNotFound"
            self.send_header("X-Error-Code", known)
            self.end_headers()

    do_HEAD = do_GET

    def answer(self, body):
        self.send_response(200)
        self.send_header("ETag", digest(body))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def digest(data):
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def api(endpoint, cache):
    """The hub's client, for another place and another cache."""
    from huggingface_hub import HfApi

    class Here(HfApi):
        def snapshot_download(self, *words, **named):
            return super().snapshot_download(*words, cache_dir=cache, **named)

    return Here(endpoint=endpoint, token=False)


def test_what_an_import_reads_is_fetched_and_its_commit_is_known(server, tmp_path):
    found = hub.local(Path("hf://o/n@v1"), api=api(server, tmp_path))
    assert found.origin == {"hub": "hf://o/n", "revision": COMMIT}
    there = {path.relative_to(found.path) for path in found.path.rglob("*") if path.is_file()}
    assert sorted(map(str, there)) == FETCHED
    assert all((found.path / name).read_bytes() == FILES[name] for name in FETCHED)


def test_paths_stay_paths(tmp_path):
    assert hub.local(tmp_path) == (tmp_path, {})


def test_an_import_records_the_commit(arrays, tmp_path, monkeypatch):
    file, origin = tmp_path / "text.safetensors", {"hub": "hf://o/n", "revision": COMMIT}
    write_safetensors(file, sources.named(arrays, sources.DIFFUSERS, "text_encoder"))
    monkeypatch.setattr(hub, "local", lambda path, *_: hub.Found(file, origin))
    assert import_.main(["hf://o/n", str(tmp_path / "w")]) == 0
    said = folder.read_report(tmp_path / "w")["source"]
    assert (said["hub"], said["revision"]) == ("hf://o/n", COMMIT)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("hf://o/n@v2", "hf://o/n has no revision v2"),
        ("hf://o/other", "there is no hf://o/other, or it is private"),
        ("hf://o", "hf:/o is no address of a model; give hf://owner/name"),
    ],
)
def test_what_is_not_there(server, tmp_path, address, said):
    with pytest.raises(ValueError, match=said):
        hub.local(Path(address), api=api(server, tmp_path))


def test_without_network_it_says_what_to_do(tmp_path):
    with pytest.raises(OSError) as caught:
        hub.local(Path("hf://o/n"), api=api("http://127.0.0.1:1", tmp_path))
    message = str(caught.value)
    assert "cannot be fetched" in message and "huggingface.co/o/n/tree/main" in message
    assert "model.ckpt, or unet/" in message


def test_without_the_package_it_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        OSError, match=r"pip install 'vinf-jax\[hub\]'.*huggingface\.co/o/n/tree/v1"
    ):
        hub.local(Path("hf://o/n@v1"))


UNET = "unet/diffusion_pytorch_model"
CHOICES = [
    ("one checkpoint", ["model.ckpt", "README.md"], {}, ["model.ckpt"]),
    ("pickles alone", [f"{UNET}.bin"], {}, [f"{UNET}.bin"]),
    ("plain before variants", [f"{UNET}.bin", f"{UNET}.fp16.safetensors"], {}, [f"{UNET}.bin"]),
    ("the only variant", [f"{UNET}.fp16.bin"], {}, [f"{UNET}.fp16.bin"]),
    (
        "a wished variant",
        [f"{UNET}.safetensors", f"{UNET}.fp16.safetensors"],
        {"variant": "fp16"},
        [f"{UNET}.fp16.safetensors"],
    ),
    (
        "shards and their index, of all spellings",
        [
            f"{UNET}.safetensors.index.fp16.json",
            f"{UNET}.fp16-00001-of-00002.safetensors",
            f"{UNET}-00002-of-00002.fp16.safetensors",
            f"{UNET}-00001-of-00002.bin",
        ],
        {"variant": "fp16"},
        [
            f"{UNET}.safetensors.index.fp16.json",
            f"{UNET}.fp16-00001-of-00002.safetensors",
            f"{UNET}-00002-of-00002.fp16.safetensors",
        ],
    ),
    (
        "a component at the root",
        ["config.json", "diffusion_pytorch_model.safetensors", "samples/a.gif"],
        {},
        ["config.json", "diffusion_pytorch_model.safetensors"],
    ),
    (
        "components before a checkpoint beside them",
        ["all.pth", f"{UNET}.bin", "vae/config.json", "safety_checker/model.safetensors"],
        {},
        [f"{UNET}.bin"],
    ),
    ("the checkpoint if wished", ["all.pth", f"{UNET}.bin"], {"layout": "lvdm"}, ["all.pth"]),
]


@pytest.mark.parametrize(("names", "wish", "taken"), [row[1:] for row in CHOICES])
def test_choices(names, wish, taken):
    assert chosen(names, "hf://o/n", **wish) == taken


def test_no_choice():
    with pytest.raises(ValueError, match=r"several checkpoints \(a\.ckpt, b\.pth\)"):
        chosen(["a.ckpt", "b.pth"], "hf://o/n")
    with pytest.raises(ValueError, match="hf://o/n has no weights to read"):
        chosen(["README.md"], "hf://o/n")
    with pytest.raises(ValueError, match="hf://o/n/unet has the variants bf16, fp16"):
        chosen([f"{UNET}.fp16.bin", f"{UNET}.bf16.bin"], "hf://o/n")


def test_everything_that_an_import_by_path_reads_is_chosen():
    unet = "unet/diffusion_pytorch_model.safetensors"
    assert chosen(["kept.safetensors", unet], "o/n") == ["kept.safetensors", unet]
    ours = ["checkpoint.json", "state/d/1", "report.json"]
    assert chosen([".gitattributes", "README.md", *ours], "o/n") == ours
    pair = ["autoencoder.safetensors", "diffusion.safetensors"]
    assert chosen(pair, "o/n") == pair
    public = ["model_last.pth", "ema_model.pth"]
    assert chosen(public, "o/n", "pvdm") == public
    with pytest.raises(ValueError, match="several checkpoints"):
        chosen(public, "o/n")
