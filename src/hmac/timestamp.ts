/** Seconds or milliseconds since the epoch, ISO 8601 with milliseconds (RFC 3339), an HTTP date (RFC 9110, section 5.6.7), or your own from milliseconds. */
export type TimestampFormat = 's' | 'ms' | 'iso' | 'rfc1123' | ((now: number) => string)

const formats = {
  s: (now: number) => String(Math.floor(now / 1000)),
  ms: (now: number) => String(Math.floor(now)),
  iso: (now: number) => new Date(now).toISOString(),
  rfc1123: (now: number) => new Date(now).toUTCString(),
}

export const timestampFormats: readonly string[] = Object.keys(formats)

export function formatTimestamp(format: TimestampFormat, now: number): string {
  return typeof format === 'function' ? format(now) : formats[format](now)
}
