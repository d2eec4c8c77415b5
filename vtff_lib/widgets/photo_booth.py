"""Your own face before a trained model: found, cropped, made grey, named and explained.

Needs a kernel for the camera and the upload; without one a still picture is shown. Taught in 10.
"""

import html
from typing import Any

import ipywidgets as widgets
from torch import Tensor, nn

from vtff_lib import plots
from vtff_lib.evaluation.answering import verdict
from vtff_lib.evaluation.measure import predict
from vtff_lib.explain.surgery import all_surgeries
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import find_faces, grey_face
from vtff_lib.photos.reading import PhotoSource, read_photo, room_for
from vtff_lib.vtff import VTFF
from vtff_lib.widgets.telling import Whole, taken, told_in
from vtff_lib.widgets.webcam import Webcam

NO_FACE = (
    "No face was found. Try one that is seen from the front, upright, large and evenly lit. (The "
    "finder is a model too: it may have missed one that is there.)"
)


class PhotoBooth(Whole):
    """A file or the camera; then the largest face, and an explorer of what the model makes of it.

    A picture stays in the kernel and in the page that is open. What a saved notebook holds is the
    picture that the booth began with, and no later one; unless the editor saves the state of
    widgets, which JupyterLab does only when asked.

    Args:
        model: a VTFF trained on grey faces, such as `load_pretrained("photos")`, or a model of your
            own, see `VTFF.of`.
        photo: what it begins with, anything that `read_photo` reads.
        least: confidence below which it gives no word, see `verdict`.

    Raises:
        ValueError: if there is no face in `photo`; and as `read_photo`.
    """

    def __init__(self, model: nn.Module, photo: PhotoSource, least: float = 0.0):
        self._model, self._least = VTFF.of(model), least
        self.upload = widgets.FileUpload(accept="image/*", description="a file")
        self.camera = Webcam(self._take)
        self.words, self.face = widgets.HTML(), widgets.HTML()
        surgeries = [each for each in all_surgeries(self._model) if each.patch is None]
        self.explorer = Explorer(
            self._model,
            self._look(photo),
            ["the face"],
            title="What the model sees",
            surgeries=surgeries,
        )
        self.upload.observe(self._uploaded, names="value")
        controls = widgets.Box(
            [self.upload, self.camera], layout=widgets.Layout(flex_flow="row wrap")
        )
        super().__init__([controls, self.words, self.face, self.explorer.widget])
        self._first = {  # made once: no later picture gets into a file, whichever cell shows this
            "text/html": self.words.value + self.face.value + self.explorer.still().html(),
            "text/plain": self.explorer.describe(),
        }

    @room_for()
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
        self.face.value = plots.found_face(
            photo,
            boxes[0],
            face[0, 0].numpy()[..., None].repeat(3, axis=2),
            alt="The photo with a frame around its largest face, and the grey crop.",
            caption=f"Faces found: {len(boxes)}. Right: what the model is given.",
        ).html()
        return face

    def _take(self, source: PhotoSource) -> None:
        with told_in(self.words):
            self.explorer.show(self._look(source), ["the face"], computed=self.explorer.surgeries)

    def _uploaded(self, change: object) -> None:
        with told_in(self.words):
            content = taken(self.upload)
            if content is not None:
                self._take(content)

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """Show and store the first picture where there is no kernel too."""
        return {**super()._repr_mimebundle_(**kwargs), **self._first}
