"""front/files.js, steps.js and camera.js as plain modules: no Jupyter, a store and a page."""

import pytest
from conftest import HUNG

# The other side: takes everything, one piece at a time, or as `answer` says.
FILES = """async ({ most, piece, answer }) => {
  const { plainStore } = await import('/store.js');
  const { files } = await import('/files.js');
  window.sent = [];
  window.bytes = [];
  const values = { endings: ['.png', '.jpg'], most, piece, classes: ['oak'] };
  const store = plainStore(values, (content, buffers) => {
    window.sent.push(content);
    const { id } = content.begin || content.piece || content.failed;
    if (buffers) window.bytes.push(...new Uint8Array(buffers[0]));
    if (content.failed) store.tell({ ended: id, said: 'A file cannot be read.' });
    else if (answer) setTimeout(() => store.tell({ take: id }));
  });
  window.store = store;
  window.end = files(document.getElementById('part'), store);
}"""
CAMERA = """async () => {
  const { plainStore } = await import('/store.js');
  const { camera } = await import('/camera.js');
  window.sent = [];
  window.store = plainStore({ answer: {}, things: { oak: '' } }, (content, buffers) => {
    window.sent.push({ ...content, bytes: buffers && [...new Uint8Array(buffers[0])] });
  });
  window.end = camera(document.getElementById('part'), window.store);
}"""
STEPS = """async () => {
  const { plainStore } = await import('/store.js');
  const { steps } = await import('/steps.js');
  window.sent = [];
  const every = ['Pictures', 'Check'].map((name, i) => ({ name, said: '', able: i === 0 }));
  const values = { steps: every, chosen: 0, next: 'Go', able: true, quiet: false, share: -1 };
  window.store = plainStore({ ...values, left: '', news: '' }, (said) => window.sent.push(said));
  window.end = steps(document.getElementById('part'), window.store);
}"""


@pytest.fixture
def plain(front):
    """A page with `front/` beside it; the part is ended, and nothing went wrong."""
    yield front.page
    front.end()
    assert not front.page.said, front.page.said


def choose(page, name, paths):
    with page.expect_file_chooser(timeout=HUNG * 1000) as chooser:
        page.get_by_role("button", name=name).click()
    chooser.value.set_files(paths)


def sent(page, count):
    page.wait_for_function("n => window.sent.length >= n", arg=count)
    return page.evaluate("window.sent")


def test_a_folder_goes_in_pieces_one_after_another(plain, tmp_path):
    content = {"oak/1.png": bytes(range(100)), "oak/2.PNG": b"", "elm/3.jpg": bytes(250)}
    for path, data in (content | {"elm/notes.txt": b"x", "elm/.hidden.png": b"x"}).items():
        (tmp_path / "leaves" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "leaves" / path).write_bytes(data)
    plain.evaluate(FILES, {"most": 10, "piece": 80, "answer": True})
    choose(plain, "Choose a folder", tmp_path / "leaves")
    begin, *pieces = (message.get("begin") or message["piece"] for message in sent(plain, 6))
    names = [path for path, _ in begin["files"]]
    assert sorted(names) == sorted(f"leaves/{path}" for path in content)
    assert (begin["kind"], begin["name"]) == ("folder", "leaves")
    assert (begin["skipped"], begin["some"]) == (1, ["leaves/elm/notes.txt"])
    parts = [part for piece in pieces for part in piece["parts"]]
    assert all(sum(part[2] for part in piece["parts"]) <= 80 for piece in pieces)
    lengths = [0, 0, 0]
    for number, offset, length in parts:
        assert offset == lengths[number]
        lengths[number] += length
    assert lengths == [size for _, size in begin["files"]]
    expected = b"".join(content[name.removeprefix("leaves/")] for name in names)
    assert bytes(plain.evaluate("window.bytes")) == expected
    plain.evaluate("id => window.store.tell({ ended: id, said: 'All there.' })", begin["id"])
    assert plain.get_by_role("status").inner_text() == "All there."


def test_nothing_follows_before_the_last_piece_was_taken(plain, tmp_path):
    (tmp_path / "a.zip").write_bytes(bytes(1000))
    plain.evaluate(FILES, {"most": 10, "piece": 300, "answer": False})
    choose(plain, "Choose a .zip", tmp_path / "a.zip")
    (begin,) = sent(plain, 1)
    assert begin["begin"]["files"] == [["a.zip", 1000]]
    tell = "take => window.store.tell({ take })"
    plain.evaluate(tell, "another upload")
    plain.evaluate(tell, begin["begin"]["id"])
    assert len(sent(plain, 2)) == 2
    assert "0.0 of 0.0 MB" in plain.get_by_role("status").inner_text()
    # What was given up gets no more.
    plain.evaluate("id => window.store.tell({ ended: id, said: '' })", begin["begin"]["id"])
    plain.evaluate(tell, begin["begin"]["id"])
    choose(plain, "Choose a .zip", tmp_path / "a.zip")
    assert [list(message) for message in sent(plain, 3)] == [["begin"], ["piece"], ["begin"]]


def test_pictures_of_a_class_need_its_name_and_too_many_are_refused(plain, tmp_path):
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(b"x")
    plain.evaluate(FILES, {"most": 3, "piece": 300, "answer": True})
    plain.get_by_role("button", name="Add pictures").click()
    status, field = plain.get_by_role("status"), plain.get_by_label("Or add to a class called")
    assert status.inner_text().startswith("First type the name of the class")
    assert field.evaluate("field => field === document.activeElement")
    field.fill("  oak ")
    choose(plain, "Add pictures", [tmp_path / f"{n}.png" for n in range(4)])
    assert status.inner_text() == "There are 4 pictures here, and at most 3 can be added at once."
    assert plain.evaluate("window.sent") == []
    choose(plain, "Add pictures", [tmp_path / f"{n}.png" for n in range(3)])
    begin = sent(plain, 2)[0]["begin"]
    assert (begin["kind"], begin["name"], len(begin["files"])) == ("class", "oak", 3)


def test_what_is_dropped_goes_the_same_way(plain):
    plain.evaluate(FILES, {"most": 3, "piece": 300, "answer": True})
    drop = """names => {
      const dataTransfer = new DataTransfer();
      for (const name of names) dataTransfer.items.add(new File(["x"], name));
      const how = { dataTransfer, bubbles: true, cancelable: true };
      document.querySelector(".tlc-files").dispatchEvent(new DragEvent("drop", how));
    }"""
    plain.evaluate(drop, ["a.png"])
    plain.get_by_role("status").get_by_text("First type the name of the class").wait_for()
    plain.get_by_label("Or add to a class called").fill("oak")
    plain.evaluate(drop, ["a.png", "b.jpg", "notes.txt"])
    begin = sent(plain, 2)[0]["begin"]
    assert (begin["kind"], begin["name"], begin["some"]) == ("class", "oak", ["notes.txt"])
    plain.evaluate(drop, ["leaves.zip"])
    begin = sent(plain, 3)[2]["begin"]
    assert (begin["kind"], begin["files"]) == ("zip", [["leaves.zip", 1]])


def test_a_picture_to_try_is_sent_as_it_is_or_shrunk(plain, tmp_path):
    from PIL import Image

    Image.new("RGB", (40, 30), "red").save(tmp_path / "small.png")
    Image.new("RGB", (3000, 1500), "blue").save(tmp_path / "large.webp")
    (tmp_path / "none.webp").write_bytes(b"nothing")
    plain.evaluate(CAMERA)
    assert plain.get_by_role("button", name="Open the camera").count() == 1  # loopback is safe
    choose(plain, "A picture from a file", tmp_path / "small.png")
    assert bytes(sent(plain, 1)[0]["bytes"]) == (tmp_path / "small.png").read_bytes()
    choose(plain, "A picture from a file", tmp_path / "large.webp")
    sent(plain, 2)
    (tmp_path / "came.jpg").write_bytes(bytes(plain.evaluate("window.sent[1].bytes")))
    assert Image.open(tmp_path / "came.jpg").size == (1024, 512)
    choose(plain, "A picture from a file", tmp_path / "none.webp")
    plain.get_by_text("This browser cannot open none.webp").wait_for()
    answer = {"seen": "", "got": "", "words": "oak, 90% sure", "bars": [["oak", 0.9, True]]}
    plain.evaluate("answer => window.store.set({ answer })", answer)
    assert plain.locator(".tlc-words").inner_text() == "oak, 90% sure"
    assert plain.locator(".tlc-bar .tlc-percent").inner_text() == "90%"


def test_a_camera_that_may_not_be_used_is_one_sentence(plain):
    plain.evaluate(CAMERA)
    refuse = """name => {
      navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', name); };
    }"""
    for name, words in (("NotAllowedError", "not allowed"), ("NotFoundError", "No camera")):
        plain.evaluate(refuse, name)
        plain.get_by_role("button", name="Open the camera").click()
        plain.locator(".tlc-status", has_text=words).wait_for()
        assert not plain.locator("video").is_visible()


def test_steps_lead_by_one_button(plain):
    plain.evaluate(STEPS)
    plain.get_by_role("button", name="Go").click()
    assert plain.evaluate("window.sent") == [{"next": "Go"}]
    plain.evaluate("window.store.set({ next: 'Stop', share: 0.25, left: '3 s left' })")
    bar = plain.get_by_role("progressbar")
    assert bar.get_attribute("aria-valuenow") == "25" and "3 s left" in plain.inner_text("#part")
    assert plain.evaluate("document.activeElement.textContent") == "Stop"
    plain.evaluate("window.store.set({ able: false, share: -1, news: 'Done.' })")
    plain.keyboard.press("Enter")
    plain.get_by_role("button", name="2 Check").click(force=True)
    assert len(plain.evaluate("window.sent")) == 1 and not bar.is_visible()
    assert plain.evaluate("window.store.get('chosen')") == 0
    assert plain.get_by_role("status").inner_text() == "Done."
