"""A model in a web page: what a browser needs to find a face and to run the model, alone.

    pack(model)      bytes that `openModel` of `engine.js` reads, of any VTFF
    cascade          the face finder of scikit-image, packed for `finder.js`

`engine.c` is the forward pass; `python -m vtff_lib.live.build` compiles it into `engine.wasm`.
"""

from vtff_lib.live.packing import pack
