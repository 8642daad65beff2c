/** A percentage with one decimal, or two below one percent. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined) return '–';
  const value = 100 * share;
  return `${value.toFixed(value > 0 && value < 1 ? 2 : 1)}\u00a0%`;
}

/** A number with so many decimals; a dash where there is none. */
export const fixed = (value: number | null | undefined, decimals: number): string =>
  value === null || value === undefined ? '–' : value.toFixed(decimals);

/** A number with three significant digits. */
export const short = (value: number): string => String(Number(value.toPrecision(3)));

/** A whole number with thousands separators. */
export const whole = (value: number): string => value.toLocaleString('en-US');

/** The name of a layer, without what all weights have in common. */
export const layerName = (weights: string): string => weights.replace(/(\.(conv|activation))?\.(weight|slope)$/, '');
