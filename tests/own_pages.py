"""What the view of one's own face is tested with: pages, a camera that shows a picture, files."""

import base64
import io

import numpy as np
from PIL import Image

from tests.explored import faces
from vtff_lib import load_pretrained
from vtff_lib.explain.surgery import Surgery
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.inputs import resize
from vtff_lib.photos.finding import find_faces, grey_face

# Hands a page files as a reader would: chosen, dropped or pasted; {name, bytes} or {name, size}.
GIVE = """([files, way]) => {
    const held = new DataTransfer();
    for (const { name, bytes, size } of files) {
        const content = size ? new ArrayBuffer(size)
            : Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0));
        held.items.add(new File([content], name));
    }
    if (way === "choose") {
        const input = document.querySelector(".vtff-own input[type=file]");
        input.files = held.files;
        input.dispatchEvent(new Event("change"));
    } else if (way === "drop") {
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: held, bubbles: true }));
    } else {
        const how = { clipboardData: held, bubbles: true };
        document.body.dispatchEvent(new ClipboardEvent("paste", how));
    }
}"""


def as_file(picture, kind="png", name=None, **how):
    """Return a picture as a file that `GIVE` takes."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, kind, **how)
    return file_of(name or f"face.{kind}", buffer.getvalue())


def file_of(name, content):
    return {"name": name, "bytes": base64.b64encode(content).decode()}


def save(path, astronaut=None):
    """Save a live page of the tiny model; with the astronaut, of that for photographs as well."""
    photographs = None
    if astronaut is not None:
        grey = resize(grey_face(astronaut, find_faces(astronaut)[0]), 112)
        photographs = Explorer(load_pretrained("photos"), grey, ["astronaut"], computed=[Surgery()])
    tiny = Explorer(load_pretrained("tiny"), faces(1, side=112), computed=[Surgery()])
    tiny.save(path, live=True, photographs=photographs)


def camera(film):
    """Return a browser's flags for a camera that shows a film, and for which nobody is asked."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )


def film_of(picture, path):
    """Write a picture as a film of 640 × 480 for Chromium's camera that is none."""
    colours = np.asarray(Image.fromarray(picture).resize((640, 480)).convert("YCbCr"))
    halves = colours.reshape(240, 2, 320, 2, 3).mean((1, 3)).round().astype(np.uint8)
    frame = colours[..., 0].tobytes() + halves[..., 1].tobytes() + halves[..., 2].tobytes()
    path.write_bytes(b"YUV4MPEG2 W640 H480 F30:1 Ip A1:1 C420jpeg\n" + 2 * (b"FRAME\n" + frame))


def twice(astronaut):
    """Return a picture with two faces."""
    return np.concatenate([astronaut[:384, 64:384], astronaut[:384, 64:384]], axis=1)
