import { gradientShapes, lookupGradients } from '@mobinet/bench/floats';
import { type Contender, interleave } from '@mobinet/bench/interleave';
import { making } from '@mobinet/bench/section';
import { conv2d, matmul, Rng, setThreads } from '@mobinet/tensor';
import { jax } from './jax.js';
import { onnxConv, onnxMatMul } from './onnx.js';
import type { ConvShape } from './onnx-model.js';
import { type Comparison, figuresOf, type Row, type Work } from './row.js';
import type { Server } from './server.js';
import { tfjsConv, tfjsMatMul } from './tfjs.js';

// Kernels on one thread: ours, those of TensorFlow.js, onnxruntime-web and jax-js, and PyTorch's if it is installed.

const size = 512;

export const gemmWork: Work = {
  group: 'f32 matrix product',
  name: `${size}×${size}×${size}`,
  async measure(torch) {
    const rng = Rng.fromSeed(1);
    const [a, b] = [rng.normal([size, size]), rng.normal([size, size])];
    const comparisons: Comparison[] = [
      { name: 'vs tfjs-wasm', slow: ['tfjs-wasm'], target: 1.2 },
      { name: 'vs onnxruntime-web', slow: ['onnxruntime-web'], target: 1.5 },
      { name: 'vs jax-js', slow: ['jax-js'], target: 1.2 },
    ];
    return timed(this, comparisons, {
      ours: making(() => matmul(a, b)),
      'tfjs-wasm': tfjsMatMul('wasm', size, size, size),
      'onnxruntime-web': await onnxMatMul(size, size, size),
      'tfjs-cpu': tfjsMatMul('cpu', size, size, size),
      'jax-js': await jax.contender({ m: size, n: size, k: size }),
      ...(torch && { pytorch: torch.contender({ work: 'plain', m: size, n: size, k: size }) }),
    });
  },
};

/** The first layer of MobileNet at 224×224, then one depth-wise 3×3 and one 1×1 layer of each size. */
const layers: readonly ConvShape[] = [
  { size: 224, channels: 3, outputs: 32, kernel: 3, stride: 2, groups: 1 },
  depthwise(112, 32),
  pointwise(112, 32, 64),
  depthwise(112, 64, 2),
  pointwise(56, 64, 128),
  depthwise(56, 128),
  pointwise(56, 128, 128),
  depthwise(28, 256),
  pointwise(28, 256, 256),
  depthwise(14, 512),
  pointwise(14, 512, 512),
  depthwise(7, 1024),
  pointwise(7, 1024, 1024),
];

function depthwise(size: number, channels: number, stride = 1): ConvShape {
  return { size, channels, outputs: channels, kernel: 3, stride, groups: channels };
}

function pointwise(size: number, channels: number, outputs: number): ConvShape {
  return { size, channels, outputs, kernel: 1, stride: 1, groups: 1 };
}

export const convolutionWork: readonly Work[] = layers.map((shape) => ({
  group: 'convolution, forward',
  name: nameOf(shape),
  async measure() {
    const { size, channels, outputs, kernel, stride, groups } = shape;
    const rng = Rng.fromSeed(1);
    const x = rng.normal([1, size, size, channels]);
    const filter = rng.normal([outputs, kernel, kernel, channels / groups]);
    const options = { stride, groups, padding: kernel >> 1 };
    return timed(this, [{ name: 'vs the faster peer', slow: ['tfjs-wasm', 'onnxruntime-web', 'jax-js'], target: 1 }], {
      ours: making(() => conv2d(x, filter, options)),
      'tfjs-wasm': tfjsConv('wasm', shape),
      'onnxruntime-web': await onnxConv(shape),
      'tfjs-cpu': tfjsConv('cpu', shape),
      'jax-js': await jax.contender(shape),
    });
  },
}));

function nameOf({ size, channels, outputs, kernel, stride, groups }: ConvShape): string {
  const kind = groups === 1 ? `${kernel}×${kernel}` : `depth-wise ${kernel}×${kernel}`;
  return `${kind}${stride > 1 ? `, stride ${stride}` : ''}, ${size}×${size}×${channels}${outputs === channels ? '' : ` → ${outputs}`}`;
}

/** Gradients of binary 1×1 layers: lookup tables against PyTorch's product of floats. */
export const gradientWork: readonly Work[] = gradientShapes.flatMap(([pixels, filters, channels]) =>
  (['dX', 'dW'] as const).map((gradient) => ({
    group: 'gradients of a binary 1×1 layer',
    name: `${gradient} ${pixels}×${filters}×${channels}`,
    async measure(torch: Server | null) {
      if (!torch) return null;
      const work =
        gradient === 'dX'
          ? { work: 'plain', m: pixels, n: channels, k: filters }
          : { work: 'transposed', m: filters, n: channels, k: pixels };
      return timed(this, [{ name: 'vs pytorch', slow: ['pytorch'], target: 1 }], {
        ours: making(lookupGradients(pixels, filters, channels)[gradient]),
        pytorch: torch.contender(work),
      });
    },
  })),
);

async function timed(
  { group, name }: { readonly group: string; readonly name: string },
  comparisons: readonly Comparison[],
  contenders: Readonly<Record<string, Contender>>,
): Promise<Row> {
  await setThreads(1);
  const { times, probes } = await interleave(contenders);
  return { group, name, threads: 1, unit: 'ms', ...figuresOf(times), comparisons, probes };
}
