import type { Module } from '@mobinet/autograd';
import { type Shape, type Tensor, tidy, withBackend } from '@mobinet/tensor';
import { MoBiNet } from '../model/mobinet.js';
import { version } from '../version.js';
import { inEvaluation, withProgram } from './network-program.js';
import { onnxEmitters } from './onnx-ops.js';
import { OnnxWriter } from './onnx-writer.js';
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
    const { imageSize } = info.options;
    return encodeFunction((images) => packedForward(layers, images), [imageSize, imageSize, 3], {
      name: 'MoBiNet',
      metadata: packedMetadata(info),
    });
  });
}

/** What an ONNX model says of a network beside its graph. */
export interface OnnxInfo extends Omit<PackedInfo, 'options'> {
  /** [height, width, channels] of an image. Default: those of a MoBiNet. */
  readonly imageShape?: Shape;
}

/**
 * Any network of images, in evaluation, as an ONNX model (`encodeOnnx`): what its `forward` does is written op by op.
 *
 * @throws RangeError, one line, for an op that has no place in ONNX; TraceError for what cannot be written down (`trace`).
 */
export function exportOnnx(model: Module, { imageShape, ...info }: OnnxInfo = {}): Uint8Array {
  const options = model instanceof MoBiNet ? model.options : null;
  const shape = imageShape ?? (options && [options.imageSize, options.imageSize, 3]);
  if (!shape) throw new TypeError('exportOnnx: name the shape of an image, such as imageShape: [32, 32, 3]');
  const metadata = packedMetadata({ ...info, ...(options && { options }) });
  return inEvaluation(model, () =>
    encodeFunction((images) => model.forward(images), shape, { name: model.constructor.name, metadata }),
  );
}

/** What a function does with images, op by op. */
function encodeFunction(
  forward: (images: Tensor) => Tensor,
  imageShape: Shape,
  about: { readonly name: string; readonly metadata: Record<string, string> },
): Uint8Array {
  const [height, width, channels] = imageShape;
  return withProgram(forward, imageShape, (program) => {
    const writer = new OnnxWriter(program, onnxEmitters, 'images');
    writer.write('logits');
    const [, ...rest] = program.values[program.outputs[0]].shape;
    return writer.graph.encode({
      ...about,
      input: { name: 'images', shape: ['batch', channels, height, width] },
      output: { name: 'logits', shape: ['batch', ...rest] },
      producerVersion: version,
    });
  });
}
