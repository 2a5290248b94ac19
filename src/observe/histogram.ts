// Durations in buckets that grow by 4 %, so that a percentile is right within 2 % however many there are.
const GROWTH = Math.log(1.04)

export interface Histogram {
  record(milliseconds: number): void
  /** The value below which this part of all lies, e.g. 0.95. 0 when there are none. */
  percentile(part: number): number
  readonly count: number
  readonly max: number
}

export function createHistogram(): Histogram {
  const buckets = new Map<number, number>()
  let count = 0
  let max = 0
  return {
    get count() {
      return count
    },
    get max() {
      return max
    },
    record(milliseconds) {
      const bucket = Math.ceil(Math.log(Math.max(milliseconds, 0.01)) / GROWTH)
      buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1)
      max = Math.max(max, milliseconds)
      count++
    },
    percentile(part) {
      let left = Math.ceil(count * part)
      for (const bucket of [...buckets.keys()].sort((a, b) => a - b)) {
        left -= buckets.get(bucket) ?? 0
        if (left <= 0) return Math.min(max, Math.exp((bucket - 0.5) * GROWTH))
      }
      return max
    },
  }
}
