import type { Optimizer } from '@mobinet/autograd';
import {
  add,
  applyInto,
  assign,
  dispose,
  keep,
  maximum,
  mean,
  mul,
  reshape,
  type Tensor,
  tidy,
  withBackend,
  zeros,
} from '@mobinet/tensor/functions';
import { elementwiseOp, partOf } from '@mobinet/tensor/kernels';
import { FlatLayout, type Segment } from './flat-layout.js';
import type { Updated } from './parameter-update.js';
import type { VectorSum } from './replicated-update.js';
import { SignExchange } from './signs/sign-exchange.js';
import type { Team } from './team.js';

/**
 * Adds the gradients of all ranks by signs, together with the momentum of the optimizer (1-bit Adam, Tang et al., 2021).
 * Single gradients are too noisy for one bit; their running mean is not. So each rank r adds its share of the momentum μ·m
 * that the optimizer would have added to the sum, and all exchange the signs of that, with error feedback:
 *
 *     Σᵣ (gᵣ + μ·m / R) ≈ g + μ·m
 *
 * The optimizer then leaves its own momentum out (`hasMomentumInGradients`).
 */
export class MomentumSigns implements VectorSum {
  readonly layout: FlatLayout;
  readonly vector: Tensor;
  readonly #team: Team;
  readonly #optimizer: Optimizer;
  readonly #exchange: SignExchange;

  /** Until `dispose`, the optimizer expects gradients with momentum. */
  constructor({ model, optimizer }: Updated, team: Team) {
    const { rank, size } = team;
    this.#team = team;
    this.#optimizer = optimizer;
    this.layout = FlatLayout.of(model.parameters(), { ranks: size, bucket: Number.POSITIVE_INFINITY });
    this.#exchange = new SignExchange(this.layout, rank);
    this.vector = withBackend('cpu', () => keep(zeros([this.layout.length])));
    optimizer.hasMomentumInGradients = true;
    for (const [name, squares] of optimizer.state.tensors) if (name.startsWith('square.')) raise(squares);
  }

  /** A rank without images has a share of the momentum, too. */
  async put({ name, offset, size }: Segment, gradient: Tensor | null): Promise<void> {
    const momentum = this.#optimizer.momentumOf(name);
    const factor = (momentum?.factor ?? 0) / this.#team.size;
    const target = partOf(this.vector, offset, size);
    if (!momentum) target.values.set((await gradient?.data()) ?? new Float32Array(size));
    else if (momentum.tensor.backend === 'cpu') {
      tidy(() => {
        const [own, shared] = [gradient ?? zeros([size]), momentum.tensor].map((each) => reshape(each, [size]));
        applyInto(addMomentumOp, [own, shared], [target], { factor });
      });
    } else {
      const share = tidy(() => (gradient ? add(gradient, mul(momentum.tensor, factor)) : mul(momentum.tensor, factor)));
      target.values.set(await share.data());
      share.dispose();
    }
    target.dispose();
  }

  sum(): void {
    this.#exchange.exchange(this.vector, this.#team.communicator);
  }

  dispose(): void {
    this.#optimizer.hasMomentumInGradients = false;
    this.#exchange.dispose();
    dispose(this.vector);
  }
}

/** The least mean of squares, as a share of its mean over the parameter. */
const least = 0.01;

/**
 * Raises the smallest means of squares. Signs give every element an update, also one whose gradient has always been 0:
 * Adam would divide it by 0 + ε.
 */
function raise(squares: Tensor): void {
  tidy(() => assign(squares, maximum(squares, mul(mean(squares), least))));
}

const addMomentumOp = elementwiseOp({
  name: 'addMomentum',
  operands: ['gradient', 'momentum'],
  numbers: ['factor'],
  scalar: (gradient, momentum, { factor }) => gradient + factor * momentum,
  lanes: (gradient, momentum, { factor }) => gradient.add(factor.mul(momentum)),
  wgsl: 'gradient + p.factor * momentum',
});
