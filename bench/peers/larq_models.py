"""
Makes models for Larq Compute Engine, with random weights: `larq_models.py FOLDER NAME` writes FOLDER/NAME.tflite unless
it exists, and FOLDER/NAME-copy.tflite, which only copies an input of the same size to the output.

NAME is `conv-KERNEL-SIZE-CHANNELS`, a binary convolution and BatchNorm, or `bi-real-net-18`.
"""

import os
import sys

folder, name = sys.argv[1:]
file = os.path.join(folder, name)
if os.path.exists(f"{file}-copy.tflite"):
    sys.exit()

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import larq
import larq_compute_engine
import tensorflow as tf

layers = tf.keras.layers


def convolution(kernel, size, channels):
    """Padded with ones, as ours is by default: Larq's kernels have to correct for zeros afterwards."""
    x = tf.keras.Input((size, size, channels), batch_size=1)
    y = larq.layers.QuantConv2D(
        channels,
        kernel,
        padding="same",
        pad_values=1.0,
        input_quantizer="approx_sign",
        kernel_quantizer="magnitude_aware_sign",
        kernel_constraint="weight_clip",
        use_bias=False,
    )(x)
    return tf.keras.Model(x, layers.BatchNormalization()(y))


def bi_real_net():
    from larq_zoo.literature import BiRealNet

    return BiRealNet(input_shape=(224, 224, 3), weights=None)


def copy(shape, outputs):
    """Takes an input of this shape, and returns as many floats of it as a network with this many outputs."""
    x = tf.keras.Input(shape[1:], batch_size=1)
    flat = layers.Reshape((-1,))(x)
    return tf.keras.Model(x, layers.Lambda(lambda x: x[:, :outputs])(flat))


def save(model, file):
    with open(f"{file}.tflite", "wb") as output:
        output.write(larq_compute_engine.convert_keras_model(model))


model = bi_real_net() if name == "bi-real-net-18" else convolution(*map(int, name.split("-")[1:]))
save(model, file)
outputs = 1
for size in model.output_shape[1:]:
    outputs *= size
save(copy((1, *model.input_shape[1:]), outputs), f"{file}-copy")
