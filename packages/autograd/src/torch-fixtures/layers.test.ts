import {
  dropout,
  type GroupNormOptions,
  groupNorm,
  type LayerNormOptions,
  layerNorm,
  Rng,
  type Tensor,
} from '@mobinet/tensor';
import { type Compared, compareWithTorch } from './compare.test.helper.js';

/** `layerNorm` of one to three tensors, followed by options. */
const layerNormOf = (x: Tensor, ...rest: readonly (Tensor | LayerNormOptions)[]): Tensor => {
  const [gamma, beta] = rest.filter((it) => 'dtype' in it) as Tensor[];
  const [options] = rest.filter((it) => !('dtype' in it)) as LayerNormOptions[];
  return layerNorm(x, gamma, beta, options);
};

const groupNormOf =
  (groups: number) =>
  (x: Tensor, gamma?: Tensor, beta?: Tensor, options?: GroupNormOptions): Tensor =>
    groupNorm(x, groups, gamma, beta, options);

const dropoutOf = (rate: number) => (x: Tensor) => dropout(x, { rate, rng: Rng.fromSeed(0) });

compareWithTorch('layers', {
  layerNorm: layerNormOf as Compared,
  'groupNorm, 1 group': groupNormOf(1),
  'groupNorm, 2 groups': groupNormOf(2),
  'groupNorm, 3 groups': groupNormOf(3),
  'groupNorm, 6 groups': groupNormOf(6),
  'dropout, of all': dropoutOf(1),
  'dropout, of none': dropoutOf(0),
});
