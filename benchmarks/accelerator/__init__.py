"""What one accelerator does, measured: copies, products, a stack of layers, a layer of experts.

``python -m benchmarks.accelerator FILE`` needs PyTorch with CUDA and a card to itself; it takes
some twenty minutes and writes one JSON file. What the project measured so stands in `labs`.
"""
