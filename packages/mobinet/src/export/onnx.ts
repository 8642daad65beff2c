import type { Module } from '@mobinet/autograd';
import { checkKinds } from '../data/arguments.js';
import { withNetworkProgram } from './network-program.js';
import { onnxEmitters } from './onnx-ops.js';
import { OnnxWriter } from './onnx-writer.js';
import { type ExportOptions, exportKinds } from './pack.js';
import { encodeInfo } from './packed-info.js';
import { version } from './version.js';

/**
 * Exports a network of images, in evaluation mode, as an ONNX model for runtimes without binary kernels: all operators
 * work on floats, and signs are ±1.0.
 *
 *     images f32 [batch, channels, height, width] → logits f32 [batch, classes]
 *
 * The model contains what `forward` does, op by op. Images are normalized as in this library, but channels come first,
 * as is usual in ONNX, and filters are [filters, channels / groups, height, width]. Classes and preprocessing are
 * stored in the metadata, as JSON.
 *
 * @param network A trained network or a packed model.
 * @returns The bytes of the ONNX file.
 * @throws RangeError, one line, for ops that ONNX export does not support; TraceError if `forward` cannot be traced
 *   (see `trace`).
 * @throws TypeError, one line, if neither the options nor the network has the shape of an image.
 * @example
 * ```ts
 * import { createMoBiNet, exportOnnx, packModel } from 'mobinet';
 *
 * const network = createMoBiNet({ width: 0.25, imageSize: 32, classes: 10 });
 * const onnx = exportOnnx(network); // await saveFile('model.onnx', onnx)
 * // ONNX has no tensors of bits, so its file is larger.
 * console.log(onnx.length > 10 * packModel(network).length);
 * // → true
 * ```
 */
export function exportOnnx(network: Module, options: ExportOptions = {}): Uint8Array {
  checkKinds('exportOnnx', options, exportKinds);
  const { imageShape, ...info } = options;
  return withNetworkProgram('exportOnnx', network, { imageShape }, (program) => {
    const writer = new OnnxWriter(program, onnxEmitters, 'images');
    writer.write('logits');
    const [, height, width, channels] = program.values[program.inputs[0]].shape;
    const [, ...classes] = program.values[program.outputs[0]].shape;
    return writer.graph.encode({
      name: 'network',
      metadata: encodeInfo(info, classes[0]),
      input: { name: 'images', shape: ['batch', channels, height, width] },
      output: { name: 'logits', shape: ['batch', ...classes] },
      producerVersion: version,
    });
  });
}
