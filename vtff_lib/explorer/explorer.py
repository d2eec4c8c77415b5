"""The explorer: attention maps to play with, in a notebook, on a page, and as a picture.

    Explorer(load_pretrained("tiny"), images, names)                 shows itself in Jupyter
    Explorer(…).save("page.html")                                    needs no kernel and no network

All maps and all single changes of the model are worked out beforehand (`content`) and handed
to the ES modules in `assets`. Taught in 08b.
"""

import base64
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor, nn

from vtff_lib import files, plots
from vtff_lib.config import VTFFConfig
from vtff_lib.explain.surgery import Surgery, all_surgeries, check_surgeries
from vtff_lib.explorer.content import brief, dequantise, examine, tell
from vtff_lib.explorer.own_face import SHIPPED, Reader, own_face
from vtff_lib.explorer.paper import page
from vtff_lib.explorer.pictures import picture_address
from vtff_lib.explorer.story import Story
from vtff_lib.lbp import local_binary_pattern
from vtff_lib.live.parts import part_as_text, parts
from vtff_lib.names import as_text
from vtff_lib.pretrained import MODELS, load_pretrained
from vtff_lib.refusals import check_choice, check_flag, check_tensor, check_whole, shown
from vtff_lib.vtff import VTFF

# What models that are laid side by side have in common.
ALIKE = (
    *("class_names", "image_size", "reduction", "channels"),
    *("depth", "num_heads", "fusion", "gated_branch"),
)
AT_HAND = 2**22  # weights that a widget hands to the browser: 8 MB
STILL = {"gate": "gate", "rollout": "rollout", "gradient": "gradient"}


class Explorer:
    """Faces and what one or several models make of them.

    As the last line of a cell it shows itself: live where there is a kernel, else as a picture. To
    begin elsewhere than with the gate, set `explorer.widget.state = {"view": "rollout"}`; the names
    are those at the end of the address of a saved page.

    Args:
        models: one trained VTFF, or several by name; with one grid, depth, number of heads and
            channels, fusion and classes. They are used in eval mode and left as they were. Of a
            model of your own that is built like one, a copy is shown, see `VTFF.of`.
        images: `(N, 3, H, W)` uint8, of the models' size.
        names: what to call the faces; "face 1" and so on if not given.
        labels: the class that each is labelled with, in words; "" where it is not known.
        title: of the page.
        surgeries: the changes of the model that can be chosen, the first none at all; all if not
            given. A dozen faces with all of them are 0.9 MB at tiny size; at the paper's size count
            0.3 MB a face, and leave the patches out if that is too much.
        computed: those that are worked out beforehand, the first none at all; all if not given. The
            others need whoever works them out when they are chosen, see `Playground`.
        story: what a saved page tells step by step, beside what it finds in the maps.
        live: whether the widget runs the models in the browser, beside what is worked out
            beforehand: it then answers to any change, also when the kernel is gone.

    Raises:
        ValueError: if the images, names, labels, models or changes do not fit together.
    """

    def __init__(
        self,
        models: nn.Module | Mapping[str, nn.Module],
        images: Tensor,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        title: str = "What the model looks at",
        surgeries: Sequence[Surgery] | None = None,
        computed: Sequence[Surgery] | None = None,
        story: Story | None = None,
        live: bool = True,
    ):
        self.models = _named(models)
        first = next(iter(self.models.values()))
        self.surgeries = all_surgeries(first) if surgeries is None else surgeries
        if not isinstance(title, str):
            raise ValueError(f"title={shown(title)} will not do; give words.")
        self.title = as_text(title)
        self.story = Story() if story is None else story
        check_flag("live", live)
        self.live = live
        self._widget: Any = None
        self.show(images, names, labels, computed)

    def show(
        self,
        images: Tensor,
        names: Sequence[str] | None = None,
        labels: Sequence[str] | None = None,
        computed: Sequence[Surgery] | None = None,
    ) -> None:
        """Show other faces in the place of these; arguments and errors are those of the class.

        A widget that is on show follows, and keeps what the reader has chosen.
        """
        first = next(iter(self.models.values())).config
        made = self.surgeries if computed is None else computed
        _check_faces(images, names, labels, first)
        for changes in (self.surgeries, made):
            check_surgeries(changes)
            if not changes or changes[0] != Surgery():
                raise ValueError("The first of the changes is none at all: begin with Surgery().")
        self.names = [*map(as_text, names or (f"face {n + 1}" for n in range(len(images))))]
        self.labels = list(labels or [""] * len(images))
        self.images = images.cpu()
        self.content = self._content(made)
        if self._widget is not None:
            self._tell()

    def _content(self, computed: Sequence[Surgery]) -> dict[str, Any]:
        """Return all that the page's script needs, ready for JSON."""
        config = next(iter(self.models.values())).config
        return {
            "title": self.title,
            "classes": list(config.class_names),
            "size": [config.image_size] * 2,
            "grid": list(config.grid),
            "channels": config.channels,
            "layers": config.depth,
            "heads": config.num_heads,
            "gated": config.gated_branch.upper(),
            "order": config.lbp_order,
            "models": [
                {"name": name, "gate": model.config.gate} for name, model in self.models.items()
            ],
            "surgeries": [surgery.name for surgery in self.surgeries],
            "computed": [surgery.name for surgery in computed],
            "faces": [
                {
                    "name": name,
                    "label": label,
                    "rgb": picture_address(face),
                    "lbp": picture_address(local_binary_pattern(face)),
                }
                for name, label, face in zip(self.names, self.labels, self.images, strict=True)
            ],
            "runs": [
                [examine(model, face, computed) for face in self.images]
                for model in self.models.values()
            ],
            "story": tell(self.story, next(iter(self.models.values())), len(self.images)),
        }

    def page(
        self,
        live: bool = False,
        photographs: "Explorer | None" = None,
        reader: Reader | None = None,
        name: str = "",
    ) -> str:
        """Return the page: script, styles and data in one HTML file that fetches nothing.

        See `save`; `name` is that of the file.
        """
        content, parts = (self.content, {}) if not live else self.living("model", name)
        if photographs is not None:
            if not live or not isinstance(photographs, Explorer):
                raise ValueError("photographs is for a page with live=True; give an Explorer.")
            content["photographs"], more = photographs.living("photographs", name)
            parts |= more
        if live:
            reads = next(iter((photographs or self).models.values()))
            content["brought"] = own_face(reader or SHIPPED.get(_shipped(reads), Reader()))
        texts = {part: part_as_text(held) for part, held in parts.items()}
        return page(self.title, content, self.describe(), self._unmoved(), texts)

    def living(self, kind: str, name: str = "") -> tuple[dict[str, Any], dict[str, bytes]]:
        """Return the content for a page or widget that runs the models, and the parts it needs.

        Args:
            kind: what the models' parts are called in the page.
            name: of the page's file, from which Python can read the faces again.

        Raises:
            ValueError: as `live.pack`.
        """
        packed = {f"{kind} {number}": model for number, model in enumerate(self.models.values())}
        faces = [
            {"name": face["name"], "label": face["label"], "rgb": picture_address(image, None)}
            for face, image in zip(self.content["faces"], self.images, strict=True)
        ]
        python = {"faces": f"explorer.faces_of({json.dumps(name)})" if name else "images"}
        content = self.content | {
            "faces": faces,
            "runs": [[brief(run) for run in runs] for runs in self.content["runs"]],
            "parts": list(packed),
            "python": python | {"models": [_called(model) for model in self.models.values()]},
        }
        return content, parts(packed)

    def _unmoved(self) -> str:
        """Return a picture and three sentences, for where no script runs."""
        picture = Image.open(io.BytesIO(self.still(range(len(self.names))[:2]).png)).convert("RGB")
        buffer = io.BytesIO()
        picture.save(buffer, "webp", quality=45)
        address = base64.b64encode(buffer.getvalue()).decode()
        return (
            f'<img src="data:image/webp;base64,{address}" alt="" style="max-width: 100%">'
            "<p>Here one can cover a square of a face and see whether the answer changes. Beside "
            "each face stand its texture, how the model mixes the two, and what it looks at. "
            "Where scripts may run, all of it moves.</p>"
        )

    def save(
        self,
        path: str | Path,
        live: bool = False,
        photographs: "Explorer | None" = None,
        reader: Reader | None = None,
    ) -> None:
        """Write the page, whole or not at all.

        Args:
            path: an `.html` file.
            live: whether the models are to live in the page: it then answers to any change, several
                at once, and is larger by two bytes and a third for each weight.
            photographs: of a model for photographs, which then lives in the page beside the others.
            reader: how the model that reads pictures of the page's reader wants faces, and what is
                told of it: that of `photographs`, else the first. Known of the shipped ones.

        Raises:
            ValueError: if `path` does not end in `.html` or its folder does not exist; if a page
                cannot hold the models.
        """
        path = Path(path) if isinstance(path, str | Path) else Path()
        if path.suffix != ".html" or not path.parent.is_dir() or path.is_dir():
            raise ValueError(f"Cannot save to {path}; give an .html file in a folder that exists.")
        files.write(path, self.page(live, photographs, reader, path.name))

    def describe(self, faces: Sequence[int] | None = None) -> str:
        """Return in words what is to be seen, for those who see no picture: of all faces, or some.

        A face is given by its number, from 0.

        Raises:
            ValueError: if there is no such face.
        """
        sentences = []
        for face in range(len(self.names)) if faces is None else faces:
            check_whole("face", face, 0, len(self.names) - 1)
            label = f", labelled {self.labels[face]}" if self.labels[face] else ""
            sentences.append(f"{self.names[face]}{label}: {self._guess(face)}.")
        return f"{self.title}. The first guess for each face. {' '.join(sentences)}"

    def _guess(self, face: int) -> str:
        """Return what the first model names first, and how likely it finds that."""
        shares = dequantise(self.content["runs"][0][face]["probabilities"])[0]
        return f"{self.content['classes'][int(shares.argmax())]} ({shares.max():.0%})"

    def still(self, faces: Sequence[int] | None = None) -> plots.Picture:
        """Return a picture of some faces and three maps, for where no script runs.

        Args:
            faces: their numbers, from 0; the first four if not given.

        Raises:
            ValueError: if there is no such face.
        """
        faces = range(len(self.names))[:4] if faces is None else faces
        words = self.describe(faces)
        runs = [self.content["runs"][0][face] for face in faces]
        maps = {
            kind: [dequantise(run[kind])[0].view(self.content["grid"]) for run in runs]
            for kind in STILL
            if kind in runs[0]
        }
        columns = 2 + len(maps)
        figure, axes = plots.panels(len(runs) * columns, columns, size=1.5)
        for row, face in enumerate(faces):
            image, line = self.images[face], axes[row * columns : (row + 1) * columns]
            plots.draw_image(line[0], image, f"{_short(self.names[face])}\n{self._guess(face)}")
            plots.draw_image(line[1], local_binary_pattern(image), "" if row else "LBP view\n")
            for axis, (kind, heats) in zip(line[2:], maps.items(), strict=True):
                scale, top = "amount", max(heat.max().item() for heat in heats) or 1.0
                if kind == "gate":
                    scale, top = "share", 1.0
                title = "" if row else f"{STILL[kind]}\n0 to {top:.2g}"
                plots.draw_map(axis, heats[row], title, scale, (0.0, top))
        caption = (
            "Each kind of map is on one scale for all faces: the gate from blue (RGB) to orange "
            "(LBP), the others from dark, 0, to yellow, the end named."
        )
        return plots.picture(figure, words, caption)

    @property
    def widget(self) -> Any:
        """The anywidget that shows this explorer; made when first asked for.

        Raises:
            ImportError: if anywidget is not installed.
        """
        if self._widget is None:
            from vtff_lib.explorer.widget import ExplorerWidget

            self._widget = ExplorerWidget(content="", parts={})
            self._tell()
        return self._widget

    def _tell(self) -> None:
        """Hand the widget what it shows."""
        content: dict[str, Any] = self.content
        parts: dict[str, bytes] = {}
        count = sum(
            weights.numel() for model in self.models.values() for weights in model.parameters()
        )
        if self.live and count <= AT_HAND:
            with suppress(ValueError):  # what cannot be packed is shown as it was worked out
                content, parts = self.living("model")
        with self._widget.hold_sync():
            self._widget.parts, self._widget.content = parts, json.dumps(content)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the widget; and a picture and words where there is no kernel to move it."""
        still = {"text/html": self.still().html(), "text/plain": self.describe()}
        try:
            live, notes = self.widget._repr_mimebundle_(**kwargs)
        except ImportError:
            return still, {}
        return {**live, **still}, notes  # the notes tell Colab where widgets come from


def _called(model: VTFF) -> str:
    """Return how Python calls a model: a shipped one by its name, any other `model`."""
    name = _shipped(model)
    return f'load_pretrained("{name}")' if name else "model"


def _shipped(model: VTFF) -> str:
    """Return which of the shipped models it is; "" if it is none."""
    for name in MODELS:
        shipped = load_pretrained(name)
        if shipped.config == model.config:
            weights = model.state_dict()
            if all(value.equal(weights[key].cpu()) for key, value in shipped.state_dict().items()):
                return name
    return ""


def _short(name: str) -> str:
    """Return a name that fits above a face."""
    return textwrap.shorten(name, 22, placeholder=" …")


def _named(given: nn.Module | Mapping[str, nn.Module]) -> dict[str, VTFF]:
    """Return one model or several by name, if they can be laid side by side."""
    given = dict(given) if isinstance(given, Mapping) else {"VTFF": given}
    if not given:
        raise ValueError("Explorer got no model; give one, or several by name.")
    for name, model in given.items():
        built_alike = isinstance(model, nn.Module) and hasattr(model, "config")
        if not built_alike or not isinstance(name, str):
            raise ValueError(
                f"Explorer got {type(model).__name__} under the name {name!r}; give VTFF models by "
                "name."
            )
    models = {name: VTFF.of(model) for name, model in given.items()}
    kinds = {tuple(getattr(model.config, name) for name in ALIKE) for model in models.values()}
    if len(kinds) > 1:
        raise ValueError(
            f"The models differ in one of {', '.join(ALIKE)}; give models that can be laid "
            "side by side, or make an explorer for each."
        )
    return models


def _check_faces(
    images: Tensor,
    names: Sequence[str] | None,
    labels: Sequence[str] | None,
    config: VTFFConfig,
) -> None:
    check_tensor("images", images, f"(N, 3, {config.image_size}, {config.image_size})", "uint8")
    for what, given in (("names", names), ("labels", labels)):
        if given is None:
            continue
        listed = isinstance(given, Sequence) and not isinstance(given, str)
        if not listed or not all(isinstance(word, str) for word in given):
            raise ValueError(f"{what} holds something else than words; give one for each face.")
        if len(given) != len(images):
            raise ValueError(
                f"There are {len(images)} images and {len(given)} {what}; give one each."
            )
    for label in labels or ():
        check_choice("label", label, (*config.class_names, ""))
