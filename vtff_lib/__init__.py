"""VTFF, a facial-expression model, in parts that can be read one by one.

In the order in which the lessons build them: `lbp`, `backbone`, `attention`, `fusion`, `encoder`
and `vtff`, with its `config` and `views`. Beside them: `weights`, `refusals`, `photos`,
`faces_in_photos`, `plots`, `live` and `doctor`.

Importing the package imports none of them, so that `python -m vtff_lib.doctor` can speak even where
PyTorch is missing or broken.
"""
