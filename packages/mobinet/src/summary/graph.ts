import type { Module } from '@mobinet/autograd';
import { withoutMemory } from '@mobinet/tensor/functions';
import { layersOf, type Program } from '@mobinet/tensor/kernels';
import { checkKinds } from '../data/arguments.js';
import { withNetworkProgram } from '../export/network-program.js';
import { type ExportOptions, exportKinds } from '../export/pack.js';
import { kindOf } from './kind.js';

/**
 * A flowchart of a network of images in evaluation mode, as Mermaid text (https://mermaid.js.org), which GitHub, GitLab
 * and many editors render. Each call is a box with the shape of its output, grouped by layer.
 *
 * @param network A trained network or a packed model.
 * @throws TypeError, one line, if neither the options nor the network has the shape of an image.
 * @throws TraceError if `forward` cannot be traced (see `trace`).
 * @example
 * ```ts
 * import { GlobalAveragePool2d, Linear, Sequential } from '@mobinet/autograd';
 * import { Rng } from '@mobinet/tensor';
 * import { drawGraph } from 'mobinet';
 *
 * const classifier = new Linear(3, 2, { bias: false, rng: Rng.fromSeed(0) });
 * const network = new Sequential(new GlobalAveragePool2d(), classifier).label();
 * console.log(drawGraph(network, { imageShape: [32, 32, 3] }));
 * // → flowchart TD
 * // →   v0(["images<br>32×32×3"])
 * // →   subgraph layer0 ["layers.1"]
 * // →     v1["mean<br>3"]
 * // →     v3["linear<br>2"]
 * // →   end
 * // →   logits(["logits"])
 * // →   v0 --> v1
 * // →   v1 --> v3
 * // →   v3 --> logits
 * ```
 */
export function drawGraph(network: Module, options: ExportOptions = {}): string {
  checkKinds('drawGraph', options, exportKinds);
  const { imageShape } = options;
  return withoutMemory(() => withNetworkProgram('drawGraph', network, { imageShape }, flowchart));
}

function flowchart(program: Program): string {
  const { values, calls, inputs, constants, outputs } = program;
  const sizes = (at: number): string => values[at].shape.slice(1).join('×');
  const boxes = layersOf(program).flatMap(({ name, from, to }, layer) => [
    `  subgraph layer${layer} ["${name.replaceAll('"', '#quot;')}"]`,
    ...calls
      .slice(from, to)
      .map((call) => `    v${call.outputs[0]}["${kindOf(program, call)}<br>${sizes(call.outputs[0])}"]`),
    '  end',
  ]);
  const arrows = calls.flatMap((call) =>
    call.inputs.flatMap((input) => (constants.has(input) ? [] : [`  v${input} --> v${call.outputs[0]}`])),
  );
  return [
    'flowchart TD',
    `  v${inputs[0]}(["images<br>${sizes(inputs[0])}"])`,
    ...boxes,
    '  logits(["logits"])',
    ...arrows,
    `  v${outputs[0]} --> logits`,
    '',
  ].join('\n');
}
