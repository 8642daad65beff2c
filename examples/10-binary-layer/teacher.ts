import { Adam, mse, valueAndGradient } from '@mobinet/autograd';
import { BinaryLinear, type ScalingGradient } from '@mobinet/bnn';
import { dispose, Rng, tidy } from '@mobinet/tensor';
import { bestAlpha, sign } from './equations.js';

const rng = Rng.fromSeed(12);
const [inputs, outputs] = [32, 8];
const x = rng.split('x').normal([256, inputs]);

/** A binary layer with random weights, and its answers. */
const teacher = new BinaryLinear(inputs, outputs, { rng: rng.split('teacher') });
const answers = teacher.forward(x);
export const teacherWeights = teacher.weight.values;

/** Trains another layer on the answers. Returns its latent weights at the start and after each step. */
export function imitate(scalingGradient: ScalingGradient, steps: number): Float32Array[] {
  const student = new BinaryLinear(inputs, outputs, { scalingGradient, rng: rng.split('student') });
  const optimizer = new Adam({ learningRate: 0.002 });
  const step = valueAndGradient((student: BinaryLinear) => tidy(() => mse(student.forward(x), answers)));
  const weights = [student.weight.values.slice()];
  for (let i = 0; i < steps; i++) {
    const { value, gradients } = step(student);
    optimizer.update(student, gradients);
    dispose([value, gradients]);
    weights.push(student.weight.values.slice());
  }
  return weights;
}

/** The share of weights whose signs are the teacher's. */
export const shareOfEqualSigns = (weights: Float32Array): number =>
  weights.filter((weight, i) => sign(weight) === sign(teacherWeights[i])).length / weights.length;

/** The scaling factor of the first filter. */
export const firstAlpha = (weights: Float32Array): number => bestAlpha([...weights.subarray(0, inputs)]);
