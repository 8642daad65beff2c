import type { Tensor } from '@mobinet/tensor/functions';
import { groupsOf, linearWorkgroup, maxBuffers, memoize, Shader } from '@mobinet/tensor/kernels';
import type { ParameterUpdate, UpdateDefinition } from './update-definition.js';

/**
 * The kernel of an update for a GPU, in place. Each dispatch updates as many parameters as it has buffers for, because
 * most parameters are vectors of channels, too small for a launch of their own.
 */
export class UpdateShader<N extends string> {
  readonly #perParameter: number;
  readonly #written: readonly string[];
  readonly #shaderFor: (count: number) => Shader<Record<string, 'f32'>, Record<string, 'f32'>, Numbers>;

  constructor(definition: UpdateDefinition<N>) {
    this.#written = writtenVariables(definition);
    this.#perParameter = 1 + this.#written.length;
    this.#shaderFor = memoize((count: number) => updateShader(definition, count));
  }

  run(updates: readonly ParameterUpdate[], numbers: Readonly<Record<N, number>>): void {
    const perDispatch = Math.floor(maxBuffers() / this.#perParameter);
    for (let first = 0; first < updates.length; first += perDispatch) {
      this.#runTogether(updates.slice(first, first + perDispatch), numbers);
    }
  }

  #runTogether(updates: readonly ParameterUpdate[], numbers: Readonly<Record<N, number>>): void {
    const reads: Record<string, Tensor> = {};
    const writes: Record<string, Tensor> = {};
    const parameters: Record<string, number> = { ...numbers };
    let groups = 0;
    updates.forEach(({ tensors: [w, g, ...slots], gradientDecay, weightDecay }, k) => {
      reads[`g_${k}`] = g;
      [w, ...slots].forEach((tensor, at) => {
        writes[`${this.#written[at]}_${k}`] = tensor;
      });
      groups += Math.ceil(w.size / linearWorkgroup[0]);
      Object.assign(parameters, {
        [`count_${k}`]: w.size,
        [`endGroup_${k}`]: groups,
        [`gradientDecay_${k}`]: gradientDecay,
        [`weightDecay_${k}`]: weightDecay,
      });
    });
    this.#shaderFor(updates.length).run(reads, writes, parameters, groupsOf(groups, 1));
  }
}

type Numbers = Record<string, 'f32' | 'u32'>;

/** The variables that are written back, in the order of the tensors: the weight, then the slots. */
const writtenVariables = ({ slots }: Pick<UpdateDefinition<string>, 'slots'>): string[] => ['w', ...slots];

/** Updates `count` parameters. A workgroup works on one of them. */
function updateShader(definition: UpdateDefinition<string>, count: number) {
  const { name, numbers, wgsl } = definition;
  const written = writtenVariables(definition);
  const each = Array.from({ length: count }, (_, k) => k);
  const perParameter = { count: 'u32', endGroup: 'u32', gradientDecay: 'f32', weightDecay: 'f32' } as const;
  return new Shader<Record<string, 'f32'>, Record<string, 'f32'>, Numbers>(`${name}_${count}`, {
    reads: Object.fromEntries(each.map((k) => [`g_${k}`, 'f32'])),
    writes: Object.fromEntries(each.flatMap((k) => written.map((variable) => [`${variable}_${k}`, 'f32']))),
    parameters: Object.fromEntries([
      ...numbers.map((number) => [number, 'f32']),
      ...each.flatMap((k) => Object.entries(perParameter).map(([parameter, type]) => [`${parameter}_${k}`, type])),
    ]) as Numbers,
    workgroup: linearWorkgroup,
    declarations: each
      .map(
        (k) => `
fn update_${k}(i: u32) {
  if (i >= p.count_${k}) { return; }
  let gradientDecay = p.gradientDecay_${k};
  let weightDecay = p.weightDecay_${k};
  ${['g', ...written].map((variable) => `var ${variable} = ${variable}_${k}[i];`).join('\n  ')}
  ${wgsl.trim()}
  ${written.map((variable) => `${variable}_${k}[i] = ${variable};`).join('\n  ')}
}`,
      )
      .join(''),
    main: `
  let block = group.y * groups.x + group.x;
  ${each
    .map((k) => {
      const start = k === 0 ? '0u' : `p.endGroup_${k - 1}`;
      return `if (block < p.endGroup_${k}) { update_${k}((block - ${start}) * ${linearWorkgroup[0]}u + lane); return; }`;
    })
    .join('\n  ')}`,
  });
}
