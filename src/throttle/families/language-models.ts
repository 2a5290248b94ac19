import { wholeWait } from '../../retry/hint.ts'
import { reading } from '../header-fields.ts'
import { type Family, family, matching, WINDOWS } from './family.ts'

/** Requests and tokens, with durations as Go writes them. So do Azure OpenAI, Groq and others. */
export const openai: Family = family(
  'OpenAI',
  ['x-ratelimit-remaining-requests', 'x-ratelimit-remaining-tokens'],
  ({ count, text }) =>
    ['requests', 'tokens'].flatMap((unit) =>
      reading({
        policy: unit,
        unit,
        limit: count(`x-ratelimit-limit-${unit}`),
        remaining: count(`x-ratelimit-remaining-${unit}`),
        resetAfter: durationOf(text(`x-ratelimit-reset-${unit}`)),
        source: `x-ratelimit-remaining-${unit}`,
      }),
    ),
)

export const anthropic: Family = family(
  'Anthropic',
  ['anthropic-ratelimit-requests-limit', 'anthropic-ratelimit-tokens-limit', 'anthropic-ratelimit-input-tokens-limit'],
  ({ count, wait }) =>
    ['requests', 'tokens', 'input-tokens', 'output-tokens'].flatMap((policy) =>
      reading({
        policy,
        unit: policy === 'requests' ? policy : 'tokens',
        limit: count(`anthropic-ratelimit-${policy}-limit`),
        remaining: count(`anthropic-ratelimit-${policy}-remaining`),
        resetAfter: wait(`anthropic-ratelimit-${policy}-reset`),
        source: `anthropic-ratelimit-${policy}-remaining`,
      }),
    ),
)

/** The window is in the name. */
export const mistral: Family = family(
  'Mistral',
  ['x-ratelimit-remaining-req-minute', 'x-ratelimit-remaining-tokens-minute'],
  ({ headers, count }) =>
    matching(headers, /^x-ratelimit-remaining-((req|tokens)-(\w+))$/, (source, [, policy, kind, window]) =>
      reading({
        policy,
        unit: kind === 'req' ? 'requests' : 'tokens',
        limit: count(`x-ratelimit-limit-${policy}`),
        remaining: count(source),
        window: WINDOWS[window as string],
        source,
      }),
    ),
)

/** `6m0s`, `1.5s`, `12ms`, in milliseconds. */
function durationOf(text: string | undefined): number | undefined {
  if (!text || !/^(\d{1,9}(\.\d{1,9})?(h|m|s|ms|us|ns))+$/.test(text)) return undefined
  const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1, us: 1e-3, ns: 1e-6 }
  let sum = 0
  for (const [, value, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) sum += Number(value) * (units[unit as string] ?? 0)
  return wholeWait(sum)
}
