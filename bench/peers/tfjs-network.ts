import * as tf from '@tensorflow/tfjs';
import { mobinet, planNetwork } from 'mobinet';

/**
 * The float twin of MoBiNet Mid, K = 3, in TensorFlow.js on WebAssembly.
 *
 * This backend lacks the kernels to differentiate convolutions and pools, and no backend has grouped convolutions. So
 * the network does what is left to a user of TensorFlow.js: images are matrices [pixels, channels], patches are
 * concatenated from slices, and every convolution is a matrix product.
 */

export interface TfjsShape {
  readonly size: number;
  readonly batch: number;
  readonly classes: number;
}

/** Images [batch · size · size, channels]. */
interface Images {
  readonly x: tf.Tensor2D;
  readonly batch: number;
  readonly size: number;
}

const weights = <R extends tf.Rank = tf.Rank.R2>(shape: tf.ShapeMap[R]): tf.Tensor<R> =>
  tf.variable(tf.randomNormal<R>(shape, 0, 0.03)) as tf.Tensor<R>;
const parameter = (channels: number, value: number): tf.Tensor => tf.variable(tf.fill([channels], value));

/** PReLU and batch normalization, with the statistics of the batch, after a convolution. */
function tail(channels: number, normalizesFirst: boolean): (x: tf.Tensor2D) => tf.Tensor2D {
  const [slope, gamma, beta] = [parameter(channels, 0.25), parameter(channels, 1), parameter(channels, 0)];
  const normalize = (x: tf.Tensor): tf.Tensor => {
    const centered = tf.sub(x, tf.mean(x, 0));
    const factor = tf.mul(gamma, tf.rsqrt(tf.add(tf.mean(tf.square(centered), 0), 1e-5)));
    return tf.add(tf.mul(centered, factor), beta);
  };
  return (x) => (normalizesFirst ? tf.prelu(normalize(x), slope) : normalize(tf.prelu(x, slope))) as tf.Tensor2D;
}

/** Shifted images for the nine taps of a 3×3 window, [batch, out, out, channels] each. */
function taps({ x, batch, size }: Images, stride: number): tf.Tensor4D[] {
  const channels = x.shape[1];
  const bordered = tf.pad(tf.reshape(x, [batch, size, size, channels]), [
    [0, 0],
    [1, 1],
    [1, 1],
    [0, 0],
  ]) as tf.Tensor4D;
  const out = Math.ceil(size / stride);
  return [0, 1, 2].flatMap((i) =>
    [0, 1, 2].map((j) =>
      stride === 1
        ? tf.slice(bordered, [0, i, j, 0], [batch, out, out, channels])
        : tf.stridedSlice(
            bordered,
            [0, i, j, 0],
            [batch, i + stride * out - 1, j + stride * out - 1, channels],
            [1, stride, stride, 1],
          ),
    ),
  ) as tf.Tensor4D[];
}

type Layer = (images: Images) => Images;

function stem(filters: number): Layer {
  const [filter, finish] = [weights([27, filters]), tail(filters, true)];
  return (images) => {
    const patches = tf.reshape<tf.Rank.R2>(tf.concat(taps(images, 2), 3), [-1, 27]);
    return { ...images, size: Math.ceil(images.size / 2), x: finish(tf.matMul(patches, filter)) };
  };
}

function pointwise(channels: number, filters: number): Layer {
  const [filter, finish] = [weights([channels, filters]), tail(filters, false)];
  const repeats = filters / channels;
  return ({ x, ...images }) => {
    const y = finish(tf.matMul(x, filter));
    const skip = repeats === 1 ? x : tf.concat(new Array<tf.Tensor2D>(repeats).fill(x), 1);
    return { ...images, x: tf.add(y, skip) };
  };
}

/** A 3×3 grouped convolution, as a matrix product per group. */
function grouped(channels: number, groups: number): Layer {
  const groupSize = channels / groups;
  const filter = weights<tf.Rank.R3>([groups, 9 * groupSize, groupSize]);
  const finish = tail(channels, false);
  return (images) => {
    const patches = tf.concat(
      taps(images, 1).map((tap) => tf.reshape(tap, [-1, groups, groupSize])),
      2,
    );
    const products = tf.matMul(tf.transpose(patches, [1, 0, 2]), filter);
    const y = finish(tf.reshape<tf.Rank.R2>(tf.transpose(products, [1, 0, 2]), [-1, channels]));
    return { ...images, x: tf.add(y, images.x) };
  };
}

/** Averages 2×2 pixels, one axis after the other. */
const halve: Layer = ({ x, batch, size }) => {
  const channels = x.shape[1];
  const rows = tf.mean(tf.reshape(x, [(batch * size) / 2, 2, size * channels]), 1);
  const y = tf.mean<tf.Tensor2D>(tf.reshape(rows, [(batch * size * size) / 4, 2, channels]), 1);
  return { x: y, batch, size: size / 2 };
};

/** A network with fresh weights: from pixels [batch · size · size, 3] to logits [batch, classes]. */
export function tfjsNetwork({ size, batch, classes }: TfjsShape): (pixels: tf.Tensor2D) => tf.Tensor2D {
  const plan = planNetwork(mobinet.resolve({ block: 'mid', k: 3, imageSize: size, classes }));
  const layers = [stem(plan.stem.outChannels)];
  for (const { segments, pool } of plan.units) {
    for (const { kernel, inChannels, outChannels, groups } of segments) {
      layers.push(kernel === 3 ? grouped(inChannels, groups) : pointwise(inChannels, outChannels));
    }
    if (pool) layers.push(halve);
  }
  const [classifier, bias] = [weights([plan.features, classes]), parameter(classes, 0)];
  return (pixels) => {
    const { x } = layers.reduce((images, layer) => layer(images), { x: pixels, batch, size } as Images);
    const features = tf.mean<tf.Tensor2D>(tf.reshape(x, [batch, -1, plan.features]), 1);
    return tf.add(tf.matMul(features, classifier), bias);
  };
}
