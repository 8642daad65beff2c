import { withBackend } from '../../backend.js';
import { groupsOf, linear, linearWorkgroup, Shader } from '../../backends/webgpu/shader.js';
import { tensor } from '../../create.js';
import { dispose } from '../../scope.js';
import type { Tensor } from '../../tensor.js';
import type { AxisWeights, ImageWeights } from './axis-weights.js';

/** `interpolate` on a GPU, and its gradient. Neighboring invocations compute neighboring channels. */
export function interpolateOnGpu(x: Tensor, y: Tensor, { rows, columns }: ImageWeights): void {
  const tables = [rows, columns].map(tableOf);
  const weights = [rows, columns].map((axis) => withBackend('webgpu', () => tensor(axis.weights)));
  const numbers = {
    count: y.size,
    channels: y.shape[3],
    height: rows.inputs,
    width: columns.inputs,
    outHeight: rows.outputs,
    outWidth: columns.outputs,
  };
  shader.run(
    { x, rows: tables[0], columns: tables[1], rowWeights: weights[0], columnWeights: weights[1] },
    { y },
    numbers,
    groupsOf(y.size),
  );
  dispose([...tables, ...weights]);
}

/** For each output, its first input and where its weights begin; then where all weights end. */
function tableOf({ outputs, first, start }: AxisWeights): Tensor<'i32'> {
  const entries = new Int32Array(2 * (outputs + 1));
  for (let o = 0; o < outputs; o++) entries.set([first[o], start[o]], 2 * o);
  entries[2 * outputs + 1] = start[outputs];
  return withBackend('webgpu', () => tensor(entries));
}

const shader = new Shader('f32_interpolate', {
  reads: { x: 'f32', rows: 'i32', columns: 'i32', rowWeights: 'f32', columnWeights: 'f32' },
  writes: { y: 'f32' },
  parameters: { count: 'u32', channels: 'u32', height: 'u32', width: 'u32', outHeight: 'u32', outWidth: 'u32' },
  workgroup: linearWorkgroup,
  main: `
  ${linear('p.count')}
  let pixel = i / p.channels;
  let row = 2u * ((pixel / p.outWidth) % p.outHeight);
  let column = 2u * (pixel % p.outWidth);
  let image = (pixel / (p.outWidth * p.outHeight)) * p.height;
  var sum = 0.0;
  for (var a = rows[row + 1u]; a < rows[row + 3u]; a++) {
    let line = (image + u32(rows[row] + a - rows[row + 1u])) * p.width;
    var part = 0.0;
    for (var b = columns[column + 1u]; b < columns[column + 3u]; b++) {
      let source = line + u32(columns[column] + b - columns[column + 1u]);
      part += columnWeights[b] * x[source * p.channels + i % p.channels];
    }
    sum += rowWeights[a] * part;
  }
  y[i] = sum;`,
});
