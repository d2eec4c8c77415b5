"""VTFF in a web page: what a browser needs to find a face and to run the model. Taught in 10."""
