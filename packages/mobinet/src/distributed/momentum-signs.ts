import { applyInto, dispose, keep, type Tensor, withBackend, zeros } from '@mobinet/tensor';
import { elementwiseOp } from '@mobinet/tensor/kernels';
import { FlatLayout } from './flat-layout.js';
import type { Updated } from './parameter-update.js';
import type { VectorSum } from './replicated-update.js';
import { SignExchange } from './signs/sign-exchange.js';
import type { Team } from './team.js';

/** β, how much of the momentum is kept in each step: that of Adam and of SGD in `makeOptimizer`. */
const kept = 0.9;

/**
 * Adds the gradients of all ranks by the signs of their momentum (1-bit Adam, Tang et al., 2021). Single gradients are
 * too noisy for one bit: what matters is their running mean, m ← β·m + (1 − β)·g. Each rank r computes its share of the
 * next one, all exchange the signs of these shares with error feedback (`SignExchange`), and the sum is the next m:
 *
 *     m′ ← Σᵣ signs of (β·m / R + (1 − β)·gᵣ)        g ← (m′ − β·m) / (1 − β)        m ← m′
 *
 * The optimizer gets the gradient g whose running mean is exactly m′, so it need not know of the exchange.
 */
export class MomentumSigns implements VectorSum {
  readonly layout: FlatLayout;
  readonly #team: Team;
  readonly #exchange: SignExchange;
  /** m, [length]. */
  #momentum: Tensor;
  #vector: Tensor;

  /**
   * Takes over the momentum that an optimizer has: the running means of Adam, or the velocities of SGD.
   *
   * @throws RangeError if it has neither.
   */
  static async open({ model, optimizer }: Updated, team: Team): Promise<MomentumSigns> {
    const signs = new MomentumSigns({ model, optimizer }, team);
    for (const { name, offset } of signs.layout.segments) {
      const mean = optimizer.state.tensors.get(`mean.${name}`);
      // The velocity of SGD is the sum of βᵗ·g, that is 1 / (1 − β) times their mean.
      const velocity = optimizer.state.tensors.get(`velocity.${name}`);
      if (mean) signs.#momentum.values.set(await mean.data(), offset);
      else if (velocity)
        signs.#momentum.values.set(
          (await velocity.data()).map((v) => (1 - kept) * v),
          offset,
        );
    }
    return signs;
  }

  private constructor({ model }: Updated, team: Team) {
    const { rank, size } = team;
    this.#team = team;
    this.layout = FlatLayout.of(model.parameters(), { ranks: size, bucket: Number.POSITIVE_INFINITY });
    const { segments, length } = this.layout;
    this.#exchange = new SignExchange({
      segments: segments.map(({ offset, size }) => ({ first: offset, length: size })),
      size: length,
      rank,
      ranks: size,
    });
    [this.#momentum, this.#vector] = withBackend('cpu', () => [keep(zeros([length])), keep(zeros([length]))]);
  }

  get vector(): Tensor {
    return this.#vector;
  }

  /** Ranks without images share the momentum, too: their gradient is 0. */
  sum(): void {
    const [momentum, next] = [this.#momentum, this.#vector];
    const { communicator, size } = this.#team;
    applyInto(momentumShareOp, [momentum, next], [next], { kept: kept / size, added: 1 - kept });
    this.#exchange.exchange(next, communicator);
    applyInto(gradientOfOp, [momentum, next], [momentum], { kept, scale: 1 / (1 - kept) });
    // The old momentum has become the gradient, and the next step writes its own over it.
    [this.#momentum, this.#vector] = [next, momentum];
  }

  dispose(): void {
    this.#exchange.dispose();
    dispose([this.#momentum, this.#vector]);
  }
}

const momentumShareOp = elementwiseOp({
  name: 'momentumShare',
  operands: ['momentum', 'gradient'],
  numbers: ['kept', 'added'],
  scalar: (momentum, gradient, { kept, added }) => kept * momentum + added * gradient,
  lanes: (momentum, gradient, { kept, added }) => kept.mul(momentum).add(added.mul(gradient)),
  wgsl: 'p.kept * momentum + p.added * gradient',
});

const gradientOfOp = elementwiseOp({
  name: 'gradientOfMomentum',
  operands: ['momentum', 'next'],
  numbers: ['kept', 'scale'],
  scalar: (momentum, next, { kept, scale }) => (next - kept * momentum) * scale,
  lanes: (momentum, next, { kept, scale }) => next.sub(kept.mul(momentum)).mul(scale),
  wgsl: '(next - p.kept * momentum) * p.scale',
});
