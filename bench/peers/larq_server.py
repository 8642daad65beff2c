"""
Times a model in Larq Compute Engine's interpreter, for requests on stdin, with the fastest of its kernels for x86:
those that multiply matrices without copying patches ("indirect"). The time of copying arrays in and out is deducted.
"""

import statistics
import sys

import numpy as np
from larq_compute_engine.tflite.python.interpreter_wrapper_lite import LiteInterpreter

from serve import serve, time_for

threads, reference, indirect, xnnpack = 1, False, True, True


def load(file):
    with open(file, "rb") as content:
        interpreter = LiteInterpreter(content.read(), threads, reference, indirect, xnnpack)
    x = np.random.randn(*interpreter.input_shapes[0]).astype(np.float32)
    return lambda: interpreter.predict([x])


predict, copy = load(f"{sys.argv[1]}.tflite"), load(f"{sys.argv[1]}-copy.tflite")


def answer(seconds):
    copying = statistics.median(time_for(seconds / 10, copy))
    return [time - copying for time in time_for(seconds, predict)]


for _ in range(3):
    predict()
    copy()
serve(answer)
