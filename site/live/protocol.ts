// What the workers of the page post to it.

/** A line of a program, its end, or the error that ended it. */
export type Printed = { kind: 'text' | 'error'; text: string } | { kind: 'end' };

/** How far the plane of the spirals reaches from 0, up and down, left and right. */
export const reach = 1.1;

/** A point of one of two spirals. */
export interface SpiralPoint {
  readonly x: number;
  readonly y: number;
  readonly label: number;
}

/** A network that learns two spirals, after some steps. */
export interface SpiralsState {
  readonly step: number;
  readonly loss: number;
  /** The share of points that are classified correctly. */
  readonly accuracy: number;
  readonly points: readonly SpiralPoint[];
  /** For each cell of a grid over the plane, row by row from the top: the probability of class 1, of 255. */
  readonly regions: Uint8Array;
  /** How many rows and columns the grid has. */
  readonly grid: number;
}
