import type { Tensor } from '@mobinet/tensor';
import { groupsOf, linear, linearWorkgroup, Shader } from '@mobinet/tensor/kernels';
import type { ParameterUpdate, UpdateDefinition } from './update-definition.js';

/** The kernel of an update for a GPU: in place, one dispatch per parameter. */
export class UpdateShader<N extends string> {
  readonly #shader: Shader<{ of_g: 'f32' }, Record<string, 'f32'>, Record<string, 'f32' | 'u32'>>;
  /** The variables that are written back, in the order of the tensors: the weight, then the slots. */
  readonly #written: readonly string[];

  constructor({ name, slots, numbers, wgsl }: UpdateDefinition<N>) {
    const written = ['w', ...slots];
    this.#written = written;
    this.#shader = new Shader(name, {
      reads: { of_g: 'f32' },
      writes: Object.fromEntries(written.map((variable) => [`of_${variable}`, 'f32' as const])),
      parameters: {
        count: 'u32',
        gradientDecay: 'f32',
        weightDecay: 'f32',
        ...Object.fromEntries(numbers.map((number) => [number, 'f32' as const])),
      },
      workgroup: linearWorkgroup,
      main: `
  ${linear('p.count')}
  ${['g', ...written].map((variable) => `var ${variable} = of_${variable}[i];`).join('\n  ')}
  ${wgsl.trim()}
  ${written.map((variable) => `of_${variable}[i] = ${variable};`).join('\n  ')}`,
    });
  }

  run(updates: readonly ParameterUpdate[], numbers: Readonly<Record<N, number>>): void {
    for (const { tensors, gradientDecay, weightDecay } of updates) {
      const [w, g, ...slots] = tensors;
      const buffers = [w, ...slots].map((tensor, k): [string, Tensor] => [`of_${this.#written[k]}`, tensor]);
      const parameters = { ...numbers, gradientDecay, weightDecay, count: w.size };
      this.#shader.run({ of_g: g }, Object.fromEntries(buffers), parameters, groupsOf(w.size));
    }
  }
}
