import { type BareItem, type List, parseDictionary, parseList } from 'structured-headers'
import { base64 } from '../crypto/bytes.ts'
import { waitOf } from '../retry/hint.ts'
import { type QuotaReading, reading } from './header-fields.ts'

// RateLimit and RateLimit-Policy as Structured Fields (RFC 9651), from draft-ietf-httpapi-ratelimit-headers-07 on.

interface Named {
  /** The name, or the quota where a policy has no other name. */
  readonly value: BareItem
  readonly partition: string | undefined
  count(parameter: string): number | undefined
  text(parameter: string): string | undefined
}

/** What the two fields say together; `prefix` stands before their names, as in `beta-ratelimit`. */
export function readStructured(headers: Headers, now: number, prefix = ''): QuotaReading[] {
  const source = `${prefix}ratelimit`
  const limits = headers.get(source) ?? ''
  const wait = (seconds: number | undefined) => waitOf(`${seconds}`, headers, now)
  const policies = itemsOf(headers.get(`${source}-policy`) ?? '').flatMap((item) => policyOf(item) ?? [])
  const readings = itemsOf(limits).flatMap((item) => {
    const remaining = item.count('r')
    if (typeof item.value !== 'string' || remaining === undefined) return []
    const { value: policy } = item
    const sameName = policies.filter((other) => other.policy === policy)
    const declared = sameName.find((other) => other.partition === item.partition) ?? sameName[0]
    const partition = item.partition ?? declared?.partition
    return reading({ ...declared, policy, partition, remaining, resetAfter: wait(item.count('t')), source })
  })
  if (!readings.length) readings.push(...readDictionary(limits, policies, source, wait))
  const said = new Set(readings.map(({ policy }) => policy))
  const silent = policies.filter(({ policy }) => !said.has(policy))
  return [...readings, ...silent.flatMap((policy) => reading({ ...policy, source: `${source}-policy` }))]
}

type Policy = Pick<QuotaReading, 'policy' | 'partition' | 'unit' | 'limit' | 'window'>

/** A policy has a name, or is only its quota, as up to draft -07. */
function policyOf({ value, partition, count, text }: Named): Policy | undefined {
  const seconds = count('w') || undefined
  const named = typeof value === 'string'
  const limit = named ? count('q') : whole(value)
  if (limit === undefined) return undefined
  return {
    policy: named ? value : seconds ? `${limit};w=${seconds}` : 'default',
    ...(partition !== undefined && { partition }),
    unit: text('qu') ?? 'requests',
    limit,
    ...(seconds && { window: seconds * 1000 }),
  }
}

/** Draft -07: `limit=100, remaining=50, reset=30`, of whichever policy is nearest to its end. */
function readDictionary(
  field: string,
  policies: readonly Policy[],
  source: string,
  wait: (seconds: number | undefined) => number | undefined,
): QuotaReading[] {
  const dictionary = attempted(() => parseDictionary(field)) ?? new Map<string, [BareItem]>()
  const member = (name: string) => whole(dictionary.get(name)?.[0])
  const [limit, remaining] = [member('limit'), member('remaining')]
  if (remaining === undefined) return []
  const declared = policies.find((policy) => policy.limit === limit)
  return reading({ ...declared, limit, remaining, resetAfter: wait(member('reset')), source })
}

/** Nothing is left of the policies that a problem document (RFC 9457) calls violated. */
export function violated(content: string, readings: readonly QuotaReading[]): readonly QuotaReading[] {
  const problem = attempted(() => JSON.parse(content)) as { 'violated-policies'?: unknown } | null | undefined
  const listed = problem?.['violated-policies']
  const names = new Set(Array.isArray(listed) ? listed.filter((name) => typeof name === 'string' && name) : [])
  const known = readings.map((one) => (names.delete(one.policy) ? { ...one, remaining: 0 } : one))
  return [...known, ...[...names].flatMap((policy) => reading({ policy, remaining: 0, source: 'violated-policies' }))]
}

function itemsOf(field: string): Named[] {
  const list: List = attempted(() => parseList(field)) ?? []
  return list.map(([value, parameters]) => {
    const key = parameters.get('pk')
    return {
      // What is an inner list is no policy.
      value: Array.isArray(value) ? false : value,
      partition: key instanceof ArrayBuffer ? base64(new Uint8Array(key)) : undefined,
      count: (name) => whole(parameters.get(name)),
      text: (name) => {
        const text = parameters.get(name)
        return typeof text === 'string' ? text : undefined
      },
    }
  })
}

/** A malformed field must be ignored as a whole. */
function attempted<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

function whole(value: unknown): number | undefined {
  return Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined
}
