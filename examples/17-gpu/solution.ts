/** Solutions of the exercises of chapter 17. */

export function workgroupsFor(count: number, perGroup: number, limit: number): [x: number, y: number] {
  const groups = Math.ceil(count / perGroup);
  const rows = Math.max(1, Math.ceil(groups / limit));
  return [Math.ceil(groups / rows), rows];
}

export function treeSum(numbers: Float32Array): number {
  const parts = numbers.slice();
  for (let step = parts.length / 2; step >= 1; step /= 2) {
    // Stored in an f32, each sum is rounded.
    for (let lane = 0; lane < step; lane++) parts[lane] += parts[lane + step];
  }
  return parts[0];
}

export function largestOfRow(): string {
  return `
  var largest = x[i * p.columns];
  for (var j = 1u; j < p.columns; j++) { largest = max(largest, x[i * p.columns + j]); }
  y[i] = largest;`;
}
