import { Rng, type Shape, tidy } from '@mobinet/tensor';
import { OnnxGraph } from 'mobinet';

// Models for onnxruntime, with random weights.

/** A convolution of NCHW images. Its weights, [outputs, channels / groups, kernel, kernel], are part of the model. */
export interface ConvShape {
  readonly size: number;
  readonly channels: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly groups: number;
}

/** y = conv(x), padded with zeros to keep the size. */
export function convModel(shape: ConvShape): Uint8Array {
  const { size, channels, outputs, stride } = shape;
  return model([1, channels, size, size], [1, outputs, Math.ceil(size / stride), Math.ceil(size / stride)], (graph) =>
    conv(graph, 'y', 'x', shape),
  );
}

/** y [m, n] = x [m, k] · w [k, n] */
export function matMulModel(m: number, n: number, k: number): Uint8Array {
  return model([m, k], [m, n], (graph) => graph.node('MatMul', 'y', ['x', weights(graph, 'w', [k, n])]));
}

/**
 * MobileNet v1 (Howard et al., 2017) at full width, as deployed: BatchNorm is folded into the weights, and every
 * convolution has a bias and is followed by a ReLU.
 */
export function mobileNetModel(size: number, classes: number): Uint8Array {
  return model([1, 3, size, size], [1, classes], (graph) => {
    let x = 'x';
    let pixels = size;
    const layer = (name: string, shape: Omit<ConvShape, 'size'>): void => {
      const y = conv(graph, name, x, { ...shape, size: pixels }, true);
      x = graph.node('Relu', `${name}.relu`, [y]);
      pixels = Math.ceil(pixels / shape.stride);
    };
    layer('stem', { channels: 3, outputs: 32, kernel: 3, stride: 2, groups: 1 });
    mobileNetUnits.forEach(([channels, outputs, stride], unit) => {
      layer(`units.${unit}.depthwise`, { channels, outputs: channels, kernel: 3, stride, groups: channels });
      layer(`units.${unit}.pointwise`, { channels, outputs, kernel: 1, stride: 1, groups: 1 });
    });
    const features = graph.node('Flatten', 'features', [graph.node('GlobalAveragePool', 'pool', [x])]);
    graph.node('Gemm', 'y', [features, weights(graph, 'classifier.weight', [1024, classes])]);
  });
}

const mobileNetUnits: readonly (readonly [channels: number, outputs: number, stride: number])[] = [
  ...([
    [32, 64, 1],
    [64, 128, 2],
    [128, 128, 1],
    [128, 256, 2],
    [256, 256, 1],
    [256, 512, 2],
  ] as const),
  ...Array.from({ length: 5 }, () => [512, 512, 1] as const),
  [512, 1024, 2],
  [1024, 1024, 1],
];

/** A graph from x to y. */
function model(input: Shape, output: Shape, write: (graph: OnnxGraph) => void): Uint8Array {
  return tidy(() => {
    const graph = new OnnxGraph();
    write(graph);
    return graph.encode({
      name: 'graph',
      input: { name: 'x', shape: input },
      output: { name: 'y', shape: output },
      producerVersion: '0',
      metadata: {},
    });
  });
}

function conv(graph: OnnxGraph, name: string, x: string, shape: ConvShape, hasBias = false): string {
  const { channels, outputs, kernel, stride, groups } = shape;
  const weight = weights(graph, `${name}.weight`, [outputs, channels / groups, kernel, kernel]);
  const bias = hasBias ? [weights(graph, `${name}.bias`, [outputs])] : [];
  const border = kernel >> 1;
  return graph.node('Conv', name, [x, weight, ...bias], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [border, border, border, border],
    group: groups,
  });
}

const rng = Rng.fromSeed(0);

/** Random weights, scaled so that activations neither vanish nor grow from layer to layer. */
function weights(graph: OnnxGraph, name: string, shape: Shape): string {
  const fanIn = shape.slice(1).reduce((product, size) => product * size, 1);
  return graph.tensor(name, rng.split(name).normal(shape, 0, Math.sqrt(2 / fanIn)));
}
