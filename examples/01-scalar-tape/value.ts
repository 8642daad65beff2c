/** A number that remembers which values it was computed from. */
export class Value {
  /** The derivative of the last value on which `backward` was called, with respect to this one. */
  gradient = 0;

  /** @param slopes The derivatives of this value with respect to each of its inputs. */
  constructor(
    public data: number,
    readonly inputs: readonly Value[] = [],
    readonly slopes: readonly number[] = [],
  ) {}

  add(other: Value): Value {
    return new Value(this.data + other.data, [this, other], [1, 1]);
  }

  mul(other: Value): Value {
    return new Value(this.data * other.data, [this, other], [other.data, this.data]);
  }

  tanh(): Value {
    const y = Math.tanh(this.data);
    return new Value(y, [this], [1 - y * y]);
  }

  relu(): Value {
    return new Value(Math.max(this.data, 0), [this], [this.data > 0 ? 1 : 0]);
  }

  /** Computes the derivative of this value with respect to every value that it depends on. */
  backward(): void {
    const order = topologicalOrder(this);
    for (const value of order) value.gradient = 0;
    this.gradient = 1;
    for (const { inputs, slopes, gradient } of order.reverse())
      inputs.forEach((input, i) => {
        input.gradient += gradient * slopes[i];
      });
  }
}

/** All values that a result was computed from, and the result. Each value comes after its inputs. */
export function topologicalOrder(result: Value): Value[] {
  const order = new Set<Value>();
  const visit = (value: Value): void => {
    if (order.has(value)) return;
    value.inputs.forEach(visit);
    order.add(value);
  };
  visit(result);
  return [...order];
}
