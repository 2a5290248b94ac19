// The three date forms of HTTP (RFC 9110, section 5.6.7), and ISO 8601 (RFC 3339), which many APIs send instead. All are UTC.

const IMF = /^\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT$/
const RFC_850 = /^\w+, (\d{2})-(\w{3})-(\d{2}) (\d{2}:\d{2}:\d{2}) GMT$/
const ASCTIME = /^\w{3} (\w{3}) ([ \d]\d) (\d{2}:\d{2}:\d{2}) (\d{4})$/
const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})$/

/** Milliseconds since the epoch, or undefined when the text is no date of these forms. */
export function parseDate(text: string): number | undefined {
  const at = Date.parse(standard(text.trim()))
  return Number.isNaN(at) ? undefined : at
}

function standard(text: string): string {
  if (IMF.test(text) || ISO.test(text)) return text
  const old = RFC_850.exec(text)
  if (old) return `${old[1]} ${old[2]} ${century(Number(old[3]))} ${old[4]} GMT`
  // Date.parse would read this form as local time.
  const c = ASCTIME.exec(text)
  return c ? `${c[2]} ${c[1]} ${c[4]} ${c[3]} GMT` : 'no date'
}

// Two digits that seem more than 50 years ahead mean the past (RFC 9110, section 5.6.7).
function century(year: number): number {
  const now = new Date().getUTCFullYear()
  const full = now - (now % 100) + year
  return full > now + 50 ? full - 100 : full
}
