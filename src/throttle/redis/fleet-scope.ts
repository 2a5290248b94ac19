import type { Scope } from '../scope.ts'
import type { Cell } from './cell.ts'
import { counted, load, type Members, save } from './saved.ts'

// After so many writes of others in between, a process goes on with what it knows.
const MOST_CONFLICTS = 8
// Milliseconds to leave Redis alone after it did not answer: twice as long each time, up to the longest.
const FIRST_PAUSE = 1000
const LONGEST_PAUSE = 30_000

/** A scope that several processes share: each step is taken on what all of them know. */
export interface FleetScope {
  /** Runs `task` on the newest state, as if alone; again where others were faster. `undo` takes back what it did here. */
  step<T>(task: () => T, undo?: () => void): Promise<T>
}

interface Step {
  run(): void
  undo(): void
  done(): void
}

export function createFleetScope(
  scope: Scope,
  cell: Promise<Cell>,
  me: string,
  onAway: (away: boolean) => void,
): FleetScope {
  let version = ''
  let others: Members = {}
  let offset = 0
  let fastest = Number.POSITIVE_INFINITY
  let waiting: Step[] = []
  let busy = false
  let pause = 0
  let awayUntil = 0

  return {
    step(task, undo = () => {}) {
      return new Promise((resolve) => {
        let result: ReturnType<typeof task>
        waiting.push({
          run: () => {
            result = task()
          },
          undo,
          done: () => resolve(result),
        })
        if (!busy) void drain()
      })
    },
  }

  async function drain(): Promise<void> {
    busy = true
    // What is asked for in the same turn goes together.
    await undefined
    while (waiting.length) {
      const steps = waiting
      waiting = []
      if (performance.now() < awayUntil) for (const { run } of steps) run()
      else await together(steps)
      for (const { done } of steps) done()
    }
    busy = false
  }

  async function together(steps: readonly Step[]): Promise<void> {
    let taken = false
    try {
      // The first look tells the time, on which everything else stands.
      if (version === '') {
        const newest = await swap('')
        if (newest) others = load(newest, scope, offset, me)
      }
      for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts++) {
        others = counted(scope, offset, others)
        const flights = new Set(scope.flights)
        const before = saved()
        for (const { run } of steps) run()
        taken = true
        const after = saved()
        const newest = await swap(after === before ? '' : after)
        if (newest === undefined) return back()
        for (const { undo } of steps.toReversed()) undo()
        taken = false
        scope.flights.clear()
        for (const flight of flights) scope.flights.add(flight)
        others = load(newest || before, scope, offset, me)
      }
    } catch {
      // Whoever else has calls in flight, nobody will tell when they are back.
      others = counted(scope, 0, {})
      pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, pause * 2))
      awayUntil = performance.now() + pause
      if (pause === FIRST_PAUSE) onAway(true)
    }
    if (!taken) for (const { run } of steps) run()
  }

  function back(): void {
    if (pause) onAway(false)
    pause = 0
  }

  /** What stands there in truth where others were faster. */
  async function swap(state: string): Promise<string | undefined> {
    const sentAt = performance.now()
    const swapped = await (await cell).swap(version, state)
    const now = performance.now()
    const trip = now - sentAt
    if (trip <= fastest * 1.5) {
      fastest = Math.min(trip, fastest)
      offset = swapped.at - now + trip / 2
    }
    version = swapped.version
    return swapped.newest
  }

  function saved(): string {
    return save(scope, offset, me, others)
  }
}
