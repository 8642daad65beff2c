import { readFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';

/** The machine that the figures are measured on. */
export const machine = () => ({
  cpu: processor().name,
  processors: availableParallelism(),
  node: `Node ${process.version}`,
});

export interface Processor {
  /** Its name. On Linux on x86, virtual machines often hide the model, so the name ends with its family and model. */
  readonly name: string;
  /** Its instruction sets by Linux's names, such as avx2; empty on other systems. */
  readonly features: ReadonlySet<string>;
}

/** The processor of this machine. */
export function processor(): Processor {
  return processorOf(cpus()[0]?.model.trim() ?? 'unknown', cpuInfo());
}

/** A processor, from the name that Node reports and from Linux's /proc/cpuinfo. */
export function processorOf(model: string, cpuInfo: string): Processor {
  const field = (name: string): string | undefined => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(cpuInfo)?.[1];
  const [family, number] = [field('cpu family'), field('model')];
  return {
    name: family && number ? `${model} (family ${family}, model ${number})` : model,
    features: new Set(field('flags')?.split(' ')),
  };
}

function cpuInfo(): string {
  try {
    return readFileSync('/proc/cpuinfo', 'utf8');
  } catch {
    return '';
  }
}

/** The instruction sets that OpenBLAS's kernels named SkylakeX use. */
const avx512 = ['avx512f', 'avx512cd', 'avx512bw', 'avx512dq', 'avx512vl'];

/**
 * The kernels that Debian's OpenBLAS has to be told to use: it does not recognize newer processors by their numbers and
 * then takes kernels that are several times slower. Kernels for AVX-512 end the process on a processor without it.
 */
export function openBlasKernels({ features }: Pick<Processor, 'features'>): { OPENBLAS_CORETYPE?: string } {
  if (avx512.every((name) => features.has(name))) return { OPENBLAS_CORETYPE: 'SkylakeX' };
  return features.has('avx2') && features.has('fma') ? { OPENBLAS_CORETYPE: 'Haswell' } : {};
}
