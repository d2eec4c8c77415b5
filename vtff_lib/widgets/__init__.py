"""What needs a notebook with a running kernel: live pictures, the playground, the photo booth."""

from vtff_lib.widgets.lbp import live_light, live_window
from vtff_lib.widgets.live import Live
from vtff_lib.widgets.moved_face import moved_face
from vtff_lib.widgets.photo_booth import PhotoBooth
from vtff_lib.widgets.playground import Playground
from vtff_lib.widgets.webcam import Webcam
