import type { Module } from '@mobinet/autograd';
import { withNetworkProgram } from './network-program.js';
import { onnxEmitters } from './onnx-ops.js';
import { OnnxWriter } from './onnx-writer.js';
import type { ExportOptions } from './pack.js';
import { encodeInfo } from './packed-info.js';
import { version } from './version.js';

/**
 * A network of images, in evaluation, as an ONNX model, for runtimes that know nothing of bits: all its operators are of floats, and signs
 * are ±1.0.
 *
 *     images f32 [batch, channels, height, width] → logits f32 [batch, classes]
 *
 * What its `forward` does is written op by op. Images are normalised as ours are, but their channels come first, as is the custom there, and
 * filters are [filters, channels / groups, height, width]. Classes and preprocessing are in the metadata, as JSON.
 *
 * @param network Trained here, or of a packed file.
 * @throws RangeError, one line, for an op that has no place in ONNX; TraceError for what cannot be written down (`trace`).
 */
export function exportOnnx(network: Module, { imageShape, ...info }: ExportOptions = {}): Uint8Array {
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
