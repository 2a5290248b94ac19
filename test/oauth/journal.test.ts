import { expect, it } from 'vitest'
import { memoryStore } from '../../src/index.ts'
import { createJournal } from '../../src/oauth/journal.ts'
import type { SessionRecord } from '../../src/oauth/record.ts'

const record = (issuedAt: number, session = 's'): SessionRecord => ({ format: 1, session, tokens: {}, issuedAt })

function journal() {
  const store = memoryStore()
  return { store, ...createJournal(store, 'id') }
}

async function begun() {
  const one = journal()
  await one.replace(record(1))
  const held = await one.read()
  return { ...one, held: held as NonNullable<typeof held> }
}

it('a step is taken from the one before only', async () => {
  const { advance, held, read } = await begun()
  const next = await advance(held, record(2))
  expect(next).toEqual({ record: record(2), version: next?.version })
  expect(await advance(held, record(3))).toBeUndefined()
  expect(await read()).toEqual(next)
  expect(next && (await advance(next, record(4)))).toMatchObject({ record: record(4) })
})

it('what was given is kept over what was given before', async () => {
  const { advance, keep, held, read } = await begun()
  await advance(held, record(2))
  expect(await keep(held, record(2))).toMatchObject({ record: record(2) })
  const kept = await keep(held, record(3))
  expect(kept).toMatchObject({ record: record(3) })
  expect(await read()).toEqual(kept)
  expect(await keep(held, record(2))).toBe('newer')
  expect((await read())?.record).toEqual(record(3))
})

it('and brings back no session that was ended', async () => {
  const { keep, held, remove, replace, read } = await begun()
  expect(await remove()).toEqual(record(1))
  expect([await keep(held, record(2)), await read()]).toEqual(['gone', undefined])
  await replace(record(1, 'other'))
  expect([await keep(held, record(2)), (await read())?.record]).toEqual(['replaced', record(1, 'other')])
})

it('another session takes the place of any, or of the one that was seen', async () => {
  const { replace, read, held } = await begun()
  await replace(record(5, 'b'))
  await replace(record(6, 'c'), held.version)
  await replace(record(6, 'd'), null)
  expect((await read())?.record).toEqual(record(5, 'b'))
  await replace(record(7, 'e'), (await read())?.version)
  expect((await read())?.record).toEqual(record(7, 'e'))
})

it('also when somebody writes at the same moment, or removes it', async () => {
  for (const meanwhile of ['put', 'delete'] as const) {
    const { store, replace, read, held } = await begun()
    const { put } = store
    const other = new TextEncoder().encode('{}')
    let raced = false
    store.put = async (...args) => {
      if (!raced) {
        raced = true
        await (meanwhile === 'put' ? put('id', other, { ifVersion: held.version }) : store.delete('id'))
      }
      return put(...args)
    }
    await replace(record(9))
    expect((await read())?.record).toEqual(record(9))
  }
})

it('what is removed is the last that was there', async () => {
  const { store, remove, advance, held, read } = await begun()
  const { delete: really } = store
  let raced = false
  store.delete = async (...args) => {
    if (!raced) {
      raced = true
      await advance(held, record(2))
    }
    return really(...args)
  }
  expect([await remove(), await read(), await remove()]).toEqual([record(2), undefined, undefined])
})

it('what nobody can read is removed too', async () => {
  const { store, remove, read } = journal()
  await store.put('id', new TextEncoder().encode('?'), { ifVersion: null })
  expect(await remove()).toBeUndefined()
  expect(await read()).toBeUndefined()
})
