/** Whether a point of a shape has its second color. Coordinates are those of `Shape`. */
export type Texture = (x: number, y: number) => boolean;

/** The textures of the photos. */
export const textures = {
  plain: () => false,

  /** Stripes of width π / 9, about six on a disc. */
  stripes: (x) => Math.sin(9 * x) > 0,

  /** Squares of side π / 8: the product is positive where both signs agree, as on a chessboard. */
  checks: (x, y) => Math.sin(8 * x) * Math.sin(8 * y) > 0,

  /** Discs of radius 0.3 in a grid of squares of side 1, all divided by 2.2. */
  dots: (x, y) => Math.hypot(fromNearestInteger(2.2 * x), fromNearestInteger(2.2 * y)) < 0.3,
} as const satisfies Record<string, Texture>;

export type TextureName = keyof typeof textures;

const fromNearestInteger = (x: number): number => x - Math.round(x);
