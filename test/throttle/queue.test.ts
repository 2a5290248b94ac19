import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createQueue, type Waiter } from '../../src/throttle/queue.ts'
import type { LimitedCall } from '../../src/types.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function waiter(order: number, priority?: number, signal = new AbortController().signal): Waiter {
  const call = { order, signal, ...(priority !== undefined && { priority }) } as LimitedCall
  return { call, queued: false, lookedAt: 0, wake: () => {} }
}

it('is in the order of priority, then of the requests', () => {
  const queue = createQueue()
  const waiters = [waiter(3), waiter(5, 1), waiter(1), waiter(2, -1), waiter(4, 1), waiter(6, 0)]
  for (const one of waiters) queue.add(one)
  expect(queue.length).toBe(6)
  const left: number[] = []
  for (let first = queue.first(0); first; first = queue.first(0)) {
    left.push(first.call.order)
    queue.remove(first)
    expect(first.queued).toBe(false)
  }
  expect(left).toEqual([4, 5, 1, 3, 6, 2])
})

it('holds each once, and removes only whom it holds', () => {
  const queue = createQueue()
  const [one, two] = [waiter(1), waiter(2)]
  queue.add(one)
  queue.add(one)
  queue.remove(two)
  expect(queue.length).toBe(1)
  queue.add(two)
  queue.remove(one)
  queue.remove(one)
  expect([queue.length, queue.first(0)]).toEqual([1, two])
})

it('who has not looked for three seconds is gone', () => {
  const queue = createQueue()
  const [one, two] = [waiter(1), waiter(2)]
  two.lookedAt = 1
  queue.add(one)
  queue.add(two)
  expect(queue.first(3000)).toBe(one)
  expect(queue.first(3001)).toBe(two)
  expect([one.queued, two.queued, queue.length]).toEqual([false, true, 1])
  expect(queue.first(3002)).toBeUndefined()
})

it('sleeps until its time, a second at most, until woken or aborted, and leaves nothing behind', async () => {
  const queue = createQueue()
  const slept = async (duration: number, wakeUp?: (one: Waiter, control: AbortController) => void) => {
    const control = new AbortController()
    const one = waiter(1, 0, control.signal)
    const removed = vi.spyOn(control.signal, 'removeEventListener')
    const began = performance.now()
    const sleeping = queue.sleep(one, duration)
    wakeUp?.(one, control)
    await vi.advanceTimersByTimeAsync(wakeUp ? 0 : 2000).then(() => sleeping)
    expect([removed.mock.calls.map(([type]) => type), vi.getTimerCount()]).toEqual([['abort'], 0])
    one.wake()
    expect(removed).toHaveBeenCalledTimes(1)
    return performance.now() - began
  }
  const woken = vi.fn()
  void queue.sleep(waiter(1), 500).then(woken)
  await vi.advanceTimersByTimeAsync(499)
  expect(woken).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)
  expect(woken).toHaveBeenCalled()
  void queue.sleep(waiter(1), Number.POSITIVE_INFINITY).then(woken)
  await vi.advanceTimersByTimeAsync(999)
  expect(woken).toHaveBeenCalledTimes(1)
  await vi.advanceTimersByTimeAsync(1)
  expect(woken).toHaveBeenCalledTimes(2)
  expect(await slept(500, (one) => one.wake())).toBe(0)
  expect(await slept(500, (_, control) => control.abort())).toBe(0)
  await slept(500)
})
