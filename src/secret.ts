const REDACTED = 'Secret(<redacted>)'
const brand = Symbol.for('latchkey.Secret')

/**
 * Holds a secret so that no log, template, JSON or inspection shows it; `use` is the only way in.
 *
 * It does not protect memory: a debugger and a heap snapshot still see the value.
 */
export class Secret<T> {
  readonly #value: T

  constructor(value: T) {
    this.#value = value
    Object.freeze(this)
  }

  /** Hands the value to `task` and returns what that returns. */
  use<R>(task: (value: T) => R): R {
    return task(this.#value)
  }

  toString(): string {
    return REDACTED
  }

  toJSON(): string {
    return REDACTED
  }

  [Symbol.toPrimitive](): string {
    return REDACTED
  }

  get [Symbol.toStringTag](): string {
    return REDACTED
  }

  static {
    // A copy of this package has its own class: the brand tells its secrets apart from other objects, and opens none.
    Object.defineProperty(Secret.prototype, brand, { value: true })
    Object.defineProperty(Secret.prototype, Symbol.for('nodejs.util.inspect.custom'), { value: () => REDACTED })
  }
}

/** True for a Secret, also one made by another copy of this package. */
export function isSecret(value: unknown): value is Secret<unknown> {
  return typeof value === 'object' && value !== null && brand in value
}

/** The text inside, whether it was wrapped or not. */
export function reveal<T>(value: T | Secret<T>): T {
  return value instanceof Secret ? value.use((inner: T) => inner) : (value as T)
}
