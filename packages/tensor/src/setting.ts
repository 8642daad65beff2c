/** A dynamically scoped value, such as the backend of new tensors. */
export class Setting<T> {
  constructor(public current: T) {}

  /** Runs `body` with another value, and then restores the previous one. */
  during<R>(value: T, body: () => R): R {
    const outer = this.current;
    this.current = value;
    try {
      return body();
    } finally {
      this.current = outer;
    }
  }
}
