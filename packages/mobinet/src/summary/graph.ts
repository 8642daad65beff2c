import type { Module } from '@mobinet/autograd';
import { withoutMemory } from '@mobinet/tensor';
import { layersOf, type Program } from '@mobinet/tensor/kernels';
import { withNetworkProgram } from '../export/network-program.js';
import type { ExportOptions } from '../export/pack.js';
import { kindOf } from './kind.js';

/**
 * A network of images in evaluation as a flowchart, in the language of Mermaid (https://mermaid.js.org): a box for each call, framed by its
 * layer, with the shape of what it makes. GitHub, GitLab and many editors draw it.
 *
 * @param network Trained here, or of a packed file.
 */
export function drawGraph(network: Module, { imageShape }: ExportOptions = {}): string {
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
