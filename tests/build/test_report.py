"""The page: one file, no requests to anywhere, and it works in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.build.conftest import ROOT
from tests.build.packs import build, document, tree
from tests.conftest import need_program


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    os.environ["PYTHONPATH"] = str(ROOT)
    values = document()
    words = '</script><img src=x onerror="x()">'
    values["dialogue"][0]["text"] = {"gate_01": words}
    out = tmp_path_factory.mktemp("page") / "out"
    build(values, out, jobs=1)
    return out


class Parts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.sources += [v or "" for k, v in attrs if k in ("src", "href")]


def test_the_page_stands_alone(pack):
    text = (pack / "index.html").read_text(encoding="utf-8")
    parts = Parts()
    parts.feed(text)
    assert parts.scripts == 1, "no text of the pack may open another script"
    assert all(s.startswith(("#", "data:")) for s in parts.sources), parts.sources
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg|cv\.iptc\.org)", text)
    assert "default-src 'none'" in text
    found = re.search(r"const PACK = (\{.*\});", text)
    assert found is not None
    data = json.loads(found[1])
    assert {a["id"] for a in data["assets"]} >= {"keep", "gate", "opening"}
    named = {a["page"].get(k) for a in data["assets"] for k in ("image", "media", "poster")}
    files = tree(pack)
    assert {f"preview/{name}" for name in named if name} == {
        path for path in files if path.startswith("preview/")
    }
    for asset in data["assets"]:
        assert all(path in files for path, _ in asset["files"])
        assert asset["provenance"]["seed"] >= 0


PROBE = """
<script>
const errors = [];
const note = (text) => errors.push(String(text));
addEventListener("error", (event) => note(event.message || event.target.src), true);
addEventListener("unhandledrejection", (event) => note(event.reason));
addEventListener("securitypolicyviolation", (event) => note("csp " + event.violatedDirective));
</script>
"""
REPORT = """
<script>
setTimeout(() => {
  const canvases = [...document.querySelectorAll("canvas")].map((canvas) => {
    try {
      const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return new Set(new Uint32Array(data.buffer)).size;
    } catch (error) { return String(error); }
  });
  const buttons = [...document.querySelectorAll("#dialogue button")];
  buttons.find((b) => b.textContent === "Play").click();
  const choices = [...document.querySelectorAll(".talk .bar button")].map((b) => b.textContent);
  document.querySelector(".talk .bar button").click();
  const said = document.querySelector(".talk p").textContent;
  const video = document.querySelector("video"), audio = document.querySelector("audio");
  document.body.innerHTML = "";
  const result = { errors, canvases, choices, said, title: document.title };
  result.video = video.duration; result.audio = audio.duration;
  const pre = document.createElement("pre");
  pre.id = "result"; pre.textContent = JSON.stringify(result);
  document.body.append(pre);
}, 1500);
</script>
"""


def browse(*arguments: str) -> str:
    program = need_program("chromium")
    done = subprocess.run(
        [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
         "--allow-file-access-from-files", "--virtual-time-budget=6000", *arguments],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stdout


@pytest.mark.external
def test_the_page_in_a_browser(pack):
    """The page with a probe before and after its own script; nothing else is changed."""
    text = (pack / "index.html").read_text(encoding="utf-8")
    text = text.replace("<body>", "<body>" + PROBE, 1).replace("</body>", REPORT + "</body>", 1)
    probe = pack / "probe.html"
    probe.write_text(text, encoding="utf-8")
    try:
        dom = browse("--dump-dom", probe.as_uri())
    finally:
        probe.unlink()
    found = re.search(r'<pre id="result">(.*?)</pre>', dom, re.DOTALL)
    assert found is not None, dom[-2000:]
    result = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
    assert result["errors"] == []
    assert len(result["canvases"]) == 3
    assert all(isinstance(n, int) and n >= 3 for n in result["canvases"]), result["canvases"]
    assert result["choices"] == ["A friend.", 'None of "your" business!']
    assert "Then pass" in result["said"]
    assert result["video"] == pytest.approx(2.0, abs=0.1)
    assert result["audio"] == pytest.approx(0.2, abs=0.05)
    assert result["title"] == "small"


@pytest.mark.external
def test_the_page_is_painted_on_a_narrow_screen(pack, tmp_path):
    picture, width = tmp_path / "page.png", 500
    browse(f"--screenshot={picture}", f"--window-size={width},1600", (pack / "index.html").as_uri())
    image = cv2.imread(str(picture))
    assert image is not None and image.shape[1] == width
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 200
    assert image[-200:].std() > 1
