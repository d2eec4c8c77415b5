"""Your own face before a trained model: found, cropped, made grey, named and explained.

Needs a kernel for the camera and the upload; without one a still picture is shown. Taught in 10.
"""

import html
import math
from typing import Any

import ipywidgets as widgets
import numpy as np
from PIL import Image
from torch import Tensor

from vtff_lib import plots
from vtff_lib.inputs import resize
from vtff_lib.widgets.webcam import Webcam
from vtff_lib.evaluation.measure import predict
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.photos.finding import FaceBox, crop_face, crops_to_batch, find_faces
from vtff_lib.photos.reading import PhotoSource, read_photo
from vtff_lib.explain.surgery import all_surgeries
from vtff_lib.vtff import VTFF

NO_FACE = (
    "No face was found. Try one that is seen from the front, upright, large and evenly lit. (The "
    "finder is a model too: it may have missed one that is there.)"
)


def grey_face(photo: np.ndarray, box: FaceBox, side: int = 48) -> Tensor:
    """Return a face as FER+ has them: tight, grey and small, uint8 `(1, 3, side, side)`.

    Args:
        photo: uint8 RGB `(H, W, 3)`, from `read_photo`.
        box: the face, from `find_faces`: its box is as tight as FER+'s pictures are.
        side: of the crop in pixels; FER+'s have 48.

    Raises:
        ValueError: as `crop_face`.

    Taught in 10.
    """
    crop = crop_face(photo, box, margin=0.0, size=side)
    return crops_to_batch([np.asarray(Image.fromarray(crop).convert("L").convert("RGB"))])


def least_confidence(confidence: Tensor, right: Tensor, wanted: float) -> float:
    """Return from which confidence on a model may answer, if enough answers are to be right.

    The least t such that of the pictures with confidence >= t at least the share `wanted` is named
    rightly; infinity if there is none. It holds for pictures of the same kind, and no others.

    Args:
        confidence: of each picture's first choice, `(N,)`.
        right: whether it is right, `(N,)` bool.
        wanted: the share, 0 to 1.

    Taught in 10.
    """
    levels, places = confidence.unique(return_inverse=True)  # rising
    answered = places.bincount(minlength=len(levels)).flip(0).cumsum(0)
    correct = places.bincount(right.double(), minlength=len(levels)).flip(0).cumsum(0)
    good = levels.flip(0)[correct / answered >= wanted]
    return float(good[-1]) if len(good) else math.inf


def verdict(probabilities: Tensor, names: tuple[str, ...], least: float) -> str:
    """Return what is said of a face: the first choice, or that the model had better be silent.

    Args:
        probabilities: of the classes, `(K,)`.
        names: of the classes.
        least: confidence below which no word is given, 0 to 1.

    Taught in 10.
    """
    share, place = probabilities.max(dim=0)
    if share < least:
        return (
            f"Not sure enough to answer: the first choice has {share:.2f}, less than {least:.2f}."
        )
    return f"Most annotators would choose: {names[int(place)]} ({share:.2f})."


class PhotoBooth(widgets.VBox):
    """A file or the camera; then the largest face, and an explorer of what the model makes of it.

    A picture stays in the kernel and in the page that is open. What a saved notebook holds is the
    picture that the booth began with, and no later one; unless the editor saves the state of
    widgets, which JupyterLab does only when asked.

    Args:
        model: a VTFF trained on grey faces, such as `load_pretrained("photos")`.
        photo: what it begins with, anything that `read_photo` reads.
        least: confidence below which it gives no word, see `verdict`.

    Raises:
        ValueError: if there is no face in `photo`; and as `read_photo`.

    Taught in 10.
    """

    def __init__(self, model: VTFF, photo: PhotoSource, least: float = 0.0):
        self._model, self._least = model, least
        self.upload = widgets.FileUpload(accept="image/*", description="a file")
        self.camera = Webcam(self._take)
        self.words, self.found = widgets.HTML(), widgets.HTML()
        surgeries = [each for each in all_surgeries(model) if each.patch is None]
        self.explorer = Explorer(
            model, self._look(photo), ["the face"], title="What the model sees", surgeries=surgeries
        )
        self.upload.observe(self._uploaded, names="value")
        controls = widgets.Box(
            [self.upload, self.camera], layout=widgets.Layout(flex_flow="row wrap")
        )
        super().__init__([controls, self.words, self.found, self.explorer.widget])
        self._first = {  # made once: no later picture gets into a file, whichever cell shows this
            "text/html": self.words.value + self.found.value + self.explorer.still().html(),
            "text/plain": self.explorer.describe(),
        }

    def _look(self, source: PhotoSource) -> Tensor:
        """Find the largest face, say what the model says, and return it as `(1, 3, S, S)`."""
        photo = read_photo(source)
        boxes = find_faces(photo)
        if not boxes:
            raise ValueError(NO_FACE)
        face = resize(grey_face(photo, boxes[0]), self._model.config.image_size)
        names = self._model.config.class_names
        said = verdict(predict(self._model, face)[0], names, self._least)
        self.words.value = f'<p role="status">{html.escape(said)}</p>'
        self.found.value = plots.found_face(
            photo,
            boxes[0],
            face[0, 0].numpy()[..., None].repeat(3, axis=2),
            alt="The photo with a frame around its largest face, and the grey crop.",
            caption=f"Faces found: {len(boxes)}. Right: what the model is given.",
        ).html()
        return face

    def _take(self, source: PhotoSource) -> None:
        try:
            self.explorer.show(self._look(source), ["the face"], computed=self.explorer.surgeries)
        except ValueError as error:
            self.words.value = f'<p role="alert">{html.escape(str(error))}</p>'

    def _uploaded(self, change: object) -> None:
        if self.upload.value:
            content = bytes(self.upload.value[0]["content"])
            self.upload.value = ()  # the file itself is not needed any more
            self._take(content)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show and store the first picture where there is no kernel too."""
        return {**super()._repr_mimebundle_(**kwargs), **self._first}
