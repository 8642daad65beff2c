/**
 * The distance of a point from the edge of a shape: negative inside, 0 on the edge, positive outside.
 *
 * Coordinates are relative to the center of the shape, whose corners are at a distance of about 1.
 */
export type Shape = (x: number, y: number) => number;

/** The shapes of the photos. Next to an edge, each is an exact distance, so edges can be drawn antialiased. */
export const shapes = {
  /** All points within 0.9 of the center. */
  disc: (x, y) => Math.hypot(x, y) - 0.9,

  /**
   * The half-planes |x| ≤ 0.8 and |y| ≤ 0.8. A point is in an intersection if it is in all parts, so the distance is
   * the largest of theirs.
   */
  square: (x, y) => Math.max(Math.abs(x), Math.abs(y)) - 0.8,

  /**
   * The three half-planes n · (x, y) ≤ ½ whose normals n are 120° apart: (0, −1) and (± sin 60°, cos 60°). The shape is
   * symmetric in x, so |x| serves both of the latter.
   */
  triangle: (x, y) => Math.max(0.866 * Math.abs(x) + 0.5 * y, -y) - 0.5,

  /**
   * A star is one edge, repeated: it has ten, each between a tip at radius 1 and a valley at radius 0.4, and the next
   * one is its mirror image. So the plane is folded at the tips and valleys: of a point, only its radius and its angle
   * from the nearest valley count, 0° to 36°. In these polar coordinates there is one edge, a line between the valley
   * at 0° and the tip at 36°.
   */
  star(x, y) {
    const r = Math.hypot(x, y);
    const fromValley = Math.abs(modulo(Math.atan2(x, y), tipToTip) - tipToTip / 2);
    return (r * Math.cos(fromValley) - valley) * edgeNormal[0] + r * Math.sin(fromValley) * edgeNormal[1];
  },

  /** All points within 0.2 of a circle of radius 0.7. */
  ring: (x, y) => Math.abs(Math.hypot(x, y) - 0.7) - 0.2,
} as const satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;

/** A rectangle given by half its width and half its height. */
export const bar =
  (halfWidth: number, halfHeight: number): Shape =>
  (x, y) =>
    Math.max(Math.abs(x) - halfWidth, Math.abs(y) - halfHeight);

/** The angle between two tips of a star. */
const tipToTip = (2 * Math.PI) / 5;

/** The radius of a star's valleys. */
const valley = 0.4;

/** The unit vector perpendicular to the edge from a star's valley, (0.4, 0), to its tip, (cos 36°, sin 36°). */
const edgeNormal = perpendicular(Math.cos(tipToTip / 2) - valley, Math.sin(tipToTip / 2));

/** The vector (x, y), turned by −90° and scaled to length 1. */
function perpendicular(x: number, y: number): [x: number, y: number] {
  const length = Math.hypot(x, y);
  return [y / length, -x / length];
}

/** The remainder in [0, divisor), unlike that of `%`, which has the sign of the dividend. */
const modulo = (dividend: number, divisor: number): number => ((dividend % divisor) + divisor) % divisor;
