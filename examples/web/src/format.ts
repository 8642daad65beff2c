const numbers = new Intl.NumberFormat('en');
export const formatNumber = (value: number): string => numbers.format(value);

/** Three digits or so, such as 12.3 ms, 9.87 ms and 987 µs. */
export function formatTime(milliseconds: number): string {
  if (milliseconds < 1) return `${Math.round(1000 * milliseconds)} µs`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 2 : 1)} ms`;
}

/** In decimal units, as in file managers. */
export function formatBytes(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
