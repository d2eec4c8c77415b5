"""The model in a page: bytes of a model, and the engine that runs them. Taught in 08b.

    pack(model)                                          bytes for `openModel` of engine.js
    ENGINE.read_text(), MODULE.read_bytes()              its source, and the compiled module

`engine.c` is the forward pass; `python -m vtff_lib.live.build` compiles it.
"""

from vtff_lib.live.packing import pack
