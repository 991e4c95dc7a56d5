import numpy as np
import pytest

from vinf_jax.media.sheet import GAP, MARGIN, PAPER, save_png, sheet, spaced


def frames(count, height=8, width=12):
    """Frames of one colour each, of which no two are alike."""
    colours = np.random.default_rng(0).integers(0, 200, (count, 1, 1, 3))
    return np.broadcast_to(colours, (count, height, width, 3)).astype(np.uint8)


def seen(image, frame):
    """Columns and rows of the sheet that show the frame's colour."""
    rows, columns = np.nonzero((image == frame[0, 0]).all(-1))
    return np.unique(columns), np.unique(rows)


def test_numbers_are_spread_over_the_video():
    assert spaced(192, 5) == [0, 48, 96, 143, 191]
    assert spaced(3, 8) == [0, 1, 2]
    assert spaced(10, 1) == [0]


def test_frames_stand_in_rows_enlarged():
    pictures = frames(6)
    image = sheet(pictures, range(0, 24, 4), 8, columns=4)
    cell = 12 * 12  # the whole factor nearest to 144 pixels, in two equal rows
    assert image.dtype == np.uint8 and image.shape[1] == 2 * MARGIN + 3 * cell + 2 * GAP
    for n, picture in enumerate(pictures):
        columns, rows = seen(image, picture)
        left = MARGIN + n % 3 * (cell + GAP)
        assert (columns == np.arange(left, left + cell)).all()
        assert len(rows) == 8 * 12
    assert (seen(image, pictures[0])[1] == seen(image, pictures[2])[1]).all()
    assert seen(image, pictures[3])[1].min() > seen(image, pictures[0])[1].max()
    assert (image[0, 0] == PAPER).all()


def test_a_new_caption_starts_a_new_row():
    pictures = frames(4)
    image = sheet(pictures, range(4), 8, captions=["one", "one", "two", "two"])
    rows = [seen(image, picture)[1].min() for picture in pictures]
    assert rows[0] == rows[1] < rows[2] == rows[3]
    # Captions and titles take room and leave ink.
    plain = sheet(pictures, range(4), 8, columns=2)
    assert image.shape[0] > plain.shape[0]
    titled = sheet(pictures, range(4), 8, columns=2, title="A title " * 30)
    assert titled.shape[0] > plain.shape[0] + 40 and titled.shape[1] == plain.shape[1]


def test_labels_say_number_and_time():
    first, other = (sheet(frames(1), [n], 8) for n in (0, 7))
    assert first.shape == other.shape and (first != other).any()


def test_times_can_be_left_out():
    timed, plain = (sheet(frames(2), [0, 9], fps) for fps in (8, None))
    assert timed.shape == plain.shape and (timed != plain).any()


def test_large_frames_are_shrunk():
    image = sheet(frames(2, 320, 512), [0, 1], 8)
    assert image.shape[1] < 2 * 200 + 2 * MARGIN


def test_mismatches_are_named():
    with pytest.raises(ValueError, match=r"1 numbers for 2 .*3 captions for 2 .*fps is 0.*columns"):
        sheet(frames(2), [0], 0, captions=["a", "b", "c"], columns=0)
    with pytest.raises(ValueError, match=r"float32 \(2, 8, 12, 3\)"):
        sheet(frames(2).astype(np.float32), [0, 1], 8)


def test_png_comes_back(tmp_path):
    from PIL import Image

    image = sheet(frames(3), range(3), 8, title="three")
    save_png(tmp_path / "out" / "sheet.png", image)
    with Image.open(tmp_path / "out" / "sheet.png") as back:
        assert back.format == "PNG"
        np.testing.assert_array_equal(np.asarray(back), image)
    with pytest.raises(FileExistsError, match="--force"):
        save_png(tmp_path / "out" / "sheet.png", image)
    save_png(tmp_path / "out" / "sheet.png", image, overwrite=True)
