import type { Scope } from '../scope.ts'
import type { Cell } from './cell.ts'
import { BEAT, counted, load, type Members, save } from './saved.ts'

// After so many writes of others in between, a process goes on with what it knows.
const MOST_CONFLICTS = 8
// Milliseconds until Redis is asked again that did not answer: twice as long each time, up to the longest.
const FIRST_PAUSE = 100
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
  /** What the common clock is ahead of `performance.now()`. */
  let offset = 0
  let fastest = Number.POSITIVE_INFINITY
  let waiting: Step[] = []
  let busy = false
  let away = false
  /** Steps were taken that nobody else knows of. */
  let untold = false
  let beating = false
  return { step }

  function step<T>(task: () => T, undo = () => {}): Promise<T> {
    return new Promise((resolve) => {
      let result: T
      const run = () => {
        result = task()
      }
      waiting.push({ run, undo, done: () => resolve(result) })
      if (!busy) void drain()
    })
  }

  async function drain(): Promise<void> {
    busy = true
    // What is asked for in the same turn goes together.
    await undefined
    while (waiting.length) {
      const steps = waiting
      waiting = []
      if (away || !(await together(steps))) {
        for (const { run } of steps) run()
        untold = true
      }
      for (const { done } of steps) done()
    }
    busy = false
    if (beating || !scope.flights.size) return
    beating = true
    after(BEAT, signOfLife)
  }

  /** Others count our calls in flight only as long as we live. */
  function signOfLife(): void {
    beating = false
    if (!scope.flights.size) return
    untold = true
    void step(() => {})
  }

  /** False where the steps are not taken yet. */
  async function together(steps: readonly Step[]): Promise<boolean> {
    let taken = false
    try {
      // The first look tells the time, on which everything else stands.
      if (!version) await look()
      for (let conflicts = 0; conflicts < MOST_CONFLICTS; conflicts++) {
        others = counted(scope, offset, others)
        const flights = new Set(scope.flights)
        const before = save(scope, offset, me, others)
        for (const { run } of steps) run()
        taken = true
        const next = save(scope, offset, me, others)
        const newest = await swap(next === before && !untold ? '' : next)
        if (newest === undefined) {
          untold = false
          return true
        }
        for (const { undo } of steps.toReversed()) undo()
        taken = false
        scope.flights.clear()
        for (const flight of flights) scope.flights.add(flight)
        others = load(newest || before, scope, offset, me)
      }
    } catch {
      away = untold = true
      // Whoever else has calls in flight, nobody will tell when they are back.
      others = counted(scope, offset, {})
      onAway(true)
      later(FIRST_PAUSE)
    }
    return taken
  }

  function later(pause: number): void {
    after(pause, async () => {
      try {
        await look()
        away = false
        onAway(false)
        // Tells what happened in between.
        void step(() => {})
      } catch {
        later(Math.min(LONGEST_PAUSE, pause * 2))
      }
    })
  }

  async function look(): Promise<void> {
    const newest = await swap('')
    if (!newest) return
    const { until } = scope.gate
    others = load(newest, scope, offset, me)
    scope.gate.until = Math.max(scope.gate.until, until)
  }

  /** Gives what stands there in truth, where others were faster. */
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
}

/** No process must live for this. */
function after(pause: number, task: () => void): void {
  const timer: unknown = setTimeout(task, pause)
  if (typeof timer === 'object') (timer as { unref?(): void }).unref?.()
}
