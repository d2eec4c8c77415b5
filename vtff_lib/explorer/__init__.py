"""Attention maps to play with: in a notebook, on a page, and as a picture. Taught in 08b."""

from vtff_lib.explorer.content import dequantise, quantise
from vtff_lib.explorer.explorer import Explorer
from vtff_lib.explorer.paper import faces_of
