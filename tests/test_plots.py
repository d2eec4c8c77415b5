"""Pictures carry their words safely, share scales where they compare, and follow their controls."""

import io

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from ipywidgets.widgets.widget import _instances
from matplotlib.figure import Figure
from PIL import Image

from vtff_lib import plots
from vtff_lib.evaluation.measure import evaluate
from vtff_lib.photos.finding import FaceBox
from vtff_lib.plots import photos, pictures
from vtff_lib.plots.face import FacePicture
from vtff_lib.widgets.live import Live

FACE = torch.randint(0, 256, (3, 32, 32), generator=torch.Generator().manual_seed(0)).byte()


def pixels(picture: plots.Picture) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(picture.png)).convert("RGB")).astype(int)


def test_text_in_a_picture_cannot_become_markup():
    evil = '"><script>alert(1)</script>'
    html = plots.Picture(b"", alt=evil, caption=evil).html(state=evil)
    assert "<script" not in html
    assert html.count("&quot;&gt;&lt;script&gt;") == 3


def test_a_picture_shows_itself_as_html_and_as_words():
    bundle = plots.Picture(b"png", alt="a face", caption="look")._repr_mimebundle_()
    assert 'alt="a face"' in bundle["text/html"]
    assert ">look</figcaption>" in bundle["text/html"]
    assert bundle["text/plain"] == "Picture: a face"


@pytest.mark.parametrize(
    ("shape", "drawn"),
    [
        ((3, 5, 7), (5, 7, 3)), ((5, 7, 3), (5, 7, 3)), ((1, 5, 7), (5, 7)), ((5, 7), (5, 7)),
        ((3, 1, 7), (1, 7, 3)),
    ],
)  # fmt: skip
def test_images_and_maps_are_turned_for_drawing(shape, drawn):
    values = torch.rand(shape, requires_grad=True)
    assert plots.as_array(values).shape == drawn
    assert plots.as_array(values.detach().numpy()).shape == drawn


@pytest.mark.parametrize("shape", [(5,), (4, 5, 7), (2, 3, 5, 7)])
def test_what_is_no_single_image_is_refused(shape):
    with pytest.raises(ValueError, match=r"Cannot draw an array of shape .* one image"):
        plots.as_array(torch.zeros(shape))


def test_maps_that_are_compared_share_one_scale():
    """On scales of their own a dim map and a bright one look alike, and could be swapped."""
    ramp = torch.arange(49.0).reshape(7, 7)
    together = pixels(plots.beside_face(FACE, {"dim": 0.1 * ramp, "bright": ramp}, ""))
    swapped = pixels(plots.beside_face(FACE, {"bright": ramp, "dim": 0.1 * ramp}, ""))
    assert np.abs(together[80:] - swapped[80:]).max() > 50  # under the titles


def test_the_scale_reaches_from_the_least_to_the_largest_value_of_all(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    ramp = torch.arange(49.0).reshape(7, 7) + 100
    plots.beside_face(FACE, {"a": ramp, "b": ramp / 2}, alt="", label="score")
    _, *maps, bar = drawn[0].axes
    assert [axis.images[-1].get_clim() for axis in maps] == [(50, 148)] * 2
    assert bar.get_xlabel() == "score"


def test_a_signed_scale_is_pale_at_zero(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    plots.beside_face(FACE, {"a": torch.tensor([[-1.0, 0.0], [0.5, 3.0]])}, "", scale="signed")
    image = drawn[0].axes[1].images[0]
    assert image.get_clim() == (-3, 3)
    colours = image.to_rgba(image.get_array())
    assert colours[0, 1, :3].min() > 0.95
    assert colours[1, 1, :3].min() < 0.3


def test_what_lies_beyond_a_given_scale_is_told_by_its_bar(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    for limits in ((0, 2), (0, 0.5), (0.5, 2), (0.4, 0.6)):
        plots.beside_face(FACE, {"a": torch.tensor([[0.0, 1.0]])}, "", limits=limits)
    extended = [figure.axes[-1]._colorbar.extend for figure in drawn]
    assert extended == ["neither", "max", "min", "both"]


def test_a_given_scale_is_kept():
    flat = {"map": torch.full((7, 7), 0.02)}
    low, high = (plots.beside_face(FACE, flat, alt="", limits=(0, top)) for top in (0.02, 1))
    assert np.abs(pixels(low) - pixels(high)).max() > 50


def test_every_kind_of_picture_has_its_words_and_is_not_blank():
    maps = torch.rand(8, 7, 7)
    photo = FACE.permute(1, 2, 0).numpy()
    words = {"alt": "words", "caption": "more words"}
    for picture in (
        plots.images({"face": FACE, "map": maps[0]}, **words),
        plots.found_face(photo, FaceBox(2, 3, 10, 10), photo, **words),
        plots.feature_maps(maps, maps, range(3), **words),
        plots.beside_face(FACE, {"map": maps[0]}, **words),
        plots.channel_scores(torch.randn(8).bfloat16(), **words),
        plots.class_scores(torch.rand(3).bfloat16(), ["a", "b", "c"], **words),
        FacePicture("abc").draw(FACE, FACE, maps[0], maps[1], torch.rand(3), **words),
    ):
        assert (picture.alt, picture.caption) == ("words", "more words")
        assert pixels(picture).std() > 5


def test_the_box_is_drawn_where_the_face_was_found(monkeypatch):
    drawn = []
    monkeypatch.setattr(photos, "picture", lambda figure, alt, caption: drawn.append(figure))
    photo = FACE.permute(1, 2, 0).numpy()
    plots.found_face(photo, FaceBox(row=2, column=3, height=11, width=7), photo, alt="")
    box = drawn[0].axes[0].patches[0]
    assert (box.get_xy(), box.get_width(), box.get_height()) == ((3, 2), 7, 11)


def test_a_map_stands_the_right_way_up_on_its_own_square():
    axis = Figure().add_subplot()
    drawn = plots.draw_map(axis, torch.rand(4, 5), "gate", "share")
    assert drawn.get_extent() == [0, 1, 1, 0]
    assert drawn.get_clim() == (0, 1)
    with pytest.raises(ValueError, match="scale='heat' is unknown"):
        plots.draw_map(axis, torch.rand(4, 5), scale="heat")


def test_a_picture_has_twice_the_pixels_of_its_place_on_the_page():
    shown = plots.beside_face(FACE, {"map": torch.rand(7, 7)}, alt="")
    assert pixels(shown).shape[1] == 2 * shown.width
    assert f"width:{shown.width}px;max-width:100%" in shown.html()


def test_feature_maps_show_the_channels_asked_for_under_their_names(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    rgb_map, lbp_map = torch.rand(2, 8, 7, 7)
    plots.feature_maps(rgb_map, lbp_map, (5, 2), alt="")
    shown = {axis.get_title(): axis.images[0].get_array() for axis in drawn[0].axes}
    expected = {
        "RGB 5": rgb_map[5], "RGB 2": rgb_map[2], "LBP 5": lbp_map[5], "LBP 2": lbp_map[2],
    }  # fmt: skip
    assert shown.keys() == expected.keys()
    for title, values in expected.items():
        np.testing.assert_array_equal(shown[title], values)


def test_class_bars_read_downwards_and_mark_the_even_guess(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    plots.class_scores(torch.tensor([0.5, 0.3, 0.2]), ["a", "b", "c"], alt="")
    axis = drawn[0].axes[0]
    assert axis.yaxis_inverted()
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b", "c"]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([0.5, 0.3, 0.2])
    assert axis.lines[0].get_xdata()[0] == pytest.approx(1 / 3)


def test_class_scores_that_are_compared_stand_side_by_side(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    scores = {"one": torch.tensor([0.5, 0.5]), "two": torch.tensor([0.9, 0.1])}
    plots.class_scores(scores, ["a", "b"], alt="")
    first, second = drawn[0].axes
    assert (first.get_title(), second.get_title()) == ("one", "two")
    assert [bar.get_width() for bar in second.patches] == pytest.approx([0.9, 0.1])
    assert first.get_xlim() == second.get_xlim() == (0, 1)


def test_maps_in_rows_keep_their_order(monkeypatch):
    drawn = []
    monkeypatch.setattr(pictures, "picture", lambda figure, alt, caption: drawn.append(figure))
    plots.beside_face(FACE, {name: torch.rand(7, 7) for name in "abc"}, alt="", columns=2)
    places = {axis.get_title(): axis.get_subplotspec() for axis in drawn[0].axes[:4]}
    rows_and_columns = {n: (p.rowspan.start, p.colspan.start) for n, p in places.items()}
    assert rows_and_columns == {"the face": (0, 0), "a": (0, 1), "b": (1, 0), "c": (1, 1)}


def view_of(view: FacePicture, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    rgb, lbp = torch.randint(0, 256, (2, 3, 32, 32), generator=generator).byte()
    gate, attention = torch.rand(2, 7, 7, generator=generator)
    scores = torch.rand(3, generator=generator)
    return pixels(view.draw(rgb, lbp, gate, attention, scores, alt=""))


def test_a_view_that_is_drawn_again_keeps_nothing_of_the_last_face():
    view = FacePicture(["a", "b", "c"])
    first, second = view_of(view, 0), view_of(view, 1)
    assert np.abs(first - second).max() > 100
    np.testing.assert_array_equal(view_of(view, 0), first)
    np.testing.assert_array_equal(view_of(FacePicture(["a", "b", "c"]), 1), second)


def test_each_part_of_a_view_is_shown_in_its_own_panel():
    """Five panels from left to right; what changes one leaves the others alone."""
    view, words = FacePicture(["a", "b"]), {"alt": ""}
    parts = {
        "rgb": torch.zeros(3, 32, 32).byte(), "lbp": torch.zeros(3, 32, 32).byte(),
        "gate": torch.zeros(7, 7), "attention": torch.zeros(7, 7), "probabilities": torch.zeros(2),
    }  # fmt: skip
    before = pixels(view.draw(**parts, **words))
    changed = []
    for name, part in parts.items():
        other = part + 1 if part.is_floating_point() else part + 200
        after = pixels(view.draw(**parts | {name: other}, **words))
        columns = np.flatnonzero((after != before).any(axis=(0, 2)))
        changed.append((name, columns.min() // 396, columns.max() // 396))
    assert changed == [(name, place, place) for place, name in enumerate(parts)]


def test_a_small_share_of_attention_can_be_told_from_none():
    view = FacePicture(["a", "b"])
    blank = torch.zeros(7, 7)

    def drawn(share: float) -> np.ndarray:
        attention = torch.full((7, 7), share)
        return pixels(view.draw(FACE, FACE, blank, attention, torch.zeros(2), alt=""))

    assert np.abs(drawn(0.02) - drawn(0)).max() > 20


def numbered(value: float) -> plots.Picture:
    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, f"{value}")
    return plots.picture(figure, alt=f"the number {value}")


def test_a_live_picture_follows_its_control_with_words_and_state():
    slider = widgets.FloatSlider(0.5, min=0, max=1)
    live = Live(numbered, value=slider)
    controls, view = live.children
    assert (controls.children, view) == ((slider,), live._view)
    assert "application/vnd.jupyter.widget-view+json" in live._repr_mimebundle_()
    before = live._repr_mimebundle_()["text/html"]
    assert 'data-state="value=0.5"' in before
    slider.value = 0.75
    after = live._repr_mimebundle_()["text/html"]
    assert 'data-state="value=0.75"' in after
    assert 'alt="the number 0.75"' in after
    assert before.split("src=")[1] != after.split("src=")[1]


def test_a_live_picture_is_not_drawn_for_nothing():
    drawn = []
    slider = widgets.IntSlider(1)
    Live(lambda value: drawn.append(value) or numbered(value), value=slider)
    slider.value = 1  # where it is already
    slider.description = "other"
    slider.value = 2
    assert drawn == [1, 2]


def test_a_preset_moves_what_it_names_and_is_drawn_once():
    drawn = []

    def draw(**values: int) -> plots.Picture:
        drawn.append(values)
        return numbered(len(drawn))

    controls = {name: widgets.IntSlider(1) for name in "abc"}
    live = Live(draw, {"high": {"a": 8, "b": 9}, "low": {"a": 0}}, **controls)
    buttons = live.children[0].children
    assert [button.description for button in buttons] == ["high", "low"]
    buttons[0].click()
    buttons[1].click()
    controls["c"].value = 5
    assert [tuple(values.values()) for values in drawn] == [
        (1, 1, 1), (8, 9, 1), (0, 9, 1), (0, 9, 5),
    ]  # fmt: skip
    assert 'data-state="a=0, b=9, c=5"' in live._view.value


def test_a_wrong_preset_does_not_silence_the_controls():
    slider = widgets.IntSlider(1)
    live = Live(numbered, {"wrong": {"other": 2}}, value=slider)
    live._set({"other": 2})
    assert "KeyError" in live._view.value
    slider.value = 3
    assert "the number 3" in live._view.value


def test_dust_in_a_slider_is_no_move():
    slider = widgets.FloatSlider(0.6, min=0, max=1)
    live = Live(numbered, value=slider)
    before = live._view.value
    slider.value = 0.6 - 2e-16  # as a browser's slider may send it back
    assert slider.value != 0.6
    assert live._view.value == before


def test_a_drawing_that_fails_says_so_in_place_of_the_old_picture():
    def draw(value: int) -> plots.Picture:
        if value == 2:
            raise ValueError("no <b>two</b>")
        return numbered(value)

    slider = widgets.IntSlider(1)
    live = Live(draw, value=slider)
    slider.value = 2
    shown = live._repr_mimebundle_()["text/html"]
    assert "ValueError: no &lt;b&gt;two&lt;/b&gt;" in shown
    assert "<img" not in shown
    slider.value = 3
    assert "the number 3" in live._repr_mimebundle_()["text/html"]


def test_a_control_may_have_any_name():
    assert (
        'data-state="draw=1"'
        in Live(lambda draw: numbered(draw), draw=widgets.IntSlider(1))._view.value
    )


@pytest.mark.parametrize("name", [r"$\frac{$", "$x$", "a_b^c", "<b>&", "\\alpha"])
def test_the_name_of_a_class_is_text_and_no_formula(name):
    report = evaluate(torch.eye(2), torch.arange(2), [name, "other"], repeats=3)
    assert plots.confusion_matrix(report).png
    assert plots.class_scores(torch.tensor([0.3, 0.7]), [name, "other"], alt="").png
    FacePicture([name, "other"])
    spelt = plots.images({name: torch.zeros(3, 3)}, alt="")
    assert plots.images({"other": torch.zeros(3, 3)}, alt="").png != spelt.png


def test_powers_at_a_logarithmic_axis_stay_powers():
    figure = Figure()
    axis = figure.add_subplot()
    axis.loglog([1e-5, 1], [1, 10])
    axis.set_title("$x$")
    plots.picture(figure, alt="")
    assert all(label.get_parse_math() for label in axis.get_xticklabels())
    assert not axis.title.get_parse_math()


def test_a_widget_that_is_closed_leaves_nothing_open():
    open_before = len(_instances)
    live = Live(numbered, {"two": {"value": 2}}, value=widgets.IntSlider(1))
    assert len(_instances) > open_before
    live.close()
    assert len(_instances) == open_before
