import type * as FastCheck from 'fast-check'
import type { CredentialStore, Version } from '../../src/types.ts'

/** Clients of the same records. */
export type Views = readonly CredentialStore[]

/** What stands there at the start, where a store has to be moved first; its version is not known before somebody is shown it. */
export const BEFORE = 'before'

/** One thing a client does; `seen` picks which of the versions it has seen so far it writes for. */
type Step =
  | { readonly do: 'get' | 'create' }
  | { readonly do: 'put' | 'delete if'; readonly seen: number }
  | { readonly do: 'delete' }
  | { readonly do: 'put under lock' }

/** What a client saw, and between which two moments it must have happened. */
interface Event {
  readonly began: number
  readonly ended: number
  readonly what: 'get' | 'put' | 'delete'
  readonly ifVersion?: Version | null | undefined
  readonly value?: string
  /** The version that stood after it, where it said so. */
  readonly version?: Version | null
  /** The value and version it was shown. */
  readonly shown?: string | undefined
  readonly result: 'ok' | 'conflict' | 'deleted' | 'absent'
}

/** ids of which back ends have made their own thing. */
const IDS = [
  'id',
  '__proto__',
  'constructor',
  '',
  '\0',
  '\ud800',
  'é'.normalize('NFD'),
  '}{',
  "'; --",
  'x'.repeat(10_000),
]

/** Clients that do random things at once on one record; there must be an order of all they saw in which it makes sense. */
export async function checkAgainstModel(
  open: (id: string) => Views | Promise<Views>,
  options: FastCheck.Parameters<unknown>,
  fc: typeof FastCheck.default,
  before?: typeof BEFORE,
): Promise<void> {
  const step: FastCheck.Arbitrary<Step> = fc.oneof(
    fc.record({ do: fc.constantFrom('get' as const, 'create' as const, 'delete' as const, 'put under lock' as const) }),
    fc.record({ do: fc.constantFrom('put' as const, 'delete if' as const), seen: fc.nat(3) }),
  )
  const plans = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 3 })
  await fc.assert(
    fc.asyncProperty(plans, fc.constantFrom(...IDS), async (clients, id) => {
      const views = await open(id)
      const events = await history(views, clients, id)
      if (!possible(events, before && { version: UNKNOWN, value: before }))
        throw new Error(`no order explains ${JSON.stringify(events, null, 1)}`)
    }),
    options as FastCheck.Parameters<[Step[][], string]>,
  )
}

async function history(views: Views, clients: readonly Step[][], id: string): Promise<Event[]> {
  const events: Event[] = []
  let [clock, written] = [0, 0]
  const client = async (store: CredentialStore, steps: readonly Step[]) => {
    const seen: Version[] = []
    const timed = async (work: () => Promise<Omit<Event, 'began' | 'ended'>>) => {
      const began = clock++
      const event = await work()
      events.push({ ...event, began, ended: clock++ })
    }
    const put = (ifVersion: Version | null) =>
      timed(async () => {
        const value = `value ${++written}`
        const result = await store.put(id, new TextEncoder().encode(value), { ifVersion })
        if (result.ok) seen.push(result.version)
        else if (result.current) seen.push(result.current.version)
        return result.ok
          ? { what: 'put', ifVersion, value, version: result.version, result: 'ok' }
          : { what: 'put', ifVersion, shown: shown(result.current), result: 'conflict' }
      })
    const remove = (ifVersion?: Version) =>
      timed(async () => {
        const result = await store.delete(id, ifVersion === undefined ? {} : { ifVersion })
        return { what: 'delete', ifVersion, result }
      })
    const get = () =>
      timed(async () => {
        const entry = await store.get(id)
        if (entry) seen.push(entry.version)
        return { what: 'get', shown: shown(entry), result: 'ok' }
      })
    for (const step of steps) {
      if (step.do === 'get') await get()
      else if (step.do === 'create') await put(null)
      else if (step.do === 'delete') await remove()
      else if (step.do === 'put under lock') await store.lock(id, () => put(seen.at(-1) ?? null))
      else {
        const version = 'seen' in step ? seen[seen.length - 1 - (step.seen % seen.length)] : undefined
        if (version === undefined) await get()
        else if (step.do === 'put') await put(version)
        else await remove(version)
      }
    }
  }
  await Promise.all(clients.map((steps, i) => client(views[i % views.length] as CredentialStore, steps)))
  return events
}

const shown = (entry: { value: Uint8Array; version: Version } | undefined) =>
  entry && `${entry.version} ${new TextDecoder().decode(entry.value)}`

const UNKNOWN = 'unknown' as Version
type State = { readonly version: Version; readonly value: string } | undefined

/** Searches for an order that keeps to the clock, and in which each did what the contract says (Wing and Gong, 1993). */
function possible(events: readonly Event[], state?: State, tried: Set<string> = new Set()): boolean {
  if (!events.length) return true
  const memo = `${state?.version} ${events.map(({ began }) => began).join()}`
  if (tried.has(memo)) return false
  tried.add(memo)
  const firstEnd = Math.min(...events.map(({ ended }) => ended))
  return events.some((event) => {
    if (event.began > firstEnd) return false
    const next = after(event, state)
    return (
      next !== 'impossible' &&
      possible(
        events.filter((other) => other !== event),
        next,
        tried,
      )
    )
  })
}

function after(event: Event, state: State): State | 'impossible' {
  const { what, ifVersion, value, version, result } = event
  const [first] = event.shown?.split(' ') ?? []
  if (state?.version === UNKNOWN && first) return after(event, { ...state, version: first as Version })
  const stands = state && `${state.version} ${state.value}`
  const matches = (state?.version ?? null) === ifVersion
  if (what === 'get') return event.shown === stands ? state : 'impossible'
  if (what === 'put') {
    if (result === 'ok') return matches ? { version: version as Version, value: value as string } : 'impossible'
    return !matches && event.shown === stands ? state : 'impossible'
  }
  const expected = !state ? 'absent' : ifVersion === undefined || matches ? 'deleted' : 'conflict'
  if (result !== expected) return 'impossible'
  return result === 'deleted' ? undefined : state
}
