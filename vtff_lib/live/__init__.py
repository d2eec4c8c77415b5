"""A model in a web page: what a browser needs to run it, and to do so alone.

    pack(model)      bytes that `openModel` of `engine.js` reads, of any VTFF

`engine.c` is the forward pass; `python -m vtff_lib.live.build` compiles it into `engine.wasm`.
"""

from vtff_lib.live.packing import pack
