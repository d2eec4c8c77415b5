"""Photographs: read, searched for faces, and cropped for a model. Taught in 10."""

from vtff_lib.photos.finding import (
    FaceBox,
    crop_face,
    crops_to_batch,
    face_from_photo,
    find_faces,
    grey_face,
)
from vtff_lib.photos.reading import PhotoSource, read_photo
