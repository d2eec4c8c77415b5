"""The face finder of `vtff_lib.photos` as a few kilobytes that `finder.js` reads.

The cascade is scikit-image's `lbpcascade_frontalface_opencv.xml`, trained by others on frontal
faces (LBP over blocks of pixels: Zhang et al. 2007, doi 10.1007/978-3-540-74549-5_2).
"""

import xml.etree.ElementTree as ET

import numpy as np
from skimage.data import lbp_frontal_face_cascade_filename

SLACK = 1e-5  # scikit-image lets a sum of votes pass that misses the threshold by this much


def pack_cascade() -> bytes:
    """Return the cascade in 6,220 bytes, 8,296 in base64; numbers are little-endian.

    A stage is a few questions; a question looks at one LBP code of 3 x 3 blocks and adds one of two
    votes; whoever stays below a stage's threshold is no face.

        uint16 (2)      how many stages S, how many questions Q
        uint32 (Q, 8)   the 256 codes of a question: bit 1 means the first vote
        float32 (Q, 2)  its two votes
        float32 (S)     the thresholds
        uint8 (Q, 4)    its first block in a window of 24 x 24 pixels: x, y, width, height
        uint8 (S)       how many questions a stage has
    """
    tree = ET.parse(lbp_frontal_face_cascade_filename())
    blocks = [_numbers(each, "rect") for each in tree.iterfind(".//features/_")]
    stages = tree.findall(".//stages/_")
    asked = [stage.findall("weakClassifiers/_") for stage in stages]
    questions = [question for of_stage in asked for question in of_stage]
    nodes = [_numbers(each, "internalNodes") for each in questions]  # 0, -1, block, codes
    arrays = (
        np.array([len(stages), len(questions)], dtype="<u2"),
        np.array([node[3:] for node in nodes], dtype="<i4"),
        np.array([_numbers(each, "leafValues") for each in questions], dtype="<f4"),
        np.array([_numbers(each, "stageThreshold")[0] - SLACK for each in stages], dtype="<f4"),
        np.array([blocks[int(node[2])] for node in nodes], dtype=np.uint8),
        np.array([len(of_stage) for of_stage in asked], dtype=np.uint8),
    )
    return b"".join(array.tobytes() for array in arrays)


def _numbers(element: ET.Element, name: str) -> list[float]:
    return [float(word) for word in element.findtext(name, "").split()]
