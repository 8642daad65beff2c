import { type F32x4, f32x4 } from './lanes.js';

/** Transposes a 4×4 matrix, given by its rows. Pass variables, because each row is used twice. */
export function transpose4x4([a, b, c, d]: readonly F32x4[]): F32x4[] {
  const [ab, abHigh] = [f32x4.variable(a.shuffle(b, 0, 4, 1, 5)), f32x4.variable(a.shuffle(b, 2, 6, 3, 7))];
  const [cd, cdHigh] = [f32x4.variable(c.shuffle(d, 0, 4, 1, 5)), f32x4.variable(c.shuffle(d, 2, 6, 3, 7))];
  return [
    ab.shuffle(cd, 0, 1, 4, 5),
    ab.shuffle(cd, 2, 3, 6, 7),
    abHigh.shuffle(cdHigh, 0, 1, 4, 5),
    abHigh.shuffle(cdHigh, 2, 3, 6, 7),
  ];
}
