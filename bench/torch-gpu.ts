import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

// PyTorch on the same GPU, in a Python process that reads requests line by line and does its own timing.

/** A way to run the float twin in PyTorch. */
interface Variant {
  readonly layout: 'contiguous' | 'channels_last';
  /** Whether products may round their operands to 10 bits of precision, which tensor cores multiply faster. */
  readonly tf32: boolean;
}

export const torchVariants: readonly Variant[] = [false, true].flatMap((tf32) =>
  (['contiguous', 'channels_last'] as const).map((layout) => ({ layout, tf32 })),
);

export const variantName = ({ layout, tf32 }: Variant): string => `${layout}${tf32 ? ', TF32' : ''}`;

/** A network to time, as the Python script names it. */
export interface TorchWork {
  readonly work: 'inference' | 'training';
  readonly size: number;
  readonly batch: number;
}

export class TorchGpu {
  /** The version and the device. */
  readonly name: string;
  readonly #child: ChildProcess;
  readonly #replies: AsyncIterator<string>;

  private constructor(name: string, child: ChildProcess, replies: AsyncIterator<string>) {
    this.name = name;
    this.#child = child;
    this.#replies = replies;
  }

  /** @returns The reason if PyTorch or CUDA is missing. */
  static async start(python: string, device = 'cuda'): Promise<TorchGpu | { readonly reason: string }> {
    const script = join(import.meta.dirname, 'torch_gpu.py');
    const child = spawn(python, [script, device], { stdio: ['pipe', 'pipe', 'inherit'] });
    const failure = new Promise<string>((resolve) => child.once('error', ({ message }) => resolve(message)));
    const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const first = await Promise.race([replies.next(), failure.then((reason) => ({ reason }))]);
    if ('reason' in first) return first;
    if (first.done) return { reason: `${python} ended before it printed anything` };
    const { name, reason } = JSON.parse(first.value);
    return name ? new TorchGpu(name, child, replies) : { reason };
  }

  /** The milliseconds per run, of runs that take about `milliseconds` together. */
  async time(work: TorchWork, variant: Variant, milliseconds: number): Promise<number> {
    this.#child.stdin!.write(`${JSON.stringify({ ...work, ...variant, milliseconds })}\n`);
    const { value, done } = await this.#replies.next();
    if (done) throw new Error('the PyTorch process ended before it replied');
    return JSON.parse(value).milliseconds;
  }

  stop(): void {
    this.#child.kill();
  }
}
