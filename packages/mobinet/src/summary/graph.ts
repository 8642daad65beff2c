import type { Module } from '@mobinet/autograd';
import { withoutMemory } from '@mobinet/tensor';
import { layersOf, type Program } from '@mobinet/tensor/kernels';
import { withNetworkProgram } from '../export/network-program.js';
import type { ExportOptions } from '../export/pack.js';
import { kindOf } from './kind.js';

/**
 * A flowchart of a network of images in evaluation mode, as Mermaid text (https://mermaid.js.org), which GitHub, GitLab
 * and many editors render. Each call is a box with the shape of its output, grouped by layer.
 *
 * @param network A trained network or a packed model.
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
