import { type Tensor, tidy, withBackend } from '@mobinet/tensor';
import { disposeProgram, type TensorFunction, trace } from '@mobinet/tensor/kernels';
import type { MoBiNet } from '../model/mobinet.js';
import { version } from '../version.js';
import { OnnxWriter } from './onnx-writer.js';
import { networkTensors } from './pack.js';
import type { PackedFile } from './packed-file.js';
import { type PackedInfo, packedMetadata } from './packed-format.js';
import { packedForward, packedLayers } from './packed-layers.js';

/**
 * A packed file as an ONNX model, for runtimes that know nothing of bits: all its operators are of floats, and signs are ±1.0.
 *
 *     images f32 [batch, 3, imageSize, imageSize] → logits f32 [batch, classes]
 *
 * Images are normalised as ours are, but their channels come first, as is the custom there, and filters are [filters,
 * channels / groups, height, width]. Options, classes and preprocessing are in the metadata, as JSON.
 */
export function encodeOnnx({ info, tensors }: PackedFile): Uint8Array {
  return tidy(() => {
    const layers = withBackend('cpu', () => packedLayers(info.options, tensors));
    return encodeFunction((images) => packedForward(layers, images as Tensor), info);
  });
}

/** A network, in evaluation, as an ONNX model (`encodeOnnx`). It may be a float twin. */
export function exportOnnx(model: MoBiNet, own: Omit<PackedInfo, 'options'> = {}): Uint8Array {
  const info = { options: model.options, ...own };
  if (model.options.precision === 'binary') return tidy(() => encodeOnnx({ info, tensors: networkTensors(model) }));
  const wasTraining = model.training;
  model.eval();
  try {
    return encodeFunction((images) => model.forward(images as Tensor), info);
  } finally {
    if (wasTraining) model.train();
  }
}

/** What a function does with images, op by op. @throws RangeError, one line, for an op that has no place in ONNX. */
function encodeFunction(forward: TensorFunction, info: PackedInfo): Uint8Array {
  const { imageSize, classes } = info.options;
  return withBackend('cpu', () =>
    tidy(() => {
      const program = trace(forward, [{ dtype: 'f32', shape: [1, imageSize, imageSize, 3] }]);
      try {
        const writer = new OnnxWriter(program, 'images');
        writer.write('logits');
        return writer.graph.encode({
          name: 'MoBiNet',
          input: { name: 'images', shape: ['batch', 3, imageSize, imageSize] },
          output: { name: 'logits', shape: ['batch', classes] },
          producerVersion: version,
          metadata: packedMetadata(info),
        });
      } finally {
        disposeProgram(program);
      }
    }),
  );
}
